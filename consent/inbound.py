"""What happens when a person writes to us? Recorded, understood, obeyed at once, and answered at most once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from consent import ledger, people, wording
from consent.models import Address, ConsentEvent, Seller
from consent.vocabulary import AddressKind, EventKind, Purpose, Scope, Verdict
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


@dataclass(frozen=True)
class Answer:
    """What may be answered at once, under its own reservation; an opt-out within five minutes, once [V05]."""

    purpose: str
    text: str


@dataclass(frozen=True)
class Received:
    """A message as understood. `is_new` is false for a delivery that was here before."""

    event: ConsentEvent
    verdict: str
    answer: Answer | None = None
    is_new: bool = True


@transaction.atomic
def receive(
    address_id: int,
    text: str,
    *,
    channel: str,
    seller: Seller,
    occurred_at: datetime,
    now: datetime,
    key: str = "",
    also: Sequence[int] = (),
    source: str = "",
) -> Received:
    """Record a message and obey it. Locks the address.

    `key` is the provider's id of the message: the same one twice is one message. `also` are the person's other
    addresses: a request to stop that comes by mail or letter speaks for their numbers too [V02, CC: any means].
    """
    address = Address.objects.select_for_update(no_key=True).get(pk=address_id)
    if key and (known := _known(address_id, key)):
        return Received(known, known.verdict, is_new=False)
    verdict = wording.understand(text, channel)
    entries = [
        ledger.Entry(
            address_id,
            EventKind.INBOUND,
            occurred_at=occurred_at,
            text=text,
            verdict=verdict,
            facts={"channel": channel, **({"key": key} if key else {})},
            source=source,
        )
    ]
    others = [other for other in also if other != address.pk]
    if verdict == Verdict.REVOKE:
        entries += _spread(address, others, channel, occurred_at, source)
    elif verdict == Verdict.REVIEW:
        entries += [_held(other, entries[0], channel) for other in others]
    event = ledger.record_many(entries, now=now)[0]
    return Received(event, verdict, _answer(verdict, seller))


def _known(address_id: int, key: str) -> ConsentEvent | None:
    return ConsentEvent.objects.filter(address_id=address_id, kind=EventKind.INBOUND, facts__key=key).first()


def _spread(
    address: Address, also: Sequence[int], channel: str, occurred_at: datetime, source: str
) -> list[ledger.Entry]:
    """A stop by mail unsubscribes the mailbox as well, and reaches the person's numbers."""
    facts = {"via": channel}
    entries = [
        ledger.Entry(other, EventKind.REVOKE, occurred_at=occurred_at, scope=Scope.ALL, facts=facts, source=source)
        for other in also
    ]
    if address.kind == AddressKind.EMAIL:
        entries.append(
            ledger.Entry(address.pk, EventKind.EMAIL_UNSUB, occurred_at=occurred_at, facts=facts, source=source)
        )
    return entries


def _held(other: int, message: ledger.Entry, channel: str) -> ledger.Entry:
    """What may be a request to stop holds the person's other addresses too, until it was read; the words stay there."""
    return ledger.Entry(
        other,
        EventKind.INBOUND,
        occurred_at=message.occurred_at,
        about=message.id,
        verdict=Verdict.REVIEW,
        facts={"channel": channel},
        source=message.source,
    )


def _answer(verdict: str, seller: Seller) -> Answer | None:
    """Name the one answer a message calls for: nothing that sells or argues [64.1200(a)(12), CTIA]."""
    who, help_at = seller.name, seller.help_contact or seller.postal_address
    if verdict == Verdict.REVOKE:
        said = _("%(who)s: you will get no more messages from us. To cancel or change a visit, call %(help)s.")
        return Answer(Purpose.OPTOUT_CONFIRMATION.value, said % {"who": who, "help": help_at})
    if verdict == Verdict.HELP:
        said = _("%(who)s: call %(help)s for help. Reply STOP to get no more messages. Msg & data rates may apply.")
        return Answer(Purpose.HELP_REPLY.value, said % {"who": who, "help": help_at})
    if verdict == Verdict.START:
        said = _("%(who)s: you will get our messages again. Reply HELP for help, STOP to stop.")
        return Answer(Purpose.CONVERSATIONAL_REPLY.value, said % {"who": who})
    return None


# The review queue


def queue() -> QuerySet[ConsentEvent]:
    """Return the messages a person must read, the oldest first; policy gives one business day [11]."""
    return unread(ConsentEvent.objects.all()).select_related("address", "values").order_by("recorded_at")


def unread(events: QuerySet[ConsentEvent]) -> QuerySet[ConsentEvent]:
    """Return those of the events that are messages which a person must still read."""
    reviews = ConsentEvent.objects.filter(kind=EventKind.REVIEW, about=OuterRef("pk"))
    return events.filter(kind=EventKind.INBOUND, verdict=Verdict.REVIEW, about=None).exclude(Exists(reviews))


def review(event_id: UUID, verdict: str, *, by: AbstractBaseUser | None, now: datetime, note: str = "") -> ConsentEvent:
    """Write what a person read in a message: revoke or none. Where two readers differ, revoke stands.

    A mail that asks us to stop unsubscribes its mailbox and speaks for the person's numbers, as one understood at once.
    """
    if verdict not in (Verdict.REVOKE, Verdict.NONE):
        raise RuleError("INVALID_VERDICT", _("Say whether the person wants us to stop, yes or no."), field="verdict")
    event = ConsentEvent.objects.filter(pk=event_id, kind=EventKind.INBOUND).first()
    if event is None:
        raise RuleError("NO_SUCH_MESSAGE", _("This message is not in the ledger."), field="event")
    if event.about is not None:
        return review(event.about, verdict, by=by, now=now, note=note)
    held = list(ConsentEvent.objects.filter(kind=EventKind.INBOUND, verdict=Verdict.REVIEW, about=event.pk))
    entries = [
        ledger.Entry(
            each.address_id, EventKind.REVIEW, occurred_at=now, about=each.pk, verdict=verdict, text=note, by=by
        )
        for each in (event, *held)
    ]
    address = Address.objects.get(pk=event.address_id)
    if verdict == Verdict.REVOKE and address.kind == AddressKind.EMAIL:
        numbers = set(people.companions(address.pk)) - {each.address_id for each in held}
        also = Address.objects.filter(pk__in=numbers, kind=AddressKind.PHONE).values_list("pk", flat=True)
        entries += _spread(address, list(also), AddressKind.EMAIL.value, event.occurred_at, event.source)
    return ledger.record_many(entries, now=now)[0]
