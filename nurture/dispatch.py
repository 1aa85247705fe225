"""Which steps are due, and what happens to each? Claims, reserves, hands over and records; one winner per step.

Claim in a short transaction and commit; then, step by step: reserve and move the enrolment on in one transaction and
commit; hand over outside any; record. A crash before the reservation frees the claim after a while; one before the
hand-over brings the message back to its step; one after it leaves a message that is unknown and never sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from consent import gate, stopping
from consent.models import Attempt
from consent.request import ContactRequest
from leads import timing
from leads.models import Incident, Lead
from leads.services import due, outreach
from leads.services.outreach import Change
from medcrm.lib import bell, copying
from nurture import acknowledging, calls, caps, composing, enrollment, obstacles, outbox, visits, windows
from nurture import batch as batches
from nurture.batch import Batch
from nurture.lifecycle import EnrollmentState
from nurture.models import CallTask, Enrollment, Message, Skip, Step, Wording
from nurture.obstacles import Obstacle
from nurture.rendering import NotRendered, Rendered
from nurture.vocabulary import ExitCode, Medium, SkipCode

log = structlog.get_logger(__name__)

BATCH = 300  # one claim: its addresses stay locked for well under a second, its two dozen queries weigh little per step
SLOW_BATCH = 25  # where a provider takes one at a time: what a dying worker leaves unknown stays small
SLICE = timedelta(seconds=30)  # then other work of the worker gets its turn, and the bell is rung again
AUTOMATION = "nurture.dispatch"
TASK = "nurture.tasks.dispatch_due"


@dataclass(frozen=True)
class DispatchReport:
    """How the steps that fell due ended; `errors` were logged and their claims run out by themselves."""

    sent: int = 0
    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    cancelled: int = 0
    skipped: int = 0
    held: int = 0
    called: int = 0
    left: int = 0
    lost: int = 0
    errors: int = 0


def dispatch_due(
    *, at: datetime, limit: int | None = None, clock: Callable[[], datetime] | None = None
) -> DispatchReport:
    """Take every due notice, then every due step, batch by batch.

    `clock` tells the time while a long run goes on; without it, it stands. A run ends before a worker's time does:
    whoever is stopped in the middle leaves reserved messages behind. While all contact is stopped nothing is taken: all
    of it stays due.
    """
    now = clock or (lambda: at)
    tally = outbox.sweep_forgotten(at=at)
    calls.lapse_late(at=at)
    if stopping.is_stopped():
        return DispatchReport(**tally)
    left = limit if limit is not None else float("inf")
    batch = BATCH if outbox.takes_many() else SLOW_BATCH
    at_once = chain(acknowledging.send_due(clock=now, batch=batch), visits.send_due(clock=now, batch=batch))
    for ended in at_once:
        tally.update(ended)
        if now() - at > SLICE:
            bell.ring(TASK)
            return DispatchReport(**tally)
    while left > 0 and (ids := claim_due(at=now(), limit=int(min(batch, left)))):
        tally.update(_run(batches.load(ids, at=now()), clock=now))
        left -= len(ids)
        if now() - at > SLICE:
            bell.ring(TASK)
            break
    return DispatchReport(**tally)


@transaction.atomic
def claim_due(*, at: datetime, limit: int = BATCH) -> list[int]:
    """Mark up to `limit` due enrolments as ours; those in other workers' hands are passed over.

    Where an emergency came up on a call, nothing is taken until somebody has looked into it.
    """
    free = Enrollment.objects.claimable(at).filter(~Exists(Incident.objects.holding(OuterRef("lead"))))
    rows = free.select_for_update(of=("self",), no_key=True, skip_locked=True)
    ids = list(rows.values_list("pk", flat=True)[:limit])
    Enrollment.objects.filter(pk__in=ids).update(claimed_at=at)
    return ids


def _run(batch: Batch, *, clock: Callable[[], datetime]) -> Counter[str]:
    """Take the whole batch in one transaction; where that fails, row by row, so that one poisoned row stops nobody."""
    taken = _try(batch, clock=clock)
    if taken is None and len(batch.enrollments) > 1:
        alone = [_try(replace(batch, enrollments=[row]), clock=clock) for row in batch.enrollments]
        taken = sum((found for found in alone if found is not None), Counter(errors=alone.count(None)))
    elif taken is None:
        taken = Counter(errors=1)
    if done := [row for row in batch.enrollments if row.state != EnrollmentState.ACTIVE]:
        _tell_leads(done, at=clock())
    return taken


@transaction.atomic
def _tell_leads(done: Sequence[Enrollment], *, at: datetime) -> None:
    """Another sequence may follow. The leads are locked only now, with no enrolment in hand."""
    due.mark_due(Lead.objects.filter(pk__in=[row.lead_id for row in done]), at=at)
    said = {EnrollmentState.FINISHED: "finished", EnrollmentState.EXITED: "left"}
    changes = [Change(row.lead_id, said[EnrollmentState(row.state)], row.sequence.name, row.exit_code) for row in done]
    outreach.note_changes(changes, at=at)


def _try(batch: Batch, *, clock: Callable[[], datetime]) -> Counter[str] | None:
    """None where nothing was taken because something broke: it is logged, and the claims run out by themselves."""
    try:
        messages, tally = take_many(batch, at=clock())
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001 - people behind a poisoned row must not wait for it
        log.exception("take_failed", enrollments=[row.pk for row in batch.enrollments])
        return None
    return tally + outbox.send_many(messages, clock=clock)


@transaction.atomic
def take_many(batch: Batch, *, at: datetime) -> tuple[list[Message], Counter[str]]:
    """Decide claimed steps and move their enrolments on; return the reserved messages and what happened to the rest.

    Locks the leads' addresses, then the enrolments. The rows were read before: they are compared with the locked ones,
    and a lead that changed since walks the road first.
    """
    addresses = {pk for row in batch.enrollments for pk in _addresses(row)}
    gate.lock(addresses)
    taking = Taking(batch, caps.past_by_address(addresses, batch.caps, at=at), at)
    rows = Enrollment.objects.lock().filter(pk__in=[row.pk for row in batch.enrollments])
    locked = {pk: Fresh(*now) for pk, *now in rows.values_list("pk", *Fresh._fields)}
    for row in batch.enrollments:
        if taking.is_ours(row, locked.get(row.pk)):
            taking.decide(row)
    taking.reserve()
    return taking.write(), taking.tally


class Fresh(NamedTuple):
    """What may have changed of an enrolment since it was claimed, read under its lock."""

    state: str
    claimed_at: datetime | None
    step_id: int | None
    lead__advance_due_at: datetime | None


def _addresses(row: Enrollment) -> list[int]:
    return [pk for pk in (row.lead.phone_id, row.lead.email_id) if pk]


@dataclass
class Wanted:
    """A message that only the gate can still refuse."""

    row: Enrollment
    wording: Wording
    words: Rendered
    request: ContactRequest


@dataclass(frozen=True)
class Move:
    """Where an enrolment goes."""

    enrollment_id: int
    state: str
    step_id: int | None
    next_due_at: datetime | None
    ended_at: datetime | None


@dataclass
class Taking:
    """One batch being decided under its locks; everything is written at the end, each table once."""

    batch: Batch
    past: dict[int, list[caps.Contact]]
    at: datetime
    tally: Counter[str] = field(default_factory=Counter)
    touched: set[int] = field(default_factory=set)  # addresses that a step of this batch may reach
    wanted: list[Wanted] = field(default_factory=list)
    moved: list[Move] = field(default_factory=list)
    ends: dict[Enrollment, ExitCode] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    tasks: list[CallTask] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def is_ours(self, row: Enrollment, fresh: Fresh | None) -> bool:
        """Whether claim, step and lead are as they were. One step per person at a time: a shared address waits."""
        self.tally["lost"] += 1
        if fresh is None or fresh.state != EnrollmentState.ACTIVE:
            return False
        if (fresh.claimed_at, fresh.step_id) != (row.claimed_at, row.step_id):
            return False
        has_changed = fresh.lead__advance_due_at is not None and fresh.lead__advance_due_at <= self.at
        if has_changed or self.touched.intersection(_addresses(row)):
            self._put(row, row.step, row.next_due_at)
            return False
        self.touched.update(_addresses(row))
        self.tally["lost"] -= 1
        return True

    def decide(self, row: Enrollment) -> None:
        """Our own reasons first, in their order; what is left is for the gate."""
        if code := obstacles.reason_to_end(row, self.batch, at=self.at):
            self.ends[row] = code
            self.tally["left"] += 1
        elif obstacle := obstacles.timing(row, self.batch, at=self.at) or self._hindrance(row):
            self._stand_back(row, obstacle)

    def _hindrance(self, row: Enrollment) -> Obstacle | None:
        """Limits and words; notes the call or the message where nothing is in the way."""
        try:
            if row.coming_step.template.medium == Medium.CALL:
                return self._ask_to_call(row)
            past = [contact for pk in _addresses(row) for contact in self.past.get(pk, ())]
            wording = obstacles.sending(row, self.batch, past, at=self.at)
            if isinstance(wording, Obstacle):
                return wording
            self.wanted.append(Wanted(row, wording, *composing.compose(row, wording)))
        except NotRendered as reason:
            return Obstacle(SkipCode.NOT_RENDERED, str(reason))
        return None

    def _ask_to_call(self, row: Enrollment) -> Obstacle | None:
        """A task for staff; the gate is asked when somebody dials."""
        step, wording = row.coming_step, self.batch.wording(row)
        if wording is None:
            return obstacles.own(SkipCode.NO_WORDING)
        text, due_at = composing.script(row, wording), self.at + step.cutoff
        self.tasks.append(
            CallTask(enrollment=row, step=step, lead_id=row.lead_id, text=text, opened_at=self.at, due_at=due_at)
        )
        self.tally["called"] += 1
        self._move_on(row)
        return None

    def reserve(self) -> None:
        """The gate's word is law: a message for each attempt it allows, its reason for each it refuses."""
        requests = [wanted.request for wanted in self.wanted]
        decided = gate.reserve_many(requests, at=self.at, automation=AUTOMATION) if requests else []
        for wanted, (attempt, decision) in zip(self.wanted, decided, strict=True):
            if decision.allowed:
                self.messages.append(_message(wanted, attempt, self.at))
                self._move_on(wanted.row)
            else:
                until = decision.next_allowed_at if decision.kind == "hold" else None
                self._stand_back(wanted.row, Obstacle(decision.code, decision.sentence, until))

    def _stand_back(self, row: Enrollment, obstacle: Obstacle) -> None:
        """Keep the reason; wait for a held step as long as its cutoff allows, else go on to the next."""
        until = obstacle.until
        if until is not None and until > obstacles.latest(row):
            until = None
        kind = Skip.Kind.SKIPPED if until is None else Skip.Kind.HELD
        said = {"code": obstacle.code, "sentence": obstacle.sentence[:300], "at": self.at, "until": until}
        self.skips.append(Skip(enrollment=row, step=row.step, kind=kind, **said))
        self.tally[kind.value] += 1
        if until is None:
            self._move_on(row)
        else:
            step = row.coming_step
            self._put(row, step, windows.next_open(step, until, zone=timing.zone_of(row.lead)))

    def _move_on(self, row: Enrollment) -> None:
        """Go to the next step, or finish after the last one."""
        done = row.coming_step.position
        step = next((step for step in row.sequence.steps.all() if step.position > done), None)
        if step is None:
            row.state, row.ended_at = EnrollmentState.FINISHED, self.at
            self._put(row, None, None)
            return
        zone = timing.zone_of(row.lead)
        self._put(row, step, windows.due_at(step, entered_at=row.started_at, not_before=self.at, zone=zone))

    def _put(self, row: Enrollment, step: Step | None, next_due_at: datetime | None) -> None:
        """Note where the enrolment goes; the row itself keeps its step, which its message still names."""
        self.moved.append(Move(row.pk, str(row.state), step.pk if step else None, next_due_at, row.ended_at))

    def write(self) -> list[Message]:
        """Write every table once."""
        enrollment.end_many(self.ends, at=self.at)
        Skip.objects.bulk_create(self.skips)
        CallTask.objects.bulk_create(self.tasks)
        copying.copy_new(self.messages)
        with connection.cursor() as cursor:
            cursor.execute(
                MOVE,
                {
                    "ids": [move.enrollment_id for move in self.moved],
                    "states": [move.state for move in self.moved],
                    "steps": [move.step_id for move in self.moved],
                    "dues": [move.next_due_at for move in self.moved],
                    "ends": [move.ended_at for move in self.moved],
                },
            )
        return self.messages


MOVE = """
UPDATE nurture_enrollment e SET state = m.state, step_id = m.step, next_due_at = m.due, ended_at = m.ended,
  claimed_at = NULL
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(steps)s::bigint[], %(dues)s::timestamptz[],
  %(ends)s::timestamptz[]) AS m(id, state, step, due, ended)
WHERE e.id = m.id
"""


def _message(wanted: Wanted, attempt: Attempt, at: datetime) -> Message:
    return Message(
        attempt=attempt,
        enrollment=wanted.row,
        step=wanted.row.step,
        wording=wanted.wording,
        subject=wanted.words.subject,
        body=wanted.words.body,
        content_sha256=wanted.words.sha256,
        reserved_at=at,
    )
