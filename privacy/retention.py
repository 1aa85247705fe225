"""What is kept longer than it need be? Each kind of data has a rule with its days; holds keep what a case needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.apps import apps
from django.db import transaction
from django.db.models import Q, QuerySet

from medcrm.lib import personal
from medcrm.lib.personal import Retained
from privacy import holds
from privacy.models import RetentionRule, RetentionRun

BATCH = 1000  # rows emptied in one transaction


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
            results[rule.code] = vars(_apply(kind, at - timedelta(days=rule.days), dry=dry))
    return RetentionRun.objects.create(at=at, is_dry=dry, results=results)


def _apply(kind: Retained, before: datetime, *, dry: bool) -> Result:
    due = due_rows(kind, before)
    free = due.exclude(_held(kind))
    counted, freed = due.count(), free.count()
    done = 0
    while not dry:
        with transaction.atomic():
            batch = list(free.order_by("pk").values_list("pk", flat=True)[:BATCH])
            if not batch:
                break
            done += kind.holding().empty(due.model._base_manager.filter(pk__in=batch))
    return Result(counted, counted - freed, done)


def due_rows(kind: Retained, before: datetime) -> QuerySet:
    return apps.get_model(kind.model)._base_manager.filter(kind.condition, **{f"{kind.age}__lt": before})


def _held(kind: Retained) -> Q:
    """Rows about somebody on hold, however the room reaches them: by lead, by address, or as somebody wrote it."""
    person = holds.held()
    ways = [kind.holding(), personal.HOLDINGS.get(kind.model)]
    found = Q(pk__in=[])
    for way in filter(None, ways):
        found |= Q(pk__in=person.rows(way).values("pk"))
    return found
