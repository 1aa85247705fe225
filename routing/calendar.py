"""When is a team at work, and what instant is “four working hours from now”?

Working time is elapsed time inside the windows of a calendar: windows are local wall-clock hours of an IANA zone, so a
day on which the clock changes is simply an hour shorter or longer where a window spans the change. Every function
walks whole day windows, never minutes. All instants in and out are aware; results are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays as public_holidays

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
# Beyond the furthest promise (leads.timing.FURTHEST); a calendar without a window until then has none.
HORIZON_DAYS = 6 * 366

Window = tuple[int, int]  # minutes after local midnight, [opens, closes)


class NeverOpen(ValueError):
    """The calendar has no working time to count with."""


@dataclass(frozen=True)
class WorkingCalendar:
    """The hours, zone and holidays that one team or agent works by."""

    zone: str
    week: tuple[tuple[Window, ...], ...]  # Monday first
    observes_federal_holidays: bool = True
    closed_on: frozenset[date] = frozenset()
    open_on: frozenset[date] = frozenset()  # holidays that are worked all the same

    def is_working_day(self, day: date) -> bool:
        """Whether this local day has hours and is not off; a closed day counts before a holiday worked all the same."""
        if day in self.closed_on or not self.week[day.weekday()]:
            return False
        return day in self.open_on or not (self.observes_federal_holidays and day in federal_holidays(day.year))

    def local_date(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.zone)).date()

    def day_windows(self, day: date) -> list[tuple[datetime, datetime]]:
        """The windows of one local day as UTC instants; none on a day off."""
        if not self.is_working_day(day):
            return []
        return [(self._instant(day, opens), self._instant(day, closes)) for opens, closes in self.week[day.weekday()]]

    def windows(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Windows that end after `since`, in order, the first cut to begin no earlier. Raise NeverOpen at the end."""
        day = self.local_date(since)
        for offset in range(HORIZON_DAYS):
            for opens, closes in self.day_windows(day + timedelta(days=offset)):
                if closes > since:
                    yield max(opens, since.astimezone(UTC)), closes
        raise NeverOpen(f"No working time within {HORIZON_DAYS} days after {since.isoformat()}.")

    def _instant(self, day: date, minute: int) -> datetime:
        # A wall-clock time that a clock change repeats means the first; one that it skips means as far past the gap.
        midnight = datetime.combine(day + timedelta(days=minute // MINUTES_A_DAY), time(), ZoneInfo(self.zone))
        return (midnight + timedelta(minutes=minute % MINUTES_A_DAY)).astimezone(UTC)


def is_open(at: datetime, calendar: WorkingCalendar) -> bool:
    """Whether somebody works by this calendar at this instant; the closing time is no working time."""
    return any(opens <= at < closes for opens, closes in calendar.day_windows(calendar.local_date(at)))


def next_open(at: datetime, calendar: WorkingCalendar) -> datetime:
    """The first working instant at or after `at`."""
    return next(calendar.windows(at))[0]


def add_working_time(start: datetime, duration: timedelta, calendar: WorkingCalendar) -> datetime:
    """The first instant by which `duration` of working time has passed since `start`.

    Time that runs out exactly at closing time is due at closing time, not next morning.
    """
    left = duration
    for opens, closes in calendar.windows(start):
        if opens + left <= closes:
            return opens + left
        left -= closes - opens
    raise NeverOpen  # unreachable: windows() raises first


def working_time_between(start: datetime, end: datetime, calendar: WorkingCalendar) -> timedelta:
    """How much working time lies in [start, end); zero when it ends before it starts."""
    total, day, last = timedelta(), calendar.local_date(start), calendar.local_date(end)
    while day <= last:
        for opens, closes in calendar.day_windows(day):
            total += max(min(closes, end) - max(opens, start), timedelta())
        day += timedelta(days=1)
    return total


def end_of_business_days(start: datetime, days: int, calendar: WorkingCalendar) -> datetime:
    """Closing time of the working day that many working days on; 0 means the same business day.

    A start outside working time counts from the next working day, so Friday night plus 0 is Monday's close.
    """
    first = calendar.local_date(next_open(start, calendar))
    return _closing(nth_working_day(first, days, calendar), calendar)


def close_of_day(day: date, calendar: WorkingCalendar) -> datetime:
    """Closing time of that date, or of the next working day when it is a day off."""
    return _closing(nth_working_day(day, 0, calendar), calendar)


def nth_working_day(day: date, days: int, calendar: WorkingCalendar) -> date:
    """The working day `days` after the first one that is `day` or later."""
    left = days
    for offset in range(HORIZON_DAYS):
        candidate = day + timedelta(days=offset)
        if calendar.is_working_day(candidate):
            if left == 0:
                return candidate
            left -= 1
    raise NeverOpen(f"No working day within {HORIZON_DAYS} days after {day}.")


def _closing(day: date, calendar: WorkingCalendar) -> datetime:
    return calendar.day_windows(day)[-1][1]


@lru_cache(maxsize=64)
def federal_holidays(year: int) -> frozenset[date]:
    """US federal holidays as observed, including New Year's Day when it is observed on 31 December."""
    days = public_holidays.country_holidays("US", years=(year, year + 1), observed=True)
    return frozenset(day for day in days if day.year == year)


def parse_week(hours: Mapping[str, Sequence[Sequence[str]]]) -> tuple[tuple[Window, ...], ...]:
    """Read `{"mon": [["08:00", "17:00"]], …}`; a day left out is a day off. Raise ValueError saying what is wrong."""
    if unknown := set(hours) - set(DAYS):
        raise ValueError(f"Unknown weekday: {', '.join(sorted(unknown))}. Use {', '.join(DAYS)}.")
    return tuple(tuple(_windows_of(day, hours.get(day, ()))) for day in DAYS)


def _windows_of(day: str, pairs: Sequence[Sequence[str]]) -> Iterator[Window]:
    earliest = 0
    for pair in pairs:
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise ValueError(f"{day}: each window is a pair of times, e.g. [“08:00”, “17:00”].")
        opens, closes = _minute(day, pair[0]), _minute(day, pair[1])
        if not earliest <= opens < closes:
            raise ValueError(f"{day}: windows must be in order and end after they begin ({pair[0]}–{pair[1]}).")
        earliest = closes
        yield opens, closes


def _minute(day: str, text: str) -> int:
    hour, _, minute = str(text).partition(":")
    if not (hour.isdigit() and minute.isdigit() and len(minute) == 2):
        raise ValueError(f"{day}: “{text}” is not a time such as 08:00.")
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > MINUTES_A_DAY:
        raise ValueError(f"{day}: “{text}” is not between 00:00 and 24:00.")
    return total
