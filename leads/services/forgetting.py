"""How does the road end for somebody who is forgotten? The lead closes, and nothing wakes it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pgtrigger
from django.db import transaction

from leads.lifecycle import OPEN, Stage
from leads.models import Lead, LeadEvent, MissingItem, Trigger


@transaction.atomic
def close_leads(lead_ids: Sequence[int], *, at: datetime) -> None:
    """Close these leads for good: open ones are lost, triggers disarmed. Locks the leads."""
    list(Lead.objects.filter(pk__in=lead_ids).lock().only("pk"))
    Trigger.objects.filter(lead__in=lead_ids, fired_at=None, disarmed_at=None).update(disarmed_at=at)
    MissingItem.objects.filter(lead__in=lead_ids, settled_at=None).update(settled_at=at)
    Lead.objects.filter(pk__in=lead_ids, stage__in=OPEN).update(stage=Stage.LOST, hold_reason=None)


def drop_addresses(lead_ids: Sequence[int], address_ids: Sequence[int]) -> None:
    """Take addresses that somebody else uses too off these leads and their history; the addresses themselves stay."""
    leads, history = Lead.objects.filter(pk__in=lead_ids), LeadEvent.objects.filter(pgh_obj__in=lead_ids)
    with pgtrigger.ignore("leads.LeadEvent:append_only"):
        for name in ("phone", "email"):
            leads.filter(**{f"{name}__in": address_ids}).update(**{name: None})
            history.filter(**{f"{name}__in": address_ids}).update(**{name: None})
