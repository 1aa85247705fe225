"""What is somebody told once about one thing that happened, and by which way? The first that is open, as they prefer.

An acknowledgement and what is told about a visit are such notices: rows that are due, claimed, decided and sent by the
worker like any step: own reasons, the gate, a reservation, a message. What each sort has of its own is in its module.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from consent import gate
from consent.models import Attempt
from consent.request import ContactRequest
from leads.models import Incident, Interaction, Lead
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib import copying
from medcrm.lib.models import VersionStatus
from medcrm.lib.writing import update_rows
from nurture import batch as batches
from nurture import caps, composing, obstacles, outbox
from nurture.batch import WRITTEN, Batch
from nurture.lifecycle import EnrollmentState
from nurture.models import Enrollment, Message, Notice, Skip, Step, Wording
from nurture.models import Sequence as NurtureSequence
from nurture.obstacles import Obstacle
from nurture.querysets import LEASE
from nurture.rendering import NO_OCCASION, NotRendered, Occasion, Rendered
from nurture.vocabulary import SequenceCode, SkipCode

log = structlog.get_logger(__name__)

TASK = "nurture.tasks.dispatch_due"
Way = tuple[Enrollment, Step]


def sequences(codes: Iterable[SequenceCode]) -> dict[str, NurtureSequence]:
    """Those of these codes that are in force; one that is switched off or retired is not."""
    in_force = NurtureSequence.objects.filter(status=VersionStatus.PUBLISHED, is_active=True, code__in=list(codes))
    return {row.code: row for row in in_force}


def enter(lead: Lead, sequence: NurtureSequence, *, at: datetime) -> Enrollment:
    """Over as soon as it is entered: nothing follows, and the sequences of the plan go on beside it."""
    over = {"state": EnrollmentState.FINISHED, "started_at": at, "ended_at": at}
    return Enrollment(lead=lead, sequence=sequence, cycle=lead.cycle, **over)


def due(model: type[Notice], lead: str, *, at: datetime) -> QuerySet:
    """Those due and in nobody's hands. As with steps: not of leads that are due themselves, nor where an emergency came
    up on a call and nobody has looked into it yet. `lead` is the path to the lead."""
    free = Q(claimed_at=None) | Q(claimed_at__lt=at - LEASE)
    incident = Incident.objects.holding(OuterRef(lead))
    return model._default_manager.filter(free, settled(lead, at=at), ~Exists(incident), due_at__lte=at)


def settled(lead: str, *, at: datetime) -> Q:
    """The lead at this path has walked the road since it last changed."""
    return Q(**{f"{lead}__advance_due_at": None}) | Q(**{f"{lead}__advance_due_at__gt": at})


def claim(rows: QuerySet, *, at: datetime, limit: int) -> list[int]:
    """Mark up to `limit` of these due notices as ours, the longest due first. Call it in a transaction."""
    locked = rows.order_by("due_at", "pk").select_for_update(of=("self",), no_key=True, skip_locked=True)
    ids = list(locked.values_list("pk", flat=True)[:limit])
    rows.model._default_manager.filter(pk__in=ids).update(claimed_at=at)
    return ids


def send_due(
    taking: type[Taking], claim_due: Callable[..., list[int]], *, clock: Callable[[], datetime], batch: int
) -> Iterator[Counter[str]]:
    """Take what is due of one sort, batch by batch; count after each how the messages ended."""
    while ids := claim_due(at=(at := clock()), limit=batch):
        yield _run(taking, ids, claimed_at=at, clock=clock)


def _run(
    taking: type[Taking], ids: Sequence[int], *, claimed_at: datetime, clock: Callable[[], datetime]
) -> Counter[str]:
    """Take all in one transaction; where that fails, one by one, so that one poisoned row stops nobody."""
    try:
        messages, tally = take(taking, ids, claimed_at=claimed_at, at=clock())
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001 - people behind a poisoned row must not wait for it
        if len(ids) > 1:
            return sum((_run(taking, [pk], claimed_at=claimed_at, clock=clock) for pk in ids), Counter())
        log.exception("notice_failed", sort=taking.model.__name__, notice=ids[0])
        return Counter(errors=1)
    return tally + outbox.send_many(messages, clock=clock)


@transaction.atomic
def take(
    taking: type[Taking], ids: Sequence[int], *, claimed_at: datetime, at: datetime
) -> tuple[list[Message], Counter[str]]:
    """Decide these claimed notices; return the reserved messages and what happened to the rest.

    Locks the leads' addresses, then the notices. A lead that changed since the claim walks the road first.
    """
    model = taking.model
    found = Enrollment.objects.filter(**{f"{model._meta.model_name}__in": list(ids)})
    rows = list(batches.with_lead(found).order_by("pk"))
    gate.lock(pk for row in rows for pk in addresses(row.lead))
    ours = model._default_manager.filter(pk__in=ids, claimed_at=claimed_at, due_at__isnull=False)
    fresh = ours.filter(settled("enrollment__lead", at=at)).select_related(*taking.reads).order_by("pk")
    mine = {own.enrollment_id: own for own in fresh.select_for_update(of=("self",), no_key=True)}
    ours.exclude(enrollment__in=mine).update(claimed_at=None)
    taken = taking(mine, at)
    taken.take([row for row in rows if row.pk in mine])
    return taken.write(), taken.tally


def addresses(lead: Lead) -> list[int]:
    return [pk for pk in (lead.phone_id, lead.email_id) if pk]


@dataclass
class Taking:
    """One batch being decided under its locks, way by way; everything is written at the end."""

    model: ClassVar[type[Notice]]
    automation: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ()  # what a notice says of itself, read with it

    mine: Mapping[int, Notice]  # by enrolment
    at: datetime
    messages: list[Message] = field(default_factory=list)
    refused: dict[int, list[tuple[Way, Obstacle]]] = field(default_factory=lambda: defaultdict(list))
    tally: Counter[str] = field(default_factory=Counter)

    # What each sort says of itself

    def needless(self, rows: Sequence[Enrollment]) -> Mapping[Enrollment, Obstacle]:
        """Those who need not hear it any more, by whatever way, and why."""
        return {}

    def occasion(self, row: Enrollment) -> Occasion:
        """What the words may speak of beside the lead."""
        return NO_OCCASION

    def latest(self, row: Enrollment) -> datetime:
        """The last instant at which it may go out."""
        return obstacles.latest(row)

    def entry(self, message: Message) -> str:
        """What the timeline says of a message."""
        raise NotImplementedError

    def facts(self, message: Message) -> dict[str, object]:
        """The same for programs."""
        raise NotImplementedError

    def silence(self, row: Enrollment, reason: Obstacle) -> Interaction | None:
        """What the timeline says where nothing went out and nothing will."""
        return None

    # The road of each

    def take(self, rows: Sequence[Enrollment]) -> None:
        """Try each lead's ways in their order until one is open."""
        ways = {row: _ways(row) for row in rows}
        for row, reason in self.needless(rows).items():
            self.refused[row.pk] += [((row, step), reason) for step in ways.pop(row)[:1]]
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
        past = caps.past_by_address({pk for row, _ in ways for pk in addresses(row.lead)}, batch.caps, at=self.at)
        asked: list[tuple[Way, Wording, Rendered, ContactRequest]] = []
        for row, step in ways:
            contacts = [contact for pk in addresses(row.lead) for contact in past.get(pk, ())]
            found = self._compose(row, batch, contacts)
            if isinstance(found, Obstacle):
                self.refused[row.pk].append(((row, step), found))
            else:
                asked.append(((row, step), *found))
        requests = [request for *_, request in asked]
        decided = gate.reserve_many(requests, at=self.at, automation=self.automation) if requests else []
        for (way, wording, words, _request), (attempt, decision) in zip(asked, decided, strict=True):
            if decision.allowed:
                self.messages.append(_message(way, wording, words, attempt, self.at))
            else:
                until = decision.next_allowed_at if decision.kind == "hold" else None
                self.refused[way[0].pk].append((way, Obstacle(decision.code, decision.sentence, until)))

    def _compose(
        self, row: Enrollment, batch: Batch, past: Sequence[caps.Contact]
    ) -> Obstacle | tuple[Wording, Rendered, ContactRequest]:
        if obstacle := obstacles.timing(row, batch, at=self.at):
            return obstacle
        wording = obstacles.sending(row, batch, past, at=self.at)
        if isinstance(wording, Obstacle):
            return wording
        try:
            return wording, *composing.compose(row, wording, self.occasion(row))
        except NotRendered as reason:
            return Obstacle(SkipCode.NOT_RENDERED, str(reason))

    def write(self) -> list[Message]:
        """Write messages, timeline and reasons, each table once; what is only held waits for the first way that opens
        in time."""
        sent = {message.enrollment_id for message in self.messages}
        skips: list[Skip] = []
        entries = [self._entry(message) for message in self.messages]
        for pk, own in self.mine.items():
            found = [(way, self._in_time(way, obstacle, may_wait=pk not in sent)) for way, obstacle in self.refused[pk]]
            skips += [_skip(way, obstacle, self.at) for way, obstacle in found]
            waits = [obstacle.until for _way, obstacle in found if obstacle.until]
            own.due_at, own.claimed_at = min(waits, default=None), None
            if pk not in sent:
                self.tally["held" if waits else "skipped"] += 1
            if pk not in sent and not waits:
                entries += self._give_up(own, found)
        update_rows(self.mine.values(), self.model.WRITTEN)
        Skip.objects.bulk_create(skips)
        copying.copy_new(self.messages)
        Interaction.objects.bulk_create(entries)
        return self.messages

    def _give_up(self, own: Notice, found: Sequence[tuple[Way, Obstacle]]) -> list[Interaction]:
        """Keep with the notice why nothing went out. Of several reasons the last that is not a missing address."""
        reasons = [obstacle for _way, obstacle in found] or [obstacles.own(SkipCode.NO_WORDING)]
        told = [reason for reason in reasons if reason.code != SkipCode.NO_ADDRESS] or reasons
        own.give_up(told[-1].code, told[-1].sentence)
        entry = self.silence(found[0][0][0], told[-1]) if found else None
        return [entry] if entry else []

    def _in_time(self, way: Way, obstacle: Obstacle, *, may_wait: bool) -> Obstacle:
        """The obstacle, held only where nothing went out and its way opens before it is too late."""
        row, row.step = way
        is_held = obstacle.until is not None and may_wait and obstacle.until <= self.latest(row)
        return obstacle if is_held else replace(obstacle, until=None)

    def _entry(self, message: Message) -> Interaction:
        """What the timeline says; whether it arrived stands with the message, under outreach."""
        return Interaction(
            lead_id=message.enrollment.lead_id,
            kind=InteractionKind.SYSTEM,
            direction=Direction.OUTBOUND,
            at=self.at,
            attempt=message.attempt,
            text=self.entry(message),
            facts=self.facts(message),
        )


def _ways(row: Enrollment) -> list[Step]:
    """The steps that write, the way the lead prefers first."""
    steps = [step for step in row.sequence.steps.all() if step.template.medium in WRITTEN]
    return sorted(steps, key=lambda step: (step.template.medium != row.lead.preferred_channel, step.position))


def _skip(way: Way, obstacle: Obstacle, at: datetime) -> Skip:
    row, step = way
    kind = Skip.Kind.HELD if obstacle.until else Skip.Kind.SKIPPED
    said = {"code": obstacle.code, "sentence": obstacle.sentence[:300], "at": at, "until": obstacle.until}
    return Skip(enrollment=row, step=step, kind=kind, **said)


def _message(way: Way, wording: Wording, words: Rendered, attempt: Attempt, at: datetime) -> Message:
    row, step = way
    said = {"subject": words.subject, "body": words.body, "content_sha256": words.sha256}
    return Message(attempt=attempt, enrollment=row, step=step, wording=wording, reserved_at=at, **said)
