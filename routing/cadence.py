"""When should a lead that was not reached be tried again, and when is it enough?

Pure. A retry keeps its distance, falls into the team's working hours, and into another part of the lead's own day than
the last try; when the tries are used up a person decides, never the clock [2.11, X60].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from routing.calendar import WorkingCalendar, next_open

if TYPE_CHECKING:
    from routing.models import Cadence

NOON, LATE = 12, 16  # the day's parts: morning until noon, afternoon until four, late after it
PARTS_TO_TRY = 6  # two days' worth of parts; after that any working time is better than none


@dataclass(frozen=True)
class Plan:
    """The numbers of a cadence; None as maximum is no limit, 0 is no try at all."""

    max_attempts: int | None = None
    min_spacing: timedelta = timedelta(hours=2)
    varies_time_of_day: bool = True
    rest_after_talk: timedelta = timedelta(minutes=30)

    def is_exhausted(self, unanswered: int) -> bool:
        """Whether this many tries in vain are all there are."""
        return self.max_attempts is not None and unanswered >= self.max_attempts

    def next_try(self, last: datetime, after: timedelta, calendar: WorkingCalendar, zone: str) -> datetime:
        """The first working instant that is far enough from the last try and in another part of the lead's day."""
        earliest = next_open(last + max(after, self.min_spacing), calendar)
        at, avoid = earliest, part_of_day(last, zone)
        for _ in range(PARTS_TO_TRY):
            if not self.varies_time_of_day or part_of_day(at, zone) != avoid:
                return at
            at = next_open(next_part(at, zone), calendar)
        return earliest


# Where no row says anything; six to eight tries are usual [X65, X66].
NO_CADENCE = Plan()


class CadenceBook:
    """The cadences in force, looked up without queries."""

    def __init__(self, rows: Iterable[Cadence]) -> None:
        self._plans = {
            row.team_id: Plan(
                row.max_attempts,
                timedelta(minutes=row.min_spacing_minutes),
                row.varies_time_of_day,
                timedelta(minutes=row.rest_after_talk_minutes),
            )
            for row in rows
        }

    def plan(self, team: str) -> Plan:
        """The team's own cadence, or else that of all teams."""
        return self._plans.get(team, self._plans.get(None, NO_CADENCE))


def part_of_day(at: datetime, zone: str) -> int:
    """0 in the morning, 1 in the afternoon, 2 late, on the clock of the zone."""
    hour = at.astimezone(ZoneInfo(zone)).hour
    return 0 if hour < NOON else 1 if hour < LATE else 2


def next_part(at: datetime, zone: str) -> datetime:
    """When the next part of the lead's day begins; after the last part, the next morning."""
    local = at.astimezone(ZoneInfo(zone))
    start = local.replace(minute=0, second=0, microsecond=0)
    if local.hour < LATE:
        return start.replace(hour=NOON if local.hour < NOON else LATE)
    return start.replace(hour=0) + timedelta(days=1)
