"""What becomes of a message after its reservation? Handed to the provider outside any transaction, then recorded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection, transaction

from consent import gate, ledger
from consent.gate import NotContactable
from consent.lifecycle import AttemptState
from medcrm.lib.errors import InvalidTransition
from nurture import channels, lifecycle, links
from nurture.channels import Channel, NotSent, Parcel, Receipt, Uncertain
from nurture.lifecycle import EnrollmentState, MessageState
from nurture.links import Recipient
from nurture.models import Enrollment, Message, Skip
from nurture.vocabulary import Medium

FORGOTTEN_AFTER = timedelta(minutes=15)  # longer than any provider call; a worker that died in between left it
RETRY_AFTER = timedelta(minutes=15)  # a provider that is away comes back, or a person looks
MAX_TRIES = 3

ATTEMPT_STATES = {
    MessageState.SENT: AttemptState.SENT,
    MessageState.DELIVERED: AttemptState.SENT,
    MessageState.UNKNOWN: AttemptState.UNKNOWN,
    MessageState.FAILED: AttemptState.FAILED,
}


def channel_for(medium: str) -> Channel:
    """The provider of a medium. Inside a transaction nothing may leave the house, because it could be rolled back:
    worked cases and simulations run so, and get the sandbox whatever the settings say."""
    return channels.rehearsal(medium) if connection.in_atomic_block else channels.channel_for(medium)


def send(message: Message, *, clock: Callable[[], datetime]) -> MessageState:
    """Ask once more what the person wishes, hand over, record. Reads the message with its relations loaded."""
    try:
        gate.hand_over(message.attempt_id, at=clock())
    except NotContactable as refusal:
        return _cancel(message, refusal, at=clock())
    channel = channel_for(message.step.template.medium)
    try:
        receipt = channel.send(parcel(message))
    except NotSent as reason:
        settle(message.pk, MessageState.FAILED, at=clock(), receipt=Receipt(channel.name), error=str(reason))
        if reason.is_opted_out:
            _take_over_opt_out(message, at=clock(), provider=channel.name)
        if reason.may_retry:
            _try_later(message, at=clock())
        return MessageState.FAILED
    except Uncertain as doubt:
        settle(message.pk, MessageState.UNKNOWN, at=clock(), receipt=Receipt(channel.name), error=str(doubt))
        return MessageState.UNKNOWN
    state = MessageState.DELIVERED if receipt.is_delivered else MessageState.SENT
    settle(message.pk, state, at=clock(), receipt=receipt)
    return state


def parcel(message: Message) -> Parcel:
    """The message as the provider takes it; mail says how to unsubscribe with one click [RFC 8058]."""
    lead, seller = message.enrollment.lead, message.enrollment.lead.source.seller
    is_email = message.step.template.medium == Medium.EMAIL
    address = lead.email if is_email else lead.phone
    headers = {}
    if is_email:
        url = links.unsubscribe_url(Recipient(address.pk, seller.pk, lead.pk))
        headers = {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return Parcel(
        key=str(message.attempt_id),
        to=address.value or "",
        subject=message.subject,
        body=message.body,
        sender=seller.name,
        headers=headers,
    )


@transaction.atomic
def settle(message_id: int, state: MessageState, *, at: datetime, receipt: Receipt, error: str = "") -> Message:
    """Record what became of a message, with its attempt. Raise InvalidTransition if it had ended otherwise.

    A provider's report may be here before the answer to our own call: then the report stands.
    """
    message = Message.objects.select_for_update(of=("self",), no_key=True).get(pk=message_id)
    if state == MessageState.SENT and message.state in lifecycle.REACHED:
        state = MessageState(message.state)
    lifecycle.check(message.state, state)
    gate.settle(
        message.attempt_id,
        ATTEMPT_STATES.get(state, AttemptState.SENT),
        now=at,
        outcome=state.value,
        provider_id=receipt.provider_id,
        error=error,
    )
    message.state, message.settled_at = state, at
    message.provider, message.provider_id, message.error = receipt.provider, receipt.provider_id, error[:300]
    if state in lifecycle.REACHED:
        message.sent_at = at
    message.save(update_fields=["state", "settled_at", "provider", "provider_id", "error", "sent_at"])
    return message


def sweep_forgotten(*, at: datetime) -> int:
    """Mark as unknown what was reserved and never recorded: it may have left, so it is never sent again."""
    forgotten = Message.objects.forgotten(at - FORGOTTEN_AFTER).values_list("pk", flat=True)
    return sum(_forget(pk, at) for pk in list(forgotten))


def _forget(message_id: int, at: datetime) -> bool:
    try:
        settle(message_id, MessageState.UNKNOWN, at=at, receipt=Receipt(""), error="Never recorded.")
    except InvalidTransition:
        return False
    return True


@transaction.atomic
def _cancel(message: Message, refusal: NotContactable, *, at: datetime) -> MessageState:
    """The person withdrew after the reservation: it never leaves, and the reason is kept."""
    Message.objects.filter(pk=message.pk).update(state=MessageState.CANCELLED, settled_at=at, error=refusal.message)
    Skip.objects.create(
        enrollment_id=message.enrollment_id,
        step_id=message.step_id,
        kind=Skip.Kind.SKIPPED,
        code=refusal.code,
        sentence=refusal.message,
        at=at,
    )
    return MessageState.CANCELLED


def _take_over_opt_out(message: Message, *, at: datetime, provider: str) -> None:
    """The carrier blocks the number because its owner texted STOP there: our ledger says so too [contact_rules 9]."""
    ledger.record(message.attempt.address_id, "revoke", occurred_at=at, now=at, scope="all", source=provider)


@transaction.atomic
def _try_later(message: Message, *, at: datetime) -> None:
    """Go back to the step, under a new reservation, while the sequence still runs. Locks the enrolment."""
    enrollment = Enrollment.objects.lock().get(pk=message.enrollment_id)
    tries = Message.objects.filter(enrollment=enrollment, step_id=message.step_id).count()
    if enrollment.state != EnrollmentState.ACTIVE or tries >= MAX_TRIES:
        return
    enrollment.step_id, enrollment.next_due_at, enrollment.claimed_at = message.step_id, at + RETRY_AFTER, None
    enrollment.save(update_fields=["step", "next_due_at", "claimed_at"])
