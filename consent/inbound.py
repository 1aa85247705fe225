"""What happens when a person writes to us? Recorded, understood, obeyed at once, and answered at most once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext as _

from consent import ledger, people, wording
from consent.book import Policy
from consent.lifecycle import COUNTED
from consent.models import Address, Attempt, ConsentEvent, PolicySetting, Seller
from consent.vocabulary import AddressKind, EventKind, Purpose, Scope, Verdict
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

HEARD_ALWAYS = (Verdict.REVOKE, Verdict.REVIEW)


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
    at: datetime,
    key: str = "",
    also: Sequence[int] = (),
    source: str = "",
    by: AbstractBaseUser | None = None,
) -> Received:
    """Record a message and obey it. Locks the address.

    `key` is the provider's id of the message: the same one twice is one message, unless the second time it asks us to
    stop: that is never missed for an id given twice. `by` passed it on, where it did not arrive by itself. `also` are
    other addresses it speaks for: the mailbox we had written to, the number of the lead we take it for. A request to
    stop that comes by mail reaches the numbers of everybody who has one of these mailboxes [V02, CC: any means].
    """
    address = Address.objects.select_for_update(no_key=True).get(pk=address_id)
    verdict = wording.understand(text, channel)
    if key and (known := _known(address_id, key)) and (known.verdict == verdict or verdict not in HEARD_ALWAYS):
        return Received(known, known.verdict, is_new=False)
    entries = [
        ledger.Entry(
            address_id,
            EventKind.INBOUND,
            occurred_at=occurred_at,
            text=text,
            verdict=verdict,
            facts={"channel": channel, **({"key": key} if key else {})},
            source=source,
            by=by,
        )
    ]
    if verdict == Verdict.REVOKE:
        entries += _spread(address, _reached(address, also), channel, occurred_at, source)
    elif verdict == Verdict.REVIEW:
        entries += [_held(other.pk, entries[0], channel) for other in _reached(address, also)]
    event = ledger.record_many(entries, at=at)[0]
    return Received(event, verdict, _answer(verdict, seller))


def _known(address_id: int, key: str) -> ConsentEvent | None:
    told = ConsentEvent.objects.filter(address_id=address_id, kind=EventKind.INBOUND, facts__key=key)
    return told.order_by("-seq").first()


def _reached(address: Address, also: Iterable[int]) -> list[Address]:
    """The other addresses a message speaks for: a mailbox speaks for numbers, a number for itself alone."""
    named = Address.objects.filter(pk__in=[address.pk, *also])
    mailboxes = [each.pk for each in named if each.kind == AddressKind.EMAIL]
    companions = {pk for mailbox in mailboxes for pk in people.companions(mailbox)}
    numbers = Q(pk__in=companions, kind=AddressKind.PHONE)
    return list(Address.objects.filter(Q(pk__in=also) | numbers).exclude(pk=address.pk).order_by("pk"))


def _spread(
    address: Address, others: Iterable[Address], channel: str, occurred_at: datetime, source: str
) -> list[ledger.Entry]:
    """A stop by mail unsubscribes the mailboxes as well, and reaches the numbers."""
    common = {"occurred_at": occurred_at, "facts": {"via": channel}, "source": source}
    entries = [
        ledger.Entry(other.pk, EventKind.REVOKE, scope=Scope.ALL, **common)
        for other in others
        if other.kind == AddressKind.PHONE
    ]
    entries += [
        ledger.Entry(mailbox.pk, EventKind.EMAIL_UNSUB, **common)
        for mailbox in (*others, address)
        if mailbox.kind == AddressKind.EMAIL
    ]
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


def unanswered(address_ids: Iterable[int], *, at: datetime) -> set[tuple[int, str]]:
    """Address and channel where the last word is the person's: a message of theirs that nobody of ours has followed.

    What a program sends by itself, an acknowledgement say, is no answer. Such a message may be answered as a talk
    [contact_rules 19]; a request to stop is none. One query.
    """
    followed = Attempt.objects.filter(
        address=OuterRef("address"),
        channel=OuterRef("way"),
        at__gte=OuterRef("occurred_at"),
        state__in=COUNTED,
        automation="",
    )
    messages = (
        ConsentEvent.objects.filter(address__in=set(address_ids), kind=EventKind.INBOUND, about=None)
        .filter(occurred_at__lte=at, occurred_at__gte=Value(at) - _answerable_for())
        .exclude(verdict=Verdict.REVOKE)
    )
    waiting = messages.order_by().annotate(way=KT("facts__channel")).exclude(Exists(followed))
    return set(waiting.values_list("address", "way"))


def _answerable_for() -> Combinable:
    """How long a message may be answered: policy, because section 19 names no end. What comes later begins a talk."""
    setting = PolicySetting.objects.filter(code="answer_within_days").values(days=Cast("value", IntegerField()))
    days = Coalesce(Subquery(setting), Policy.answer_within_days)
    return days * Value(timedelta(days=1), output_field=DurationField())


# The review queue


def queue() -> QuerySet[ConsentEvent]:
    """Return the messages a person must read, the oldest first; policy gives one business day [11]."""
    return unread(ConsentEvent.objects.all()).select_related("address", "values").order_by("recorded_at")


def unread(events: QuerySet[ConsentEvent]) -> QuerySet[ConsentEvent]:
    """Return those of the events that are messages which a person must still read."""
    reviews = ConsentEvent.objects.filter(kind=EventKind.REVIEW, about=OuterRef("pk"))
    return events.filter(kind=EventKind.INBOUND, verdict=Verdict.REVIEW, about=None).exclude(Exists(reviews))


def review(event_id: UUID, verdict: str, *, by: AbstractBaseUser | None, at: datetime, note: str = "") -> ConsentEvent:
    """Write what a person read in a message: revoke or none. Where two readers differ, revoke stands.

    A mail that asks us to stop unsubscribes its mailbox and speaks for the person's numbers, as one understood at once.
    """
    if verdict not in (Verdict.REVOKE, Verdict.NONE):
        raise RuleError("INVALID_VERDICT", _("Say whether the person wants us to stop, yes or no."), field="verdict")
    event = ConsentEvent.objects.filter(pk=event_id, kind=EventKind.INBOUND).first()
    if event is None:
        raise RuleError("NO_SUCH_MESSAGE", _("This message is not in the ledger."), field="event")
    if event.about is not None:
        return review(event.about, verdict, by=by, at=at, note=note)
    held = list(ConsentEvent.objects.filter(kind=EventKind.INBOUND, verdict=Verdict.REVIEW, about=event.pk))
    entries = [
        ledger.Entry(
            each.address_id, EventKind.REVIEW, occurred_at=at, about=each.pk, verdict=verdict, text=note, by=by
        )
        for each in (event, *held)
    ]
    address = Address.objects.get(pk=event.address_id)
    if verdict == Verdict.REVOKE and address.kind == AddressKind.EMAIL:
        known = {each.address_id for each in held}
        others = [other for other in _reached(address, known) if other.pk not in known]
        entries += _spread(address, others, AddressKind.EMAIL.value, event.occurred_at, event.source)
    return ledger.record_many(entries, at=at)[0]
