"""When does what a lead did count for less? Points that halve with quiet days do so on a day that is due work [R24].

Each walk notes the next such day of the lead; on it the lead walks again, though nothing else happened to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from leads.facts.activity import QUIET_SINCE_KINDS
from leads.models import Decay, Lead
from leads.services import due

BATCH = 200

# Whole days are days of 24 hours, as the fact `quiet_days` counts them. A row of a lead whose points are gone meanwhile
# stays: the lead walks once for nothing, which is cheaper than to look for it at each walk.
PLAN = """
INSERT INTO leads_decay (lead_id, due_at)
SELECT lead.id, min(quiet.since + make_interval(hours => 24 * category.half_life_days
           * (1 + GREATEST(0, floor(extract(epoch FROM %(at)s - quiet.since) / 86400 / category.half_life_days))::int)))
  FROM leads_lead lead
  JOIN leads_scoringcategory category
    ON category.model_id = lead.score_model_id AND category.half_life_days > 0
   AND COALESCE((lead.score_parts->>category.code)::int, 0) <> 0
 CROSS JOIN LATERAL (
       SELECT COALESCE(max(entry.at), lead.created_at) AS since
         FROM leads_interaction entry
        WHERE entry.lead_id = lead.id AND entry.kind = ANY(%(kinds)s)
       ) quiet
 WHERE lead.id = ANY(%(leads)s::bigint[])
 GROUP BY lead.id
    ON CONFLICT (lead_id) DO UPDATE SET due_at = EXCLUDED.due_at WHERE leads_decay.due_at <> EXCLUDED.due_at
"""


def plan(lead_ids: Sequence[int], *, at: datetime) -> None:
    """Note when the points of these scored leads halve next. The caller holds the locks of the leads."""
    kinds = [kind.value for kind in QUIET_SINCE_KINDS]
    with connection.cursor() as cursor:
        cursor.execute(PLAN, {"at": at, "kinds": kinds, "leads": list(lead_ids)})


@transaction.atomic
def wake(*, at: datetime, limit: int = BATCH) -> int:
    """Put up to `limit` leads on the road whose points halve by now; return how many days were dealt with.

    A lead that somebody else has in hand is left to the next tick. Locks the leads.
    """
    ids = list(Decay.objects.filter(due_at__lte=at).order_by("due_at").values_list("pk", flat=True)[:limit])
    if not ids:
        return 0
    leads = Lead.objects.filter(pk__in=ids).select_for_update(of=("self",), no_key=True, skip_locked=True)
    held = list(leads.order_by("pk").values_list("pk", flat=True))
    Decay.objects.filter(pk__in=held).delete()
    due.mark_due(Lead.objects.open().filter(pk__in=held), at=at)
    return len(held)
