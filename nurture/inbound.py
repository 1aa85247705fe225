"""What did the person, or the provider, tell us about a message? Replies and delivery reports, each taken once.

What a reply says about permission is in the ledger before anything else is done with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from consent import addresses, ledger, quoting
from consent import inbound as consent_inbound
from consent.addresses import InvalidAddress
from consent.models import Address, Attempt, Seller
from leads.models import Interaction, Lead
from leads.services import events, merging
from leads.vocabulary import InteractionKind
from medcrm.lib.errors import InvalidTransition
from nurture import confirming, lifecycle
from nurture.channels import channel_for
from nurture.channels.email import attempt_of
from nurture.lifecycle import MessageState
from nurture.models import Message, ProviderEvent

KINDS = {"sms": InteractionKind.SMS_REPLY, "email": InteractionKind.EMAIL_REPLY}
SEEN = {"opened": InteractionKind.EMAIL_OPEN, "clicked": InteractionKind.EMAIL_CLICK}
LEDGER = {"bounced": "email_hard_bounce", "complained": "email_complaint", "unsubscribed": "email_unsub"}
STOPPED_AT_CARRIER = "21610"  # Twilio: the number's owner texted STOP there [contact_rules 9]
STATES = {
    "delivered": MessageState.DELIVERED,
    "sent": MessageState.SENT,
    "undelivered": MessageState.FAILED,
    "failed": MessageState.FAILED,
    "bounced": MessageState.BOUNCED,
}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a person wrote back. `in_reply_to` is the provider's id of the message answered, where it is known;
    `is_automatic` says that it came marked as sent by no person."""

    provider: str
    key: str
    channel: str
    sender: str
    text: str
    in_reply_to: str = ""
    is_automatic: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a provider says became of a message."""

    provider: str
    key: str
    kind: str
    provider_id: str = ""
    attempt_id: int | None = None  # where our own call-back names it, which works before the provider's id is stored
    recipient: str = ""  # as the provider names it: a number or a mailbox
    error: str = ""


@transaction.atomic
def receive_reply(reply: Reply, *, at: datetime) -> ProviderEvent | None:
    """Keep a reply: ledger, timeline, the message it answers; its lead walks the road. None if it was here before.

    What a mailbox or a telephone answered by itself is kept and shown; it answers nothing and wakes nobody. A plain yes
    to the reminder of a visit confirms it, which stands on the timeline, and leaves nothing for a person to answer.
    """
    kind = "email" if reply.channel == "email" else "phone"
    value = addresses.normalise_email(reply.sender) if kind == "email" else addresses.normalise_phone(reply.sender)
    address = addresses.lock_addresses([(kind, value)])[kind, value]
    attempt = _named(reply)
    message = _answered(reply, address, attempt)
    event = _once(reply.provider, reply.key, "reply", at, address=address, message=message)
    if event is None:
        return None
    is_by_itself = events.answers_by_itself(reply.text, reply.channel, is_marked=reply.is_automatic)
    lead_id = _living(message.enrollment.lead_id) if message else _written_by_staff(attempt) or _lead_of(address)
    if message and not is_by_itself and confirming.confirm(message, _own_words(reply), at=at):
        _hear(address, reply, at)
    elif lead_id:
        events.record_activity(
            lead_id,
            KINDS[reply.channel],
            at=at,
            text=reply.text,
            sender_id=address.pk,
            written_to_id=attempt.address_id if attempt else None,
            key=reply.key,
            is_automatic=reply.is_automatic,
        )
    elif not is_by_itself:
        _hear(address, reply, at)
    if message and not is_by_itself:
        _move(message, MessageState.REPLIED, at)
    return event


@transaction.atomic
def receive_report(report: Report, *, at: datetime) -> ProviderEvent | None:
    """Keep a delivery report; what it says about the address goes to the ledger. None if it was here before.

    The words of staff have an attempt and no message, and a report may come before the provider's id is stored: the
    ledger hears of the address all the same [E04].
    """
    named = {"attempt": report.attempt_id} if report.attempt_id else {"provider_id": report.provider_id}
    message = (
        Message.objects.select_related("attempt", "enrollment").filter(**named).first() if any(named.values()) else None
    )
    address = message.attempt.address if message else _reached(report)
    event = _once(report.provider, report.key, report.kind, at, address=address, message=message)
    if event is None:
        return None
    if address is not None:
        _tell_ledger(address, report, at)
    if message is None:
        return event
    if report.kind in SEEN:
        events.record_activity(_living(message.enrollment.lead_id), SEEN[report.kind], at=at)
    if report.kind in STATES:
        _move(message, STATES[report.kind], at, error=report.error)
    return event


def _reached(report: Report) -> Address | None:
    """Whom a report without a message of a sequence is about: the address of its attempt, or the one it names."""
    if report.attempt_id:
        attempt = Attempt.objects.select_related("address").filter(pk=report.attempt_id).first()
        if attempt is not None:
            return attempt.address
    kind = addresses.EMAIL if "@" in report.recipient else addresses.PHONE
    try:
        return addresses.find(kind, addresses.KINDS[kind](report.recipient)) if report.recipient else None
    except InvalidAddress:
        return None


def _tell_ledger(address: Address, report: Report, at: datetime) -> None:
    common = {"occurred_at": at, "at": at, "source": report.provider}
    if report.kind in LEDGER and address.kind == addresses.EMAIL:
        ledger.record(address.pk, LEDGER[report.kind], **common)
    elif report.error == STOPPED_AT_CARRIER and address.kind == addresses.PHONE:
        ledger.record(address.pk, "revoke", scope="all", **common)


def _once(
    provider: str, key: str, kind: str, at: datetime, *, address: Address | None, message: Message | None
) -> ProviderEvent | None:
    values = {"kind": kind[:20], "received_at": at, "address": address, "message": message}
    event, is_new = ProviderEvent.objects.get_or_create(provider=provider, key=key[:200], defaults=values)
    return event if is_new else None


def _named(reply: Reply) -> Attempt | None:
    """The contact a reply names, from whichever mailbox it comes: by our Message-ID or the provider's.

    A provider that makes its own tells us the id without brackets, and often without the domain.
    """
    names = reply.in_reply_to.split()
    contacts = Attempt.objects.filter(channel=reply.channel)
    if ours := [pk for name in names if (pk := attempt_of(name))]:
        return contacts.filter(pk__in=ours).first()
    bare = [name.strip("<>") for name in names]
    ids = {*names, *bare, *(name.partition("@")[0] for name in bare)} - {""}
    carriers = {reply.provider, channel_for(reply.channel).name}
    return contacts.filter(message__provider__in=carriers, message__provider_id__in=ids).first() if ids else None


def _answered(reply: Reply, address: Address, named: Attempt | None) -> Message | None:
    """The message this answers: the one named, or the last one that went to this address on this channel."""
    sent = Message.objects.select_related("enrollment")
    if named is not None:
        return sent.filter(attempt=named).first()
    return sent.filter(attempt__address=address, attempt__channel=reply.channel).sent().order_by("-pk").first()


def _written_by_staff(attempt: Attempt | None) -> int | None:
    """The lead to whom staff wrote in this contact; its words stand on the timeline alone."""
    if attempt is None:
        return None
    lead_id = Interaction.objects.filter(attempt=attempt).values_list("lead_id", flat=True).first()
    return _living(lead_id) if lead_id else None


def _living(lead_id: int) -> int:
    """The lead that something was sent to, or the one that it was merged into since."""
    return merging.root_of(Lead.objects.only("merged_into").get(pk=lead_id))


def _lead_of(address: Address) -> int | None:
    """The newest lead with this address; a shared number or mailbox has several."""
    holders = Lead.objects.filter(Q(phone=address) | Q(email=address), merged_into=None)
    return holders.order_by("-pk").values_list("pk", flat=True).first()


def _own_words(reply: Reply) -> str:
    """What they wrote themselves; a mail quotes what was said before."""
    return quoting.take_apart(reply.text).own if reply.channel == "email" else reply.text


def _hear(address: Address, reply: Reply, at: datetime) -> None:
    """What no lead has to hear, or no lead is known for: the ledger hears all the same."""
    seller = Seller.objects.order_by("pk").first()
    if seller:
        consent_inbound.receive(
            address.pk,
            reply.text,
            channel=reply.channel,
            seller=seller,
            occurred_at=at,
            at=at,
            key=reply.key,
            source=reply.provider,
        )


def _move(message: Message, state: MessageState, at: datetime, *, error: str = "") -> None:
    """Move a message on; a report that comes late, or twice in other words, changes nothing."""
    row = Message.objects.select_for_update(of=("self",), no_key=True).get(pk=message.pk)
    try:
        lifecycle.check(row.state, state)
    except InvalidTransition:
        return
    row.state, row.settled_at, row.error = state, at, error[:300] or row.error
    row.save(update_fields=["state", "settled_at", "error"])
