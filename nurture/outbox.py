"""What becomes of a message after its reservation? Handed to the provider outside any transaction, then recorded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from consent import gate, ledger
from consent.gate import Outcome
from consent.lifecycle import AttemptState
from consent.request import Decision
from leads import ical
from nurture import channels, lifecycle, links
from nurture.channels import Attachment, Channel, NotSent, Parcel, Receipt, Uncertain
from nurture.lifecycle import EnrollmentState, MessageState
from nurture.links import Recipient
from nurture.models import Acknowledgement, Enrollment, Message, Skip, VisitNotice
from nurture.vocabulary import Medium, SequenceCode

# Longer than a worker may take, and sooner than consent takes whatever nobody settled for made (consent.gate).
FORGOTTEN_AFTER = timedelta(minutes=10)
RETRY_AFTER = timedelta(minutes=15)  # a provider that is away comes back, or a person looks
MAX_TRIES = 3
CHANGES_A_CALENDAR = (SequenceCode.VISIT_BOOKED, SequenceCode.VISIT_MOVED, SequenceCode.VISIT_CANCELLED)

# What tells of the same visit anew, so that nobody hears the old time after the new one.
PLANNED_SINCE = VisitNotice.objects.filter(
    Q(hours_before=None) | Q(hours_before=OuterRef("hours_before")),
    appointment=OuterRef("appointment"),
    kind=OuterRef("kind"),
    pk__gt=OuterRef("pk"),
    due_at__isnull=False,
)


@dataclass(frozen=True)
class End:
    """How one message ended."""

    message: Message
    state: MessageState
    receipt: Receipt = Receipt("")
    error: str = ""
    refusal: NotSent | None = None


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


def takes_many() -> bool:
    """Whether every provider takes messages by the hundred."""
    return all(channel_for(medium).group > 1 for medium in (Medium.EMAIL, Medium.SMS))


def send_many(messages: Sequence[Message], *, clock: Callable[[], datetime]) -> Counter[str]:
    """Send reserved messages, group by group as their channels bear; count the states they ended in."""
    tally: Counter[str] = Counter()
    by_medium: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_medium[message.step.template.medium].append(message)
    for medium, waiting in by_medium.items():
        channel = channel_for(medium)
        for start in range(0, len(waiting), channel.group):
            tally.update(_send_group(channel, waiting[start : start + channel.group], clock=clock))
    return tally


def _send_group(channel: Channel, messages: Sequence[Message], *, clock: Callable[[], datetime]) -> Counter[str]:
    """Ask once more what each person wishes, hand over outside any transaction, record."""
    waiting = {message.attempt_id: message for message in messages}
    ends: list[End] = []
    for result in gate.hand_over_many(sorted(waiting), at=clock()):
        message = waiting[result.attempt_id]
        if result.refusal is not None:
            _cancel(message, result.refusal, at=clock())
            ends.append(End(message, MessageState.CANCELLED))
            if result.refusal.kind == "hold":
                _try_later(message, at=clock())
        elif result.is_on_its_way:
            ends.append(_hand_over(channel, message))
    settle_many([end for end in ends if end.state != MessageState.CANCELLED], at=clock())
    for end in ends:
        if end.refusal and end.refusal.is_opted_out:
            take_over_opt_out(end.message.attempt.address_id, at=clock(), provider=channel.name)
        if end.refusal and end.refusal.may_retry:
            _try_later(end.message, at=clock())
    return Counter(end.state.value for end in ends)


def _hand_over(channel: Channel, message: Message) -> End:
    try:
        receipt = channel.send(parcel(message))
    except NotSent as refusal:
        return End(message, MessageState.FAILED, Receipt(channel.name), str(refusal), refusal)
    except Uncertain as doubt:
        return End(message, MessageState.UNKNOWN, Receipt(channel.name), str(doubt))
    state = MessageState.DELIVERED if receipt.is_delivered else MessageState.SENT
    return End(message, state, receipt)


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
        attachment=_calendar_file(message) if is_email else None,
    )


def _calendar_file(message: Message) -> Attachment | None:
    """What a calendar takes in where the visit was booked, moved or called off. A reminder brings nothing new."""
    if message.enrollment.sequence.code not in CHANGES_A_CALENDAR:
        return None
    visit = message.enrollment.visitnotice.appointment
    return Attachment(
        ical.file_name(visit, ical.Reader.PERSON), ical.calendar_file(visit, ical.Reader.PERSON), "text/calendar"
    )


RECORD = """
UPDATE nurture_message m SET state = CASE WHEN m.state = 'reserved' THEN o.state ELSE m.state END,
  settled_at = %(at)s, provider = o.provider, provider_id = o.provider_id, error = o.error,
  sent_at = CASE WHEN o.state = ANY(%(reached)s::text[]) THEN %(at)s ELSE m.sent_at END
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(providers)s::text[], %(keys)s::text[], %(errors)s::text[])
  AS o(id, state, provider, provider_id, error)
WHERE m.id = o.id
"""


@transaction.atomic
def settle_many(ends: Sequence[End], *, at: datetime) -> None:
    """Record what became of messages, with their attempts. Where a provider's report came first, the report stands."""
    if not ends:
        return
    gate.settle_many(
        [
            Outcome(
                attempt_id=end.message.attempt_id,
                state=ATTEMPT_STATES[end.state],
                code=end.state.value,
                provider_id=end.receipt.provider_id,
                error=end.error,
            )
            for end in ends
        ],
        at=at,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            RECORD,
            {
                "at": at,
                "reached": [state.value for state in lifecycle.REACHED],
                "ids": [end.message.pk for end in ends],
                "states": [end.state.value for end in ends],
                "providers": [end.receipt.provider for end in ends],
                "keys": [end.receipt.provider_id for end in ends],
                "errors": [end.error[:300] for end in ends],
            },
        )


@transaction.atomic
def sweep_forgotten(*, at: datetime, after: timedelta = FORGOTTEN_AFTER, may_have_left: bool = False) -> Counter[str]:
    """Settle what was reserved and never recorded; count the states it ended in.

    What was being handed over may have left: it is unknown and never sent again. The rest did not leave, and goes back
    to its step; after a restore nobody knows, so that then all of it `may_have_left`.
    """
    columns = ("pk", "attempt_id", "enrollment_id", "step_id")
    forgotten = list(Message.objects.forgotten(at - after).only(*columns).order_by("pk"))
    mine = [message.attempt_id for message in forgotten]
    unsent = set() if may_have_left else gate.give_back(mine, at=at)
    ends = [
        End(message, MessageState.FAILED, error="Never handed over.")
        if message.attempt_id in unsent
        else End(message, MessageState.UNKNOWN, error="Never recorded.")
        for message in forgotten
    ]
    settle_many(ends, at=at)
    for end in sorted(ends, key=lambda end: end.message.enrollment_id):
        if end.state == MessageState.FAILED:
            _try_later(end.message, at=at)
    return Counter(end.state.value for end in ends)


@transaction.atomic
def _cancel(message: Message, refusal: Decision, *, at: datetime) -> None:
    """It may not be sent any more since its reservation: it never leaves, and the reason is kept.

    Where only the hour is wrong it failed, which leaves its step open for another try.
    """
    state = MessageState.FAILED if refusal.kind == "hold" else MessageState.CANCELLED
    Message.objects.filter(pk=message.pk).update(state=state, settled_at=at, error=refusal.sentence)
    Skip.objects.create(
        enrollment_id=message.enrollment_id,
        step_id=message.step_id,
        kind=Skip.Kind.SKIPPED,
        code=refusal.code,
        sentence=refusal.sentence,
        at=at,
    )


def take_over_opt_out(address_id: int, *, at: datetime, provider: str) -> None:
    """The carrier blocks the number because its owner texted STOP there: our ledger says so too [contact_rules 9]."""
    ledger.record(address_id, "revoke", occurred_at=at, at=at, scope="all", source=provider)


@transaction.atomic
def _try_later(message: Message, *, at: datetime) -> None:
    """Go back to the step, under a new reservation, while the sequence still runs, or to the notice. Locks the
    enrolment."""
    enrollment = Enrollment.objects.lock().get(pk=message.enrollment_id)
    tries = Message.objects.filter(enrollment=enrollment, step_id=message.step_id).count()
    if tries >= MAX_TRIES:
        return
    if enrollment.state != EnrollmentState.ACTIVE:
        again = {"due_at": at + RETRY_AFTER, "claimed_at": None}
        Acknowledgement.objects.filter(enrollment=enrollment).update(**again)
        VisitNotice.objects.filter(~Exists(PLANNED_SINCE), enrollment=enrollment, code="").update(**again)
        return
    enrollment.step_id, enrollment.next_due_at, enrollment.claimed_at = message.step_id, at + RETRY_AFTER, None
    enrollment.save(update_fields=["step", "next_due_at", "claimed_at"])
