"""Who has just asked us, and is told at once that it arrived [2.18]? One message per inquiry, by the best way open.

Planned by the road, once it is known who owes the lead an answer and by when; sent by the worker like any step: own
reasons, the gate, a reservation, a message. No human act: no clock is met by it and no try counted (B18).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q
from django.db.models.functions import Coalesce

from consent import gate
from consent.models import Attempt
from consent.request import ContactRequest
from leads import criteria
from leads.models import Incident, Inquiry, Interaction, Lead
from leads.timing import NOTHING_PROMISED, Promise
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib import bell, copying
from medcrm.lib.models import VersionStatus
from nurture import batch as batches
from nurture import caps, composing, obstacles, outbox
from nurture.batch import WRITTEN, Batch
from nurture.lifecycle import EnrollmentState
from nurture.models import Acknowledgement, Enrollment, Message, Skip, Step, Wording
from nurture.models import Sequence as NurtureSequence
from nurture.obstacles import Obstacle
from nurture.querysets import LEASE
from nurture.rendering import NotRendered, Rendered
from nurture.vocabulary import ACKNOWLEDGED_BY_DEFAULT, AGAIN_AFTER_HOURS, NEVER_ACKNOWLEDGED, SequenceCode, SkipCode

log = structlog.get_logger(__name__)

FRESH = timedelta(hours=1)  # “at once”: whoever asked longer ago hears from a person
AUTOMATION = "nurture.acknowledging"
TASK = "nurture.tasks.dispatch_due"
Promised = Callable[[Sequence[int]], Mapping[int, Promise]]
Way = tuple[Enrollment, Step]


def plan(lead_ids: Sequence[int], *, promised: Promised, at: datetime) -> list[int]:
    """Note which of these leads have just asked and are to be told; return them. The caller holds their locks.

    `promised` says what they may be told of the answer. A second walk at the same moment writes nothing.
    """
    inquiries = _not_told(_fresh(lead_ids, at), at)
    sequence = _sequence() if inquiries else None
    if sequence is None:
        return []
    inquiries = _meant(inquiries, sequence, at)
    promises = promised([inquiry.lead_id for inquiry in inquiries])
    rows = Enrollment.objects.bulk_create(_enrollment(inquiry.lead, sequence, at) for inquiry in inquiries)
    Acknowledgement.objects.bulk_create(
        _acknowledgement(inquiry, row, promises.get(inquiry.lead_id, NOTHING_PROMISED), at)
        for inquiry, row in zip(inquiries, rows, strict=True)
    )
    if rows:
        bell.ring(TASK)
    return [row.lead_id for row in rows]


def _fresh(lead_ids: Sequence[int], at: datetime) -> list[Inquiry]:
    """What these leads have just asked themselves, by sources that acknowledge; the oldest first."""
    chosen = Q(source__acknowledged__is_active=True)
    usual = Q(source__acknowledged=None, source__kind__in=ACKNOWLEDGED_BY_DEFAULT)
    rows = Inquiry.objects.filter(
        chosen | usual,
        lead__in=list(lead_ids),
        status=Inquiry.Status.ACCEPTED,
        import_run=None,
        received_at__gt=at - FRESH,
        acknowledgement=None,
    )
    rows = rows.exclude(source__kind__in=NEVER_ACKNOWLEDGED).select_related("lead")
    rows = rows.annotate(again_after=Coalesce("source__acknowledged__again_after_hours", AGAIN_AFTER_HOURS))
    return list(rows.order_by("received_at", "pk"))


def _not_told(inquiries: Sequence[Inquiry], at: datetime) -> list[Inquiry]:
    """Without those whose lead, or another at its number or mailbox, heard so a short while before; one for each."""
    if not inquiries:
        return []
    held = {pk for inquiry in inquiries for pk in _addresses(inquiry.lead)}
    since = {inquiry.pk: inquiry.received_at - timedelta(hours=inquiry.again_after) for inquiry in inquiries}
    told: dict[int, datetime] = {}
    reached = Q(enrollment__lead__phone__in=held) | Q(enrollment__lead__email__in=held)
    earlier = Acknowledgement.objects.filter(reached, enrollment__started_at__gt=min(since.values())).order_by("pk")
    columns = ("enrollment__started_at", "enrollment__lead__phone", "enrollment__lead__email")
    for told_at, *ways in earlier.values_list(*columns):
        told |= dict.fromkeys(filter(None, ways), told_at)
    found = []
    for inquiry in inquiries:
        mine = _addresses(inquiry.lead)
        if all(pk not in told or told[pk] <= since[inquiry.pk] for pk in mine):
            found.append(inquiry)
            told |= dict.fromkeys(mine, at)
    return found


def _addresses(lead: Lead) -> list[int]:
    return [pk for pk in (lead.phone_id, lead.email_id) if pk]


def _sequence() -> NurtureSequence | None:
    """The published one that says what is sent; none where it is switched off."""
    in_force = NurtureSequence.objects.filter(status=VersionStatus.PUBLISHED, is_active=True)
    return in_force.filter(code=SequenceCode.ACKNOWLEDGEMENT).first()


def _meant(inquiries: list[Inquiry], sequence: NurtureSequence, at: datetime) -> list[Inquiry]:
    """Those of leads whom the sequence means; usually all of them."""
    if not sequence.criteria:
        return inquiries
    leads = Lead.objects.filter(pk__in=[inquiry.lead_id for inquiry in inquiries])
    holding = criteria.holding(leads, [sequence.criteria], at=at)
    return [inquiry for inquiry in inquiries if holding[inquiry.lead_id] == [True]]


def _enrollment(lead: Lead, sequence: NurtureSequence, at: datetime) -> Enrollment:
    """Over as soon as it is entered: nothing follows, and the sequences of the plan go on beside it."""
    over = {"state": EnrollmentState.FINISHED, "started_at": at, "ended_at": at}
    return Enrollment(lead=lead, sequence=sequence, cycle=lead.cycle, **over)


def _acknowledgement(inquiry: Inquiry, row: Enrollment, promise: Promise, at: datetime) -> Acknowledgement:
    told = {"answer_by": promise.answer_by, "opens_at": promise.opens_at}
    return Acknowledgement(inquiry=inquiry, enrollment=row, due_at=at, **told)


def send_due(*, clock: Callable[[], datetime], batch: int) -> Iterator[Counter[str]]:
    """Take what is due, batch by batch; count after each how the messages ended."""
    while ids := claim_due(at=(at := clock()), limit=batch):
        yield _run(ids, claimed_at=at, clock=clock)


@transaction.atomic
def claim_due(*, at: datetime, limit: int) -> list[int]:
    """Mark up to `limit` due acknowledgements as ours. As with steps: not of leads that are due themselves, nor
    where an emergency came up on a call and nobody has looked into it yet."""
    free = Q(claimed_at=None) | Q(claimed_at__lt=at - LEASE)
    settled = Q(enrollment__lead__advance_due_at=None) | Q(enrollment__lead__advance_due_at__gt=at)
    incident = Incident.objects.filter(lead=OuterRef("enrollment__lead"), reviewed_at=None)
    rows = Acknowledgement.objects.filter(free, settled, ~Exists(incident), due_at__lte=at).order_by("due_at")
    locked = rows.select_for_update(of=("self",), no_key=True, skip_locked=True)
    ids = list(locked.values_list("pk", flat=True)[:limit])
    Acknowledgement.objects.filter(pk__in=ids).update(claimed_at=at)
    return ids


def _run(ids: Sequence[int], *, claimed_at: datetime, clock: Callable[[], datetime]) -> Counter[str]:
    """Take all in one transaction; where that fails, one by one, so that one poisoned row stops nobody."""
    try:
        messages, tally = take(ids, claimed_at=claimed_at, at=clock())
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001 - people behind a poisoned row must not wait for it
        if len(ids) > 1:
            return sum((_run([pk], claimed_at=claimed_at, clock=clock) for pk in ids), Counter())
        log.exception("acknowledgement_failed", acknowledgement=ids[0])
        return Counter(errors=1)
    return tally + outbox.send_many(messages, clock=clock)


@transaction.atomic
def take(ids: Sequence[int], *, claimed_at: datetime, at: datetime) -> tuple[list[Message], Counter[str]]:
    """Decide these claimed acknowledgements; return the reserved messages and what happened to the rest.

    Locks the leads' addresses, then the acknowledgements.
    """
    rows = list(batches.with_lead(Enrollment.objects.filter(acknowledgement__in=ids)).order_by("pk"))
    gate.lock(pk for row in rows for pk in _addresses(row.lead))
    ours = Acknowledgement.objects.filter(pk__in=ids, claimed_at=claimed_at, due_at__isnull=False)
    mine = {own.enrollment_id: own for own in ours.select_for_update(of=("self",), no_key=True).order_by("pk")}
    taking = Taking(mine, at)
    taking.take([row for row in rows if row.pk in mine])
    return taking.write(), taking.tally


@dataclass
class Taking:
    """One batch being decided under its locks, way by way; everything is written at the end."""

    mine: Mapping[int, Acknowledgement]  # by enrolment
    at: datetime
    messages: list[Message] = field(default_factory=list)
    refused: dict[int, list[tuple[Way, Obstacle]]] = field(default_factory=lambda: defaultdict(list))
    tally: Counter[str] = field(default_factory=Counter)

    def take(self, rows: Sequence[Enrollment]) -> None:
        """Try each lead's ways in their order until one is open. A person who was quicker has said it all."""
        ways = {row: _ways(row) for row in rows}
        for row in _spoken_with(rows):
            self.refused[row.pk] += [((row, step), obstacles.own(SkipCode.ANSWERED)) for step in ways.pop(row)[:1]]
        while left := [(row, steps.pop(0)) for row, steps in ways.items() if steps]:
            self._try(left)
            sent = {message.enrollment_id for message in self.messages}
            ways = {row: steps for row, steps in ways.items() if row.pk not in sent}

    def _try(self, ways: Sequence[Way]) -> None:
        """Ask our own obstacles and then the gate about one way of each lead."""
        for row, step in ways:
            row.step = step
        # They are asked in the order the lead prefers, so no way is one that it does not want.
        batch = replace(batches.gather([row for row, _step in ways], at=self.at), prefer_other=frozenset())
        past = caps.past_by_address({pk for row, _ in ways for pk in _addresses(row.lead)}, batch.caps, at=self.at)
        asked: list[tuple[Way, Wording, Rendered, ContactRequest]] = []
        for row, step in ways:
            contacts = [contact for pk in _addresses(row.lead) for contact in past.get(pk, ())]
            found = self._compose(row, batch, contacts)
            if isinstance(found, Obstacle):
                self.refused[row.pk].append(((row, step), found))
            else:
                asked.append(((row, step), *found))
        requests = [request for *_, request in asked]
        decided = gate.reserve_many(requests, at=self.at, automation=AUTOMATION) if requests else []
        for (way, wording, words, _request), (attempt, decision) in zip(asked, decided, strict=True):
            if decision.allowed:
                self.messages.append(_message(way, wording, words, attempt, self.at))
            else:
                until = decision.next_allowed_at if decision.kind == "hold" else None
                self.refused[way[0].pk].append((way, Obstacle(decision.code, decision.sentence, until)))

    def _compose(
        self, row: Enrollment, batch: Batch, past: Sequence[caps.Contact]
    ) -> Obstacle | tuple[Wording, Rendered, ContactRequest]:
        own = self.mine[row.pk]
        if obstacle := obstacles.timing(row, batch, at=self.at):
            return obstacle
        wording = obstacles.sending(row, batch, past, at=self.at)
        if isinstance(wording, Obstacle):
            return wording
        try:
            promise = Promise(own.answer_by, own.opens_at).still_to_come(self.at)
            return wording, *composing.compose(row, wording, promise)
        except NotRendered as reason:
            return Obstacle(SkipCode.NOT_RENDERED, str(reason))

    def write(self) -> list[Message]:
        """Write messages, timeline and reasons; what is only held waits for the first way that opens in time."""
        sent = {message.enrollment_id for message in self.messages}
        for row, own in self.mine.items():
            may_wait = row not in sent
            found = [(way, _in_time(way, obstacle, may_wait)) for way, obstacle in self.refused[row]]
            waits = [obstacle.until for _way, obstacle in found if obstacle.until]
            own.due_at, own.claimed_at = min(waits, default=None), None
            own.save(update_fields=["due_at", "claimed_at"])
            Skip.objects.bulk_create(_skip(way, obstacle, self.at) for way, obstacle in found)
            if may_wait:
                self.tally["held" if waits else "skipped"] += 1
        copying.copy_new(self.messages)
        Interaction.objects.bulk_create(_entry(message, self.at) for message in self.messages)
        return self.messages


def _ways(row: Enrollment) -> list[Step]:
    """The steps that write, the way the lead prefers first."""
    steps = [step for step in row.sequence.steps.all() if step.template.medium in WRITTEN]
    return sorted(steps, key=lambda step: (step.template.medium != row.lead.preferred_channel, step.position))


def _spoken_with(rows: Sequence[Enrollment]) -> list[Enrollment]:
    """Those with whom a person of ours spoke, or tried to, or to whom one wrote, since they asked."""
    calls = Q(kind__in=[InteractionKind.CALL, InteractionKind.VOICEMAIL, InteractionKind.INBOUND_CALL])
    wrote = Q(kind=InteractionKind.NOTE, direction=Direction.OUTBOUND, attempt__isnull=False)
    acts = Interaction.objects.filter(calls | wrote, lead__in=[row.lead_id for row in rows], inquiry=None).order_by()
    last = dict(acts.values_list("lead").annotate(last=Max("at")))
    return [row for row in rows if row.lead_id in last and last[row.lead_id] > row.started_at]


def _in_time(way: Way, obstacle: Obstacle, may_wait: bool) -> Obstacle:
    """The obstacle, held only where nothing went out and its way opens before its step is too late."""
    row, row.step = way
    is_held = obstacle.until is not None and may_wait and obstacle.until <= obstacles.latest(row)
    return obstacle if is_held else replace(obstacle, until=None)


def _skip(way: Way, obstacle: Obstacle, at: datetime) -> Skip:
    row, step = way
    kind = Skip.Kind.HELD if obstacle.until else Skip.Kind.SKIPPED
    said = {"code": obstacle.code, "sentence": obstacle.sentence[:300], "at": at, "until": obstacle.until}
    return Skip(enrollment=row, step=step, kind=kind, **said)


def _message(way: Way, wording: Wording, words: Rendered, attempt: Attempt, at: datetime) -> Message:
    row, step = way
    said = {"subject": words.subject, "body": words.body, "content_sha256": words.sha256}
    return Message(attempt=attempt, enrollment=row, step=step, wording=wording, reserved_at=at, **said)


def _entry(message: Message, at: datetime) -> Interaction:
    """What the timeline says; whether it arrived stands with the message, under outreach."""
    template = message.step.template
    return Interaction(
        lead_id=message.enrollment.lead_id,
        kind=InteractionKind.SYSTEM,
        direction=Direction.OUTBOUND,
        at=at,
        attempt=message.attempt,
        text=f"Acknowledgement of their request, by {template.get_medium_display().lower()}.",
        facts={"acknowledged": template.medium},
    )
