"""Who looked at the decisions that went against the checks, and what did a supervisor decide without a call?"""

from __future__ import annotations

from datetime import date, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from leads.models import Interaction, Lead, Qualification
from leads.services import calls, due
from leads.services.calls import CallReport
from leads.vocabulary import Direction, InteractionKind, Outcome
from medcrm.lib.errors import RuleError


@transaction.atomic
def review_override(qualification_id: int, *, by: AbstractBaseUser, at: datetime) -> Qualification:
    """Note that a supervisor looked at an override; nobody reviews their own [R5]."""
    cycle = Qualification.objects.select_for_update().get(pk=qualification_id)
    if not cycle.override_reason:
        raise RuleError("NOT_AN_OVERRIDE", "This decision followed the checks; there is nothing to review.")
    if cycle.decided_by_id == by.pk:
        raise RuleError("OWN_OVERRIDE", "Somebody else has to review your own decision.")
    if cycle.override_reviewed_at is None:
        cycle.override_reviewed_by, cycle.override_reviewed_at = by, at
        cycle.save(update_fields=["override_reviewed_by", "override_reviewed_at"])
    return cycle


@transaction.atomic
def decide_by_hand(
    lead_id: int,
    outcome: Outcome | None,
    *,
    text: str,
    by: AbstractBaseUser,
    at: datetime,
    reason: str = "",
    until: date | None = None,
) -> Lead:
    """Keep what a supervisor decided, with its words on the timeline; without an outcome the cycle goes on as it was.

    Locks the lead.
    """
    lead = Lead.objects.lock().get(pk=lead_id)
    if outcome:
        calls.decide(lead, outcome, CallReport("", reason=reason, follow_up_on=until), by=by, at=at)
        lead.save()
    Interaction.objects.create(
        lead=lead, kind=InteractionKind.NOTE, direction=Direction.INTERNAL, at=at, by=by, text=text
    )
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)
    return lead
