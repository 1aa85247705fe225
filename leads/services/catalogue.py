"""What happens when the catalogue changes? Whoever waits for exactly that is woken; nobody else is touched.

The page of an offering, where alone its terms are changed, tells it here. The waking itself is due work (`Opening`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from leads.models import Document, MissingKind, Offering, OfferingPayer, Opening
from medcrm.lib import bell

NEWLY_ACCEPTED, OPENED = "payer_changed", "slot_opened"


@dataclass(frozen=True)
class Terms:
    """What an offering allows at one moment: whether it takes new patients, and whose insurance it accepts."""

    takes_new: bool
    payers: frozenset[str]


def terms(offering_id: int | None) -> Terms:
    """Read the terms in force; an offering that is not there yet allows nothing."""
    row = Offering.objects.filter(pk=offering_id).values_list("accepts_new_patients", flat=True).first()
    payers = OfferingPayer.objects.filter(offering=offering_id).values_list("payer", flat=True)
    return Terms(bool(row), frozenset(payers))


@transaction.atomic
def announce(offering_id: int, before: Terms, *, at: datetime) -> list[Opening]:
    """Say what opened since `before`, and ring the bell for those who wait for it."""
    now = terms(offering_id)
    openings = [
        Opening(kind_id=NEWLY_ACCEPTED, offering_id=offering_id, payer_id=payer, at=at) for payer in _new(now, before)
    ]
    if now.takes_new and not before.takes_new:
        openings.append(Opening(kind_id=OPENED, offering_id=offering_id, at=at))
    Opening.objects.bulk_create(openings)
    if openings:
        bell.ring()
    return openings


def make_askable(document: Document) -> MissingKind:
    """Let a kind of document be missed: whoever lacks it is said to, by the thing that is missing of the same code."""
    kind, _made = MissingKind.objects.get_or_create(
        pk=document.pk, defaults={"name": document.name, "document": document}
    )
    return kind


def _new(now: Terms, before: Terms) -> Iterable[str]:
    return sorted(now.payers - before.payers)
