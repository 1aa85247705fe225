"""How does a version that came into force reach every lead? In batches, each with the place it came to.

A batch locks its publication, works on the next leads in the order of their keys and keeps how far it came, all in one
transaction: a killed worker's batch leaves nothing behind, and the next tick goes on where the last batch ended.
Only leads that would stand elsewhere walk the road again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Max, QuerySet

from leads import decay, effects, scoring
from leads.models import Carried, Lead, Publication
from leads.services import due
from medcrm.lib import bell
from medcrm.lib.among import Among
from medcrm.lib.models import VersionStatus

BATCH = 10_000  # leads locked by one transaction, for about a second
BATCHES = 20  # of one task, so that a worker is free again within a minute
TASK = "leads.tasks.roll_out"
C = TypeVar("C", bound=Carried)


def begin(publication: Publication) -> None:
    """Set a new publication on its way in place of those it replaces. The caller is in a transaction."""
    version = publication.version_set
    same = {field: getattr(version, field) for field in ("lead_type", "service_id") if hasattr(version, field)}
    older = Publication.objects.filter(**{f"{publication.kind}__isnull": False})
    older = older.filter(**{f"{publication.kind}__{field}": value for field, value in same.items()})
    start(publication, leads_of(publication), older=older, task=TASK)


def start(carried: Carried, leads: QuerySet[Lead], *, older: QuerySet, task: str) -> None:
    """Measure the way of what came into force, cut short what is under way of the `older`, and ring for the task that
    goes it. The caller is in a transaction."""
    older.filter(finished_at=None).update(finished_at=carried.at, is_cut_short=True)
    carried.total = leads.count()
    carried.last = leads.aggregate(last=Max("pk"))["last"] or 0
    carried.finished_at = None if carried.total else carried.at
    carried.save()
    bell.ring(task)


def roll_out(*, clock: Callable[[], datetime]) -> None:
    """Carry what is under way further, and ring for more when there may be more."""
    in_batches(roll_out_batch, clock=clock, task=TASK)


def in_batches(batch: Callable[..., int], *, clock: Callable[[], datetime], task: str) -> None:
    """As many batches as a task has time for; where there may be more, ring for it again."""
    for _number in range(BATCHES):
        if not batch(at=clock()):
            return
    bell.ring(task)


def roll_out_batch(*, at: datetime) -> int:
    """Carry one publication to its next leads, unless another worker is at it; return how many leads it looked at."""
    return next_batch(Publication, leads_of, _carry, at=at)


@transaction.atomic
def next_batch(
    kind: type[C],
    leads_of: Callable[[C], QuerySet[Lead]],
    act: Callable[[C, Sequence[int], datetime], int],
    *,
    at: datetime,
) -> int:
    """Let what came into force act on its next leads, unless another worker is at it; return how many it looked at.

    `act` is given the keys of locked leads and returns how many it woke. Locks the row, then the leads.
    """
    waiting = kind.objects.filter(finished_at=None).order_by("pk")
    carried = waiting.select_for_update(of=("self",), skip_locked=True).first()
    if carried is None:
        return 0
    rest = leads_of(carried).filter(pk__gt=carried.position, pk__lte=carried.last)
    ids = list(rest.lock().values_list("pk", flat=True)[:BATCH])
    if ids:
        carried.woken += act(carried, ids, at)
        carried.position = ids[-1]
        carried.done += len(ids)
    if len(ids) < BATCH:
        carried.finished_at = at
    carried.save(update_fields=carried.MOVES)
    return len(ids)


def leads_of(publication: Publication) -> QuerySet[Lead]:
    """The leads a version concerns: all of its type are ranked anew, only open ones may be decided anew."""
    version = publication.version_set
    if publication.scoring_model:
        return Lead.objects.filter(merged_into=None, lead_type=version.lead_type)
    leads = Lead.objects.open()
    if publication.checklist:
        leads = leads.filter(lead_type=version.lead_type)
        leads = leads.filter(service=version.service) if version.service_id else leads
    return leads


def _carry(publication: Publication, lead_ids: Sequence[int], at: datetime) -> int:
    """Let the version act on locked leads; count those that were written and return how many were woken."""
    if publication.version_set.status != VersionStatus.PUBLISHED:
        return 0
    if publication.scoring_model:
        scored = scoring.write_scores(scoring.scale(publication.scoring_model), lead_ids, at=at, wakes=True)
        decay.plan(lead_ids, at=at)
        if scored.woken:
            bell.ring()
        publication.changed += scored.changed
        return scored.woken
    if publication.next_step_set:
        lead_ids = _decided_otherwise(publication, lead_ids, at)
    return due.mark_due(Lead.objects.filter(Among("pk", lead_ids)), at=at)


def _decided_otherwise(publication: Publication, lead_ids: Sequence[int], at: datetime) -> list[int]:
    rules = effects.active_rules(publication.next_step_set)
    sql, params = effects.chosen_sql(rules, effects.undecided().filter(Among("pk", lead_ids)), at)
    columns = "lead, rule, decision, next_step, hold_reason_id, stop_reason_id"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM ({sql}) AS chosen", params)  # noqa: S608 - every value is a parameter
        return [lead for lead, rule, *old in cursor.fetchall() if tuple(old) != effects.verdict_of(rules, rule)]
