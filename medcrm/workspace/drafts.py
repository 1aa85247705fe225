"""What has this person typed about this lead, and who else has it open? Nothing typed is lost, nobody is surprised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet

from consent import gate
from leads import contact
from leads.models import Answer, Lead
from leads.services import checklist
from medcrm.lib.errors import RuleError
from medcrm.workspace.models import Draft
from routing import worklist
from routing.models import Lease

FRESH = timedelta(minutes=30)  # whoever typed longer ago has gone on to something else
SHIFT = timedelta(hours=12)  # what was not recorded by then is no talk that goes on
LONGEST = 4000  # characters of one field; more is a pasted page


@dataclass(frozen=True)
class Editor:
    """Somebody else who has the lead open; `typed_at` when they last typed."""

    name: str
    typed_at: datetime | None


def on_the_line(user: AbstractBaseUser, *, at: datetime) -> QuerySet[Draft]:
    """The talks this person has begun and not recorded yet, of this shift."""
    spoken = Q(attempt__isnull=False) | Q(is_inbound=True)
    return Draft.objects.filter(spoken, user=user, saved_at__gt=at - SHIFT)


def of(lead_id: int, user: AbstractBaseUser) -> Draft | None:
    return Draft.objects.select_related("attempt").filter(user=user, lead=lead_id).first()


@transaction.atomic
def keep(lead_id: int, fields: Mapping[str, Sequence[str]], *, by: AbstractBaseUser, at: datetime) -> Draft:
    """Save what was typed so far; the last save wins. Opens the lead under a lease where nobody else has one."""
    typed = {name: [value[:LONGEST] for value in values] for name, values in fields.items()}
    draft, _made = Draft.objects.update_or_create(
        user=by,
        lead_id=lead_id,
        defaults={"fields": typed, "saved_at": at},
        create_defaults=_new(at) | {"fields": typed},
    )
    worklist.hold(lead_id, by, at=at)
    return draft


def begin_call(lead: Lead, *, by: AbstractBaseUser, at: datetime) -> Draft:
    """Reserve the call that is about to be dialled, or return the one that is not recorded yet.

    Raise NotContactable when the gate refuses, RuleError without a number. The refusal is kept by the gate.
    """
    draft = _ours(lead.pk, by, at)
    if draft.attempt_id is not None:
        return draft
    request = contact.request_for(lead, "voice")
    if request is None:
        raise RuleError("NO_NUMBER", "There is no phone number to call. Ask for one by e-mail.")
    attempt = gate.reserve(request, at=at, by=by)
    gate.hand_over(attempt.pk, at=at)
    draft.attempt, draft.is_inbound, draft.saved_at = attempt, False, at
    draft.save(update_fields=["attempt", "is_inbound", "saved_at"])
    return draft


def note_inbound(lead: Lead, *, by: AbstractBaseUser, at: datetime) -> Draft:
    """Say that the lead called us: the record needs no reservation. Raise RuleError while a call of ours is open."""
    draft = _ours(lead.pk, by, at)
    if draft.attempt_id is not None:
        raise RuleError("CALL_OPEN", "You called this lead. Record how that call ended first.")
    draft.is_inbound, draft.saved_at = True, at
    draft.save(update_fields=["is_inbound", "saved_at"])
    return draft


def answer(lead_id: int, code: str, value: str, *, by: AbstractBaseUser, at: datetime) -> Answer:
    """Keep one answer of the checklist, as said on the call where there is one. Raise InvalidFields naming the code."""
    spoken = of(lead_id, by)
    origin = Answer.Origin.CALL if spoken and spoken.has_spoken else Answer.Origin.STAFF
    kept = checklist.answer_question(lead_id, code, value, by=by, at=at, origin=origin)
    worklist.hold(lead_id, by, at=at)
    return kept


def editors(lead_id: int, user: AbstractBaseUser, *, at: datetime) -> list[Editor]:
    """Everybody else who holds the lead or typed about it lately. Two queries."""
    typed = {
        draft.user_id: draft
        for draft in Draft.objects.filter(lead=lead_id, saved_at__gt=at - FRESH)
        .exclude(user=user)
        .select_related("user")
    }
    lease = Lease.objects.filter(lead=lead_id, expires_at__gt=at).exclude(user=user).select_related("user").first()
    found = [Editor(_name(draft.user), draft.saved_at) for draft in typed.values()]
    if lease is not None and lease.user_id not in typed:
        found.append(Editor(_name(lease.user), None))
    return found


def _ours(lead_id: int, by: AbstractBaseUser, at: datetime) -> Draft:
    draft, _made = Draft.objects.get_or_create(user=by, lead_id=lead_id, defaults=_new(at))
    worklist.hold(lead_id, by, at=at)
    return draft


def _new(at: datetime) -> dict[str, object]:
    return {"began_at": at, "saved_at": at}


def _name(user: AbstractBaseUser) -> str:
    return user.get_full_name() or user.get_username()
