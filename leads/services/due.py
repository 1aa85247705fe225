"""How does anything that concerns a lead get it back on the road? By marking it due and ringing the bell."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce, Least

from leads.models import Lead
from medcrm.lib import bell
from medcrm.lib.among import Among


def mark_due(leads: QuerySet[Lead], *, at: datetime) -> int:
    """Mark leads due to walk the road at `at` (or earlier, where they already are); return how many."""
    marked = leads.order_by().update(advance_due_at=Least(Coalesce("advance_due_at", Value(at)), Value(at)))
    if marked:
        bell.ring()
    return marked


def mark_addresses_due(address_ids: list[int], *, at: datetime) -> int:
    """Mark every lead that uses one of these addresses due: what is permitted for it changed [R47]."""
    uses_one = Q(Among("phone_id", address_ids)) | Q(Among("email_id", address_ids))
    return mark_due(Lead.objects.filter(uses_one), at=at)
