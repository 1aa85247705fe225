"""What may somebody who has just asked be told: by when does a person answer, and when does their team open again?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from leads.models import Lead
from leads.timing import Promise
from routing.calendar import NeverOpen, WorkingCalendar, is_open, next_open
from routing.models import Clock, Team
from routing.vocabulary import OWED_BY_STEP, Owed

# What is paid by getting in touch with the person; the rest is for us to look at, or with the payer [2.18].
ANSWERS = frozenset(OWED_BY_STEP.values()) | {Owed.FOLLOW_UP}


def promised(lead_ids: Sequence[int], *, at: datetime) -> dict[int, Promise]:
    """Lead → what is owed to it first, and the opening of its team where it is closed. Three queries for any number."""
    if not lead_ids:
        return {}
    owed = Clock.objects.open().filter(lead__in=list(lead_ids), owed__in=ANSWERS, due_at__gt=at).order_by("-due_at")
    answers = dict(owed.values_list("lead", "due_at"))  # the first one comes last, and stays
    teams = dict(Lead.objects.filter(pk__in=list(lead_ids)).values_list("pk", "team"))
    opens = {team.pk: _opens_at(team.calendar, at) for team in Team.objects.filter(pk__in=set(teams.values()))}
    return {pk: Promise(answers.get(pk), opens.get(team)) for pk, team in teams.items()}


def _opens_at(calendar: WorkingCalendar, at: datetime) -> datetime | None:
    """None while it is open, and for a calendar without working time."""
    try:
        return None if is_open(at, calendar) else next_open(at, calendar)
    except NeverOpen:
        return None
