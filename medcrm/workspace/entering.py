"""How does a person who rings or walks in become a lead? By the one intake, typed in by whoever talks with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q

from consent import addresses
from consent.addresses import InvalidAddress
from leads.models import Lead, Source
from leads.services import intake
from leads.services.intake import Delivery, Heard
from leads.submission import normalise
from leads.visibility import trained_for, visible
from leads.vocabulary import SourceKind
from medcrm import journey
from medcrm.lib.errors import RuleError
from medcrm.workspace import drafts
from routing import assignment
from routing.models import Agent

BY_STAFF = (SourceKind.INBOUND_CALL, SourceKind.MANUAL, SourceKind.PARTNER_REFERRAL)
KNOWN_SHOWN = 5


@dataclass(frozen=True)
class Entry:
    """What was typed: where it came from, the fields of the inquiry, and whether the person is there to talk."""

    source: Source
    fields: Mapping[str, object]
    is_here: bool
    permitted: Sequence[str] = ()
    words: str = ""
    key: str = ""


@dataclass(frozen=True)
class Entered:
    """The lead it became. `is_open` where whoever entered it may go on with it."""

    lead: Lead
    is_repeat: bool
    is_open: bool


@dataclass(frozen=True)
class Known:
    """Leads that share the number or the mailbox; those out of the reader's sight are only counted."""

    leads: Sequence[Lead] = ()
    same: Lead | None = None
    elsewhere: int = 0


def enter(entry: Entry, *, by: AbstractBaseUser, at: datetime) -> Entered:
    """Take the inquiry in, note that the person talks with us, let the lead walk the road.

    A repeat joins the known lead, whose owner stays; a new lead is of whoever entered it until a rule says otherwise.
    Raise InvalidFields with what must be mended; nothing is kept then, for the person is still there to be asked.
    """
    body = {name: value for name, value in entry.fields.items() if value not in ("", None)}
    normalise(body)
    raw = json.dumps(body, ensure_ascii=False).encode()
    delivery = Delivery(idempotency_key=_key(entry.key, raw, by))
    heard = Heard(by, entry.permitted, entry.words)
    inquiry = intake.receive(entry.source, raw, delivery, at=at, heard=heard)
    lead, is_named = inquiry.lead, bool(body.get("first_name") or body.get("last_name"))
    may_talk = not inquiry.is_repeat or is_named or _is(lead, visible(by))
    if entry.is_here and may_talk and _is(lead, trained_for(by)):
        _talk(lead, by, at)
    if not inquiry.is_repeat:
        _take(lead, by, at)
    journey.advance_one(lead.pk, at=at)
    lead.refresh_from_db()
    return Entered(lead, inquiry.is_repeat, _is(lead, to_record(by, at=at)))


def in_reach(user: AbstractBaseUser, *, at: datetime) -> Q:
    """What a person sees, and whom they have on the line right now, if they are trained for it."""
    return to_record(user, at=at) & trained_for(user)


def to_record(user: AbstractBaseUser, *, at: datetime) -> Q:
    """What a person sees, and whom they have on the line right now.

    Whoever has spoken with a lead records it, whatever the talk, the rules or a merge make of the lead meanwhile; its
    story is read only by those in whose reach it is.
    """
    seen = visible(user)
    if not seen:  # no condition: everything
        return seen
    talks = drafts.on_the_line(user, at=at)
    return seen | Q(pk__in=talks.values("lead")) | Q(pk__in=talks.values("lead__merged_into"))


def known(phone: str, email: str, fields: Mapping[str, object], *, reader: AbstractBaseUser) -> Known:
    """Who has this number or mailbox already, and whom of them the inquiry would join. Whole addresses only."""
    shared = Q(pk__in=[])
    for kind, typed in ((addresses.PHONE, phone), (addresses.EMAIL, email)):
        try:
            address = addresses.find(kind, addresses.KINDS[kind](typed)) if typed else None
        except InvalidAddress:
            address = None
        if address:
            shared |= Q(**{kind: address})
    rows = list(Lead.objects.filter(shared, merged_into=None).select_related("service", "owner").order_by("-pk"))
    seen = set(Lead.objects.filter(visible(reader), pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    mine = [row for row in rows if row.pk in seen]
    return Known(mine[:KNOWN_SHOWN], intake.the_same(mine, fields), len(rows) - len(mine))


def _key(key: str, raw: bytes, by: AbstractBaseUser) -> str:
    """One press of the button is one inquiry; what was typed anew after going back is another."""
    return f"staff-{by.pk}-{hashlib.sha256(key.encode() + raw).hexdigest()}" if key else ""


def may_read(lead: Lead, user: AbstractBaseUser) -> bool:
    """Whether this person is trained for all that the lead's story speaks of."""
    condition = trained_for(user)
    return not condition or _is(lead, condition)


def _is(lead: Lead, condition: Q) -> bool:
    return Lead.objects.filter(condition, pk=lead.pk).exists()


def _talk(lead: Lead, by: AbstractBaseUser, at: datetime) -> None:
    """The talk needs no reservation. A call of ours that is not recorded yet stays what it is."""
    try:
        drafts.note_inbound(lead, by=by, at=at)
    except RuleError:
        return


@transaction.atomic
def _take(lead: Lead, by: AbstractBaseUser, at: datetime) -> None:
    """A new lead is of the agent who talks with it, if the team's rules of who may get it allow."""
    agent = Agent.objects.active().select_related("team", "user", "stand_in").filter(user=by).first()
    if agent is not None:
        assignment.claim(lead.pk, agent, at=at, note="entered by whoever talked with them")
