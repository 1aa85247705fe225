"""What is kept longer than it need be? Each kind of data has a rule with its days; holds keep what a case needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from medcrm.lib import personal
from medcrm.lib.personal import Retained
from privacy import erasure, holds
from privacy.models import RetentionRule, RetentionRun
from privacy.people import person_of

BATCH = 1000  # rows emptied in one transaction
PERSONS = 100  # forgotten in one: each has its addresses locked and some thirty tables emptied


@dataclass(frozen=True)
class Result:
    """What one rule found: rows past their days, those on hold among them, and how many were dealt with."""

    due: int
    on_hold: int
    done: int


def load_rules() -> int:
    """Make a rule for each kind of data that has none yet; it keeps everything until somebody enters days."""
    rows = [
        RetentionRule(code=code, name=str(kind.label), note=kind.source) for code, kind in personal.RETAINED.items()
    ]
    return len(RetentionRule.objects.bulk_create(rows, ignore_conflicts=True))


def apply(*, at: datetime, dry: bool = False) -> RetentionRun:
    """Apply every rule with days, or only count what it would do. Batch by batch; a crash loses one batch at most."""
    results = {}
    for rule in RetentionRule.objects.filter(days__isnull=False).order_by("code"):
        kind = personal.RETAINED.get(rule.code)
        if kind is not None:
            before = at - timedelta(days=max(rule.days, kind.least))
            results[rule.code] = vars(_apply(kind, at, before, dry=dry))
    return RetentionRun.objects.create(at=at, is_dry=dry, results=results)


def _apply(kind: Retained, at: datetime, before: datetime, *, dry: bool) -> Result:
    due = kind.rows(before)
    free = due.exclude(_held(kind))
    counted, freed = due.count(), free.count()
    done = last = 0
    while not dry:
        with transaction.atomic():
            rest = free.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)
            batch = list(rest[: PERSONS if kind.whole else BATCH])
            if not batch:
                break
            last = batch[-1]
            if kind.whole:
                _forget(batch, at=at)
                done += len(batch)
            else:
                done += kind.holding().empty(due.model._base_manager.filter(pk__in=batch))
    return Result(counted, counted - freed, done)


def _forget(lead_ids: Sequence[int], *, at: datetime) -> None:
    """Forget these leads as if each had asked, except in rows of no lead: what was refused, or searched for by address.

    These have rules of their own; to look for every address in every such row would take the night.
    """
    person = replace(person_of(lead_ids), written=())
    holds.refuse_held(person)  # a hold may have been placed meanwhile
    erasure.forget(person, by=None, at=at, reason="retention")


def _held(kind: Retained) -> Q:
    """Rows about somebody on hold, however the room reaches them: by lead, by address, or as somebody wrote it."""
    person = holds.held()
    ways = [kind.holding(), personal.HOLDINGS.get(kind.model)]
    found = Q(pk__in=[])
    for way in filter(None, ways):
        found |= Q(pk__in=person.rows(way).values("pk"))
    return found
