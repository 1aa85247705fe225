"""Who looked at the decisions that went against the checks, and what did a person decide without a call?"""

from __future__ import annotations

from datetime import date, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from leads import outcomes
from leads.models import Interaction, Lead, Qualification
from leads.outcomes import CallReport
from leads.services import calls, due
from leads.vocabulary import Direction, InteractionKind, Outcome
from medcrm.lib.errors import InvalidFields, RuleError


@transaction.atomic
def review_override(qualification_id: int, *, by: AbstractBaseUser, at: datetime) -> Qualification:
    """Note that a supervisor looked at an override; nobody reviews their own [R5]."""
    cycle = Qualification.objects.select_for_update().get(pk=qualification_id)
    if not cycle.override_reason:
        raise RuleError("NOT_AN_OVERRIDE", _("This decision followed the checks; there is nothing to review."))
    if cycle.decided_by_id == by.pk:
        raise RuleError("OWN_OVERRIDE", _("Somebody else has to review your own decision."))
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
    """Keep what a person decided without a call, with their words on the timeline; without an outcome the cycle goes on
    as it was [R5, R38].

    Against a failed check the words are the reason. Locks the lead. Raise InvalidFields for what the decision lacks.
    """
    lead = Lead.objects.lock().get(pk=lead_id)
    if outcome:
        has_code = outcome in (Outcome.HOLD, Outcome.DISQUALIFIED)
        report = CallReport("", reason=reason if has_code else text.strip(), follow_up_on=until)
        _refuse(lead, outcome, report, at)
        calls.decide(lead, outcome, report, by=by, at=at)
        lead.save()
    Interaction.objects.create(
        lead=lead, kind=InteractionKind.NOTE, direction=Direction.INTERNAL, at=at, by=by, text=text
    )
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)
    return lead


def _refuse(lead: Lead, outcome: Outcome, report: CallReport, at: datetime) -> None:
    """Raise InvalidFields for what this outcome needs and the decision does not say."""
    if outcome == Outcome.APPOINTMENT_SET:
        told = _("A visit is set by booking it: press “Book a visit”. A meeting is agreed on a call: record it there.")
        raise InvalidFields({"outcome": [told]})
    if outcome == Outcome.DOCUMENTS_REQUESTED and not calls.is_collecting(lead, at=at):
        told = "Nothing to collect is known. Ask on a call what is missing, and record it with its date."
        raise InvalidFields({"outcome": [told]})
    if outcome in outcomes.MOVES_ON:
        calls.judge_anew(lead, at=at)
    if errors := calls.outcome_problems(lead, report, outcome, at=at):
        raise InvalidFields(errors)
