"""How do the rows that lists show catch up after the fold has learnt something? Batch by batch, under the locks."""

from __future__ import annotations

from django.db import transaction

from consent import ledger
from consent.models import Address

BATCH = 2000  # addresses per transaction; about ten megabytes of events


def refold(*, only_count: bool = False) -> tuple[int, int]:
    """Fold the ledger of every address again, in batches; return how many there were, and how many rows differed."""
    differing = total = last = 0
    while ids := list(Address.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last = ids[-1]
        with transaction.atomic():
            list(Address.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("pk").values_list("pk"))
            differing += len(ledger.stale_projections(ids))
            total += len(ids)
            if not only_count:
                ledger.project(ids)
    return total, differing
