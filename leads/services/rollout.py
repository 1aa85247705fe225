"""How does a version that came into force reach every lead? In batches, each with the place it came to.

A batch locks its publication, works on the next leads in the order of their keys and keeps how far it came, all in one
transaction: a killed worker's batch leaves nothing behind, and the next tick goes on where the last batch ended.
Only leads that would stand elsewhere walk the road again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Max, QuerySet

from leads import decay, effects, scoring
from leads.models import Lead, Publication
from leads.services import due
from medcrm.lib import bell
from medcrm.lib.among import Among
from medcrm.lib.models import VersionStatus

BATCH = 10_000  # leads locked by one transaction, for about a second
BATCHES = 20  # of one task, so that a worker is free again within a minute
TASK = "leads.tasks.roll_out"


def begin(publication: Publication) -> None:
    """Measure the way of a new publication, cut short those it replaces, and ring. The caller is in a transaction."""
    version = publication.version_set
    same = {field: getattr(version, field) for field in ("lead_type", "service_id") if hasattr(version, field)}
    older = Publication.objects.filter(finished_at=None, **{f"{publication.kind}__isnull": False})
    older = older.filter(**{f"{publication.kind}__{field}": value for field, value in same.items()})
    older.update(finished_at=publication.at, is_cut_short=True)
    leads = leads_of(publication)
    publication.total = leads.count()
    publication.last = leads.aggregate(last=Max("pk"))["last"] or 0
    publication.finished_at = None if publication.total else publication.at
    publication.save()
    bell.ring(TASK)


def roll_out(*, clock: Callable[[], datetime]) -> None:
    """Carry what is under way further, and ring for more when there may be more."""
    for _number in range(BATCHES):
        if not roll_out_batch(at=clock()):
            return
    bell.ring(TASK)


@transaction.atomic
def roll_out_batch(*, at: datetime) -> int:
    """Carry one publication to its next leads, unless another worker is at it; return how many leads it looked at."""
    waiting = Publication.objects.filter(finished_at=None).order_by("pk")
    publication = waiting.select_for_update(of=("self",), skip_locked=True).first()
    if publication is None:
        return 0
    rest = leads_of(publication).filter(pk__gt=publication.position, pk__lte=publication.last)
    ids = list(rest.lock().values_list("pk", flat=True)[:BATCH])
    if ids:
        changed, woken = _carry(publication, ids, at)
        publication.position = ids[-1]
        publication.done += len(ids)
        publication.changed += changed
        publication.woken += woken
    if len(ids) < BATCH:
        publication.finished_at = at
    publication.save(update_fields=["position", "done", "changed", "woken", "finished_at"])
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


def _carry(publication: Publication, lead_ids: Sequence[int], at: datetime) -> tuple[int, int]:
    """Let the version act on locked leads; return how many were written and how many were woken."""
    if publication.version_set.status != VersionStatus.PUBLISHED:
        return 0, 0
    if publication.scoring_model:
        scored = scoring.write_scores(scoring.scale(publication.scoring_model), lead_ids, at=at, wakes=True)
        decay.plan(lead_ids, at=at)
        if scored.woken:
            bell.ring()
        return scored.changed, scored.woken
    if publication.next_step_set:
        lead_ids = _decided_otherwise(publication, lead_ids, at)
    return 0, due.mark_due(Lead.objects.filter(Among("pk", lead_ids)), at=at)


def _decided_otherwise(publication: Publication, lead_ids: Sequence[int], at: datetime) -> list[int]:
    rules = effects.active_rules(publication.next_step_set)
    sql, params = effects.chosen_sql(rules, effects.undecided().filter(Among("pk", lead_ids)), at)
    columns = "lead, rule, decision, next_step, hold_reason_id, stop_reason_id"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM ({sql}) AS chosen", params)  # noqa: S608 - every value is a parameter
        return [lead for lead, rule, *old in cursor.fetchall() if tuple(old) != effects.verdict_of(rules, rule)]
