"""How do the rows that lists show catch up after the fold has learnt something? Batch by batch, under the locks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db import connection, transaction

from consent import ledger
from consent.models import Address

BATCH = 2000  # addresses per transaction; about ten megabytes of events

# Addresses whose rows said something else before migration 0006: mailboxes with a withdrawal, written consents that
# lack a part or whose text is another, and such as were to hold before the act.
LEARNT = """
SELECT DISTINCT e.address_id FROM consent_consentevent e
JOIN consent_address a ON a.id = e.address_id
LEFT JOIN consent_disclosure d ON d.id = e.disclosure_id
WHERE e.address_id > %(after)s AND (
  a.kind = 'email' AND (e.kind IN ('revoke', 'internal_dnc', 'wrong_number') OR e.kind IN ('inbound', 'review'))
  OR e.kind = 'grant' AND (e.level = 'PEWC' AND NOT e.is_evidence_complete OR e.effective_at < e.occurred_at
                           OR e.shown_sha256 <> d.sha256))
ORDER BY e.address_id LIMIT %(batch)s
"""


def all_addresses(after: int) -> list[int]:
    """The next addresses behind this one."""
    return list(Address.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH])


def learnt_about(after: int) -> list[int]:
    """The next addresses behind this one of which the fold says something else since migration 0006."""
    with connection.cursor() as cursor:
        cursor.execute(LEARNT, {"after": after, "batch": BATCH})
        return [row[0] for row in cursor.fetchall()]


def refold(following: Callable[[int], Sequence[int]], *, only_count: bool = False) -> tuple[int, int]:
    """Fold batch after batch of addresses again; return how many there were, and how many rows differed."""
    differing = total = last = 0
    while ids := following(last):
        last = ids[-1]
        with transaction.atomic():
            list(Address.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("pk").values_list("pk"))
            differing += len(ledger.stale_projections(ids))
            total += len(ids)
            if not only_count:
                ledger.project(ids)
    return total, differing
