"""Who is away, until when, and who takes over what they owe?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from leads.models import Lead
from medcrm.lib.errors import RuleError
from routing import assignment
from routing.assignment import MoveReport
from routing.models import Agent
from routing.vocabulary import AssignedBecause


@transaction.atomic
def mark_away(agent_id: int, *, at: datetime, until: datetime | None = None) -> Agent:
    """Take an agent off duty from now on; without `until`, until somebody says they are back. Locks the agent."""
    if until is not None and until <= at:
        raise RuleError("IN_THE_PAST", _("The absence must end in the future."), field="away_until")
    agent = Agent.objects.select_for_update(of=("self",)).select_related("user").get(pk=agent_id)
    agent.away_from, agent.away_until = at, until
    agent.save(update_fields=["away_from", "away_until"])
    return agent


@transaction.atomic
def mark_back(agent_id: int) -> Agent:
    """Put an agent on duty again. Locks the agent. Raise RuleError when they are not away."""
    agent = Agent.objects.select_for_update(of=("self",)).get(pk=agent_id)
    if agent.away_from is None:
        raise RuleError("NOT_AWAY", _("They are not marked away."))
    agent.away_from = agent.away_until = None
    agent.save(update_fields=["away_from", "away_until"])
    return agent


def hand_over(agent_id: int, *, to: Sequence[int] = (), reason: str, by: AbstractBaseUser, at: datetime) -> MoveReport:
    """Move everything an agent owes to these users, or to whoever of the team may have it, most pressing first."""
    agent = Agent.objects.select_related("user").get(pk=agent_id)
    if agent.user_id in to:
        raise RuleError("SAME_PERSON", _("Choose somebody other than the person who is away."), field="to")
    owed = Lead.objects.filter(owner=agent.user_id, next_action_due_at__isnull=False).order_by("next_action_due_at")
    ids = list(owed.values_list("pk", flat=True))
    return assignment.reassign_all(
        ids, to=to, team=agent.team_id, reason=reason, by=by, at=at, because=AssignedBecause.ABSENCE
    )
