"""What should happen to these leads now? The one road every lead walks, whatever changed.

    wake     permission given anew wakes who waits for it                    leads.requalification
    score    rank it, band its fit and its readiness                         leads.scoring
             and note when its points for what it did halve next             leads.decay
    assess   fit, capacity, readiness, decision path: pass, fail, unknown    leads.qualification
    choose   forward, hold, stop or review, and the next step                leads.qualification
    act      a forwarded lead gets its team, owner, handoff and clock        routing.router
    plan     outreach starts, stops or changes to match                      nurture.enrollment
             and who has just asked is told when a person answers            nurture.acknowledging
             and who has a visit booked hears of it, and before it           nurture.visits
    count    how far it got, for the reports                                 leads.milestones

A form, a call, a document, a slot, a consent change or a published rule only marks a lead due (`advance_due_at`) and
rings the bell. Walking twice changes nothing the second time. A lead that cannot be walked is put off and says so;
nobody behind it waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import OuterRef, Subquery

from leads import decay, milestones, qualification, requalification, scoring, snapshots
from leads.models import Interaction, Lead
from leads.services import due, expiry
from nurture import acknowledging, enrollment, visits
from routing import promises, router, worklist

log = structlog.get_logger(__name__)

BATCH = 200  # leads in one transaction: their rows stay locked for well under a second


@transaction.atomic
def advance(lead_ids: Sequence[int], *, at: datetime) -> list[int]:
    """Walk these leads down the road and return those that were still there. Locks the leads."""
    ids = [lead.pk for lead in Lead.objects.filter(pk__in=lead_ids, merged_into=None).only("pk").lock()]
    if ids:
        requalification.fire_permitted(ids, at=at)
        scoring.score_leads(ids, at=at)
        decay.plan(ids, at=at)
        given = qualification.assess_leads(ids, at=at)
        stood = snapshots.outputs(ids)
        qualification.choose_next_steps(ids, at=at)
        snapshots.keep(stood, given, at=at)
        router.route(ids, at=at)
        enrollment.plan(ids, at=at)
        acknowledging.plan(ids, promised=lambda those: promises.promised(those, at=at), at=at)
        visits.plan(ids, at=at)
    # Merged rows are no longer walked: nothing is owed to them, nothing is sent, and they must not stay due either.
    aside = [lead.pk for lead in Lead.objects.filter(pk__in=lead_ids, merged_into__isnull=False).only("pk").lock()]
    if aside:
        router.set_aside(aside, at=at)
        enrollment.plan(aside, at=at)
        visits.plan(aside, at=at)
    milestones.refresh(lead_ids)
    # What was recorded after this moment was not seen by this walk, and keeps the lead due.
    unseen = Interaction.objects.filter(lead=OuterRef("pk"), at__gt=at).order_by("at").values("at")[:1]
    walked = Lead.objects.filter(pk__in=lead_ids, advance_due_at__lte=at)
    walked.update(advance_due_at=Subquery(unseen), advanced_at=at)
    return ids


def advance_batch(*, at: datetime, limit: int = BATCH, among: Sequence[int] | None = None) -> int:
    """Claim up to `limit` due leads that nobody else is walking, and walk them in one transaction; return how many.

    A lead in somebody's hands waits until it is put down: it must not change its team in the middle of a call. Where
    the walk fails they are walked one by one, so that whoever fails is put off alone.
    """
    ids: list[int] = []
    try:
        with transaction.atomic():
            free = Lead.objects.due(at).exclude(pk__in=worklist.in_hand(at))
            free = free if among is None else free.filter(pk__in=among)
            claimed = free.select_for_update(of=("self",), no_key=True, skip_locked=True)
            ids = list(claimed.values_list("pk", flat=True)[:limit])
            if ids:
                advance(ids, at=at)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        if not ids:
            raise
        if len(ids) == 1:
            _put_off(ids[0], error, at=at)
        else:
            log.warning("batch_walked_one_by_one", leads=len(ids), error=type(error).__name__)
            for pk in ids:
                advance_batch(at=at, among=[pk])
    return len(ids)


def advance_one(lead_id: int, *, at: datetime) -> None:
    """Walk this lead at once, for the person who waits before its page; where that fails it is put off."""
    try:
        advance([lead_id], at=at)
    except Exception as error:  # noqa: BLE001 - what was recorded is kept, and who recorded it must read so
        _put_off(lead_id, error, at=at)


def _put_off(lead_id: int, error: Exception, *, at: datetime) -> None:
    log.error("walk_failed", lead=lead_id, exc_info=error)
    due.put_off(lead_id, code=type(error).__name__, at=at)


def advance_some(*, at: datetime) -> int:
    """Note what ran out, wake what waits for a date or counts for less by now, then walk one batch of due leads; return
    how much was done, 0 when nothing is left.

    Every batch is a transaction of its own, so that a million leads take no more memory than a few hundred, and a
    worker that is killed loses at most the batch in its hands.
    """
    return _make_due(at) + advance_batch(at=at)


def advance_due(*, at: datetime) -> int:
    """Walk every lead that is due at this one moment; return how many walked. A worker's moment is new each batch."""
    walked = 0
    while _make_due(at) + (batch := advance_batch(at=at)):
        walked += batch
    return walked


def _make_due(at: datetime) -> int:
    dated = expiry.lapse(at=at) + requalification.fire_dated(at=at) + decay.wake(at=at)
    return dated + requalification.fire_openings(at=at)
