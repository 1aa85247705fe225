"""What has this person typed about this lead, and who else has it open? Nothing typed is lost, nobody is surprised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from consent import gate
from consent.gate import Outcome
from consent.lifecycle import AttemptState
from consent.models import Address, Attempt
from consent.request import Decision
from consent.vocabulary import Purpose
from leads import contact
from leads.admin.road import Contact
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
class Dial:
    """The number that may be dialled now, and for how many seconds more."""

    number: Address
    seconds: int


@dataclass(frozen=True)
class Editor:
    """Somebody else who has the lead open; `typed_at` when they last typed."""

    name: str
    typed_at: datetime | None


def on_the_line(user: AbstractBaseUser, *, at: datetime) -> QuerySet[Draft]:
    """The talks this person has begun and not recorded yet, of this shift: theirs to record, whatever becomes of the
    lead in the middle of them."""
    spoken = Q(attempt__isnull=False) | Q(is_inbound=True)
    return Draft.objects.filter(spoken, user=user, saved_at__gt=at - SHIFT)


def of(lead_id: int, user: AbstractBaseUser, *, lock: bool = False) -> Draft | None:
    """What this person has typed about the lead, or about one that was merged into it meanwhile."""
    mine = Draft.objects.filter(Q(lead=lead_id) | Q(lead__merged_into=lead_id), user=user)
    # A call under way comes before mere words.
    rows = mine.select_related("attempt__address").order_by("attempt", "-is_inbound", "-saved_at", "pk")
    return (rows.select_for_update(of=("self",)) if lock else rows).first()


@transaction.atomic
def keep(lead_id: int, fields: Mapping[str, Sequence[str]], *, by: AbstractBaseUser, at: datetime) -> Draft:
    """Save what was typed so far; the last save wins. Opens the lead under a lease where nobody else has one."""
    typed = {name: [value[:LONGEST] for value in values] for name, values in fields.items()}
    draft = _ours(lead_id, by, at)
    draft.fields, draft.saved_at = typed, at
    draft.save(update_fields=["fields", "saved_at"])
    return draft


def begin_call(lead: Lead, *, purpose: str = Purpose.MARKETING, by: AbstractBaseUser, at: datetime) -> Draft:
    """Reserve the call that is about to be dialled, or return the one that still may be.

    Raise NotContactable when the gate refuses, RuleError without a number, or where there is nothing to inform about.
    The refusal is kept by the gate. A call that was reserved minutes ago and not recorded may have been made: it
    counts, and is settled as not known.
    """
    draft = _ours(lead.pk, by, at)
    request = contact.call_request(lead, purpose=purpose, at=at)
    if request is None:
        raise RuleError("NO_NUMBER", _("There is no phone number to call. Ask for one by e-mail."))
    if _is_good(draft.attempt, lead, at) and draft.attempt.purpose == purpose and _stands(gate.decide(request, at=at)):
        return draft
    attempt = gate.reserve(request, at=at, by=by)
    gate.hand_over(attempt.pk, at=at)
    if draft.attempt is not None:
        left = Outcome(attempt_id=draft.attempt.pk, state=AttemptState.UNKNOWN, code="not_recorded")
        gate.settle_many([left], at=at)
    draft.attempt, draft.is_inbound, draft.saved_at = attempt, False, at
    draft.save(update_fields=["attempt", "is_inbound", "saved_at"])
    return draft


def dial(draft: Draft | None, lead: Lead, contacts: Sequence[Contact], *, at: datetime) -> Dial | None:
    """What may be dialled under the draft's reservation, as long as it is fresh and nothing has come between."""
    if draft is None or not _is_good(draft.attempt, lead, at):
        return None
    voice = next(each for each in contacts if each.channel == "voice")
    informs = draft.attempt.purpose == Purpose.INFORMATIONAL and voice.informs
    if not (voice.is_allowed or informs or voice.code.startswith(contact.CAPS)):
        return None
    return Dial(draft.attempt.address, int((draft.attempt.at + contact.DIAL_WITHIN - at).total_seconds()))


def _is_good(attempt: Attempt | None, lead: Lead, at: datetime) -> bool:
    """Whether a reservation is of this number and of the last minutes."""
    return attempt is not None and attempt.address_id == lead.phone_id and at - attempt.at < contact.DIAL_WITHIN


def _stands(decision: Decision) -> bool:
    """Whether a reserved call is still allowed; that it counts itself against a cap is no reason against it."""
    return decision.allowed or decision.code.startswith(contact.CAPS)


def note_inbound(lead: Lead, *, by: AbstractBaseUser, at: datetime) -> Draft:
    """Say that the lead called us: the record needs no reservation. Raise RuleError while a call of ours is open."""
    draft = _ours(lead.pk, by, at)
    if draft.attempt_id is not None:
        raise RuleError("CALL_OPEN", _("You called this lead. Record how that call ended first."))
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
    draft = of(lead_id, by)
    if draft is None:
        draft, _made = Draft.objects.get_or_create(user=by, lead_id=lead_id, defaults={"began_at": at, "saved_at": at})
    worklist.hold(lead_id, by, at=at)
    return draft


def _name(user: AbstractBaseUser) -> str:
    return user.get_full_name() or user.get_username()
