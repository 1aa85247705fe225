"""By when must a team do what it owes? Goals are rows: of a team, of a score band, of both, or of neither.

A row of team and band says it all. Else the earlier of the team's and the band's time counts, so that a high score is
served the same day whatever the team may take for others [R22, 2.18]. A routing rule may only ask for it sooner.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from routing.calendar import NeverOpen, WorkingCalendar, add_working_time, end_of_business_days, working_time_between

if TYPE_CHECKING:
    from routing.models import Goal, RoutingRule


@dataclass(frozen=True)
class Target:
    """A time goal: working minutes, or the end of so many business days on (0 is the same day)."""

    minutes: int | None = None
    business_days: int | None = None
    warn_percent: int = 75
    on_breach: str = "notify"
    marks_away: bool = False
    or_sooner: Target | None = None

    def due_at(self, start: datetime, calendar: WorkingCalendar) -> datetime:
        """By when it must be done, on the hours of this calendar; the sooner of two goals where there are two."""
        own = self._own_due_at(start, calendar)
        return min(own, self.or_sooner.due_at(start, calendar)) if self.or_sooner else own

    def _own_due_at(self, start: datetime, calendar: WorkingCalendar) -> datetime:
        if self.minutes is not None:
            return add_working_time(start, timedelta(minutes=self.minutes), calendar)
        return end_of_business_days(start, self.business_days or 0, calendar)

    def warn_at(self, start: datetime, due_at: datetime, calendar: WorkingCalendar) -> datetime:
        """When so many percent of the working time until `due_at` are used up; of all time, where the calendar does not
        look that far ahead."""
        span = working_time_between(start, due_at, calendar)
        if not span:
            return min(start, due_at)
        try:
            return min(add_working_time(start, span * self.warn_percent / 100, calendar), due_at)
        except NeverOpen:
            return min(start + (due_at - start) * self.warn_percent / 100, due_at)


# Where no row says anything: something is always owed by the next business day's close.
NO_GOAL = Target(business_days=1)


class GoalBook:
    """The goals in force, looked up without queries."""

    def __init__(self, goals: Iterable[Goal]) -> None:
        self._goals = {
            (goal.owed, goal.team_id, goal.score_band): Target(
                goal.minutes, goal.business_days, goal.warn_percent, goal.on_breach, goal.marks_away
            )
            for goal in goals
        }

    def target(self, owed: str, team: str, band: str, rule: RoutingRule | None = None) -> Target:
        """That of team and band, else the earlier of the team's and the band's; the rule's own where it is earlier."""
        found = self._found(owed, team, band)
        if rule is not None and (rule.goal_minutes is not None or rule.goal_business_days is not None):
            return replace(found, minutes=rule.goal_minutes, business_days=rule.goal_business_days, or_sooner=found)
        return found

    def _found(self, owed: str, team: str, band: str) -> Target:
        of_both, of_team, of_band, of_neither = (
            self._goals.get(key) for key in ((owed, team, band), (owed, team, ""), (owed, None, band), (owed, None, ""))
        )
        if not of_both and of_team and of_band and band:
            return replace(of_team, or_sooner=of_band)
        return of_both or of_team or of_band or of_neither or NO_GOAL
