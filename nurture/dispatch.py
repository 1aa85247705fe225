"""Which steps are due, and what happens to each? Claims, reserves, hands over and records; one winner per step.

Claim in a short transaction and commit; then, step by step: reserve and move the enrolment on in one transaction and
commit; hand over outside any; record. A crash before the reservation frees the claim after a while; a crash after it
leaves a message that is marked unknown and never sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F

from consent import gate
from consent.gate import NotContactable
from consent.models import Address
from leads.models import Lead
from leads.services import due
from nurture import batch as batches
from nurture import caps, composing, enrollment, obstacles, outbox, windows
from nurture.batch import Batch
from nurture.lifecycle import EnrollmentState
from nurture.models import CallTask, Enrollment, Message, Skip
from nurture.obstacles import Obstacle
from nurture.rendering import NotRendered
from nurture.vocabulary import Medium, SkipCode

log = structlog.get_logger(__name__)

BATCH = 100  # one claim: small enough that a dead worker's share is soon free again
AUTOMATION = "nurture.dispatch"


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
    """Take every due step, batch by batch. `clock` tells the time while a long run goes on; without it, it stands."""
    now = clock or (lambda: at)
    tally: Counter[str] = Counter(unknown=outbox.sweep_forgotten(at=at))
    left = limit if limit is not None else float("inf")
    while left > 0 and (ids := claim_due(at=now(), limit=int(min(BATCH, left)))):
        tally.update(_run(batches.load(ids, at=now()), clock=now))
        left -= len(ids)
    return DispatchReport(**tally)


@transaction.atomic
def claim_due(*, at: datetime, limit: int = BATCH) -> list[int]:
    """Mark up to `limit` due enrolments as ours; those in other workers' hands are passed over."""
    rows = Enrollment.objects.claimable(at).select_for_update(of=("self",), no_key=True, skip_locked=True)
    ids = list(rows.values_list("pk", flat=True)[:limit])
    Enrollment.objects.filter(pk__in=ids).update(claimed_at=at)
    return ids


def _run(batch: Batch, *, clock: Callable[[], datetime]) -> Counter[str]:
    tally: Counter[str] = Counter()
    for row in batch.enrollments:
        try:
            tally[_step(row, batch, clock=clock)] += 1
        except Exception:  # noqa: BLE001 - one poisoned row must not stop the people behind it; its claim runs out
            log.exception("step_failed", enrollment=row.pk, step=row.step_id)
            tally["errors"] += 1
    done = [row.lead_id for row in batch.enrollments if row.state != EnrollmentState.ACTIVE]
    if done:
        # Another sequence may follow; the lead is locked only now, with no enrolment in hand.
        due.mark_due(Lead.objects.filter(pk__in=done), at=clock())
    return tally


def _step(row: Enrollment, batch: Batch, *, clock: Callable[[], datetime]) -> str:
    taken = take(row, batch, at=clock())
    if isinstance(taken, Message):
        return outbox.send(taken, clock=clock).value
    return taken


@transaction.atomic
def take(row: Enrollment, batch: Batch, *, at: datetime) -> Message | str:
    """Decide a claimed step and move its enrolment on; return the reserved message, or what happened instead.

    Locks the lead's addresses, then the enrolment. `row` was read before: it is compared with the locked row, and a
    lead that changed since walks the road first.
    """
    addresses = sorted(pk for pk in (row.lead.phone_id, row.lead.email_id) if pk)
    list(Address.objects.select_for_update(no_key=True).filter(pk__in=addresses).order_by("pk"))
    if not _is_still_ours(row, at):
        return "lost"
    if code := obstacles.reason_to_end(row, batch, at=at):
        enrollment.end(row, code, at=at)
        return "left"
    if obstacle := obstacles.timing(row, batch, at=at):
        return _stand_back(row, obstacle, at)
    if row.step.template.medium == Medium.CALL:
        return _ask_to_call(row, batch, at)
    past = caps.past_contacts(addresses, batch.caps, at=at)
    if obstacle := obstacles.sending(row, batch, past, at=at):
        return _stand_back(row, obstacle, at)
    return _reserve(row, batch, at)


def _is_still_ours(row: Enrollment, at: datetime) -> bool:
    """Lock the enrolment and see whether claim, step and lead are as they were; otherwise let go of it."""
    fresh = Enrollment.objects.lock().annotate(lead_due_at=F("lead__advance_due_at")).filter(pk=row.pk).first()
    if fresh is None or fresh.state != EnrollmentState.ACTIVE:
        return False
    if (fresh.claimed_at, fresh.step_id) != (row.claimed_at, row.step_id):
        return False
    if fresh.lead_due_at is not None and fresh.lead_due_at <= at:
        Enrollment.objects.filter(pk=row.pk).update(claimed_at=None)
        return False
    return True


def _reserve(row: Enrollment, batch: Batch, at: datetime) -> Message | str:
    """The gate's word is law: reserve and write the message, or keep its reason."""
    wording = batch.wording(row)
    try:
        words, request = composing.compose(row, wording)
    except NotRendered as reason:
        return _stand_back(row, Obstacle(SkipCode.NOT_RENDERED, str(reason)), at)
    try:
        attempt = gate.reserve(request, at=at, automation=AUTOMATION)
    except NotContactable as refusal:
        until = refusal.decision.next_allowed_at if refusal.decision.kind == "hold" else None
        return _stand_back(row, Obstacle(refusal.code, refusal.message, until), at)
    message = Message.objects.create(
        attempt=attempt,
        enrollment=row,
        step=row.step,
        wording=wording,
        subject=words.subject,
        body=words.body,
        content_sha256=words.sha256,
        reserved_at=at,
    )
    _move_on(row, at)
    return message


def _ask_to_call(row: Enrollment, batch: Batch, at: datetime) -> str:
    """Open a task for staff; the gate is asked when somebody dials."""
    wording = batch.wording(row)
    if wording is None:
        return _stand_back(row, Obstacle(SkipCode.NO_WORDING, SkipCode.NO_WORDING.label), at)
    try:
        text = composing.script(row, wording)
    except NotRendered as reason:
        return _stand_back(row, Obstacle(SkipCode.NOT_RENDERED, str(reason)), at)
    CallTask.objects.create(
        enrollment=row, step=row.step, lead_id=row.lead_id, text=text, opened_at=at, due_at=at + row.step.cutoff
    )
    _move_on(row, at)
    return "called"


def _stand_back(row: Enrollment, obstacle: Obstacle, at: datetime) -> str:
    """Keep the reason; wait for a held step as long as its cutoff allows, else go on to the next."""
    until = obstacle.until
    if until is not None and until > obstacles.latest(row):
        until = None
    kind = Skip.Kind.SKIPPED if until is None else Skip.Kind.HELD
    Skip.objects.create(
        enrollment=row,
        step=row.step,
        kind=kind,
        code=obstacle.code,
        sentence=obstacle.sentence[:300],
        at=at,
        until=until,
    )
    if until is None:
        _move_on(row, at)
        return "skipped"
    _wait(row, windows.next_open(row.step, until, zone=enrollment.zone_of(row.lead)))
    return "held"


def _wait(row: Enrollment, until: datetime) -> None:
    Enrollment.objects.filter(pk=row.pk).update(next_due_at=until, claimed_at=None)


def _move_on(row: Enrollment, at: datetime) -> None:
    """Go to the next step, or finish after the last one."""
    following: Sequence = [step for step in row.sequence.steps.all() if step.position > row.step.position]
    if not following:
        ends = {"state": EnrollmentState.FINISHED, "step": None, "next_due_at": None, "ended_at": at}
        Enrollment.objects.filter(pk=row.pk).update(claimed_at=None, **ends)
        row.state = EnrollmentState.FINISHED
        return
    step = following[0]
    zone = enrollment.zone_of(row.lead)
    next_due_at = windows.due_at(step, entered_at=row.started_at, not_before=at, zone=zone)
    Enrollment.objects.filter(pk=row.pk).update(step=step, next_due_at=next_due_at, claimed_at=None)
