"""How does anything that concerns a lead get it back on the road? By marking it due and ringing the bell."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Least

from leads.models import Interaction, Lead
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib import bell
from medcrm.lib.among import Among

PUT_OFF = timedelta(minutes=10)  # a lead that the road could not take is tried again then, or as soon as it changes
NOT_WALKED = "not_walked"  # the fact of the timeline entry that says so


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


@transaction.atomic
def put_off(lead_id: int, *, code: str, at: datetime) -> None:
    """Let a lead whose walk failed wait, and say so once on its timeline. Locks the lead.

    By the error's name alone: its words may quote a person.
    """
    lead = Lead.objects.lock().get(pk=lead_id)
    if not _failures(Q(lead=lead), since=lead.advanced_at or lead.created_at).filter(facts__not_walked=code).exists():
        Interaction.objects.create(
            lead=lead,
            kind=InteractionKind.SYSTEM,
            direction=Direction.INTERNAL,
            at=at,
            text=f"The system could not work out what happens next ({code}). It tries again every ten minutes.",
            facts={NOT_WALKED: code},
        )
    Lead.objects.filter(pk=lead_id).update(advance_due_at=at + PUT_OFF)


def put_off_leads(*, at: datetime) -> QuerySet[Lead]:
    """Leads that wait because their walk failed, each with since when (`not_walked_at`)."""
    failures = _failures(Q(lead=OuterRef("pk")), since=Coalesce(OuterRef("advanced_at"), OuterRef("created_at")))
    since_when = Subquery(failures.order_by("at").values("at")[:1])
    waiting = Lead.objects.filter(advance_due_at__gt=at).order_by()
    return waiting.annotate(not_walked_at=since_when).exclude(not_walked_at=None)


def _failures(of_lead: Q, *, since: object) -> QuerySet[Interaction]:
    """The timeline entries that say so since the lead last walked."""
    return Interaction.objects.filter(of_lead, kind=InteractionKind.SYSTEM, facts__has_key=NOT_WALKED, at__gte=since)
