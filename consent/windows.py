"""When may the person be reached? Windows of local time in every zone and state; arithmetic, no minute loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import lru_cache

import holidays

from consent.book import FEDERAL, StateRule, Week
from consent.zones import zone

HORIZON_DAYS = 60  # no set of rows keeps a person unreachable for longer; beyond it there is no next moment
SUNDAY = 6
SATURDAY = 5


@dataclass(frozen=True)
class Hours:
    """The windows that one rule opens in one zone."""

    zone: str
    week: Week
    code: str
    state: str = ""
    bans_holidays: bool = False
    extra_holidays: frozenset[date] = frozenset()
    holiday_states: frozenset[str] = frozenset()
    holiday_as_sunday: bool = False

    def window(self, day: date) -> tuple[clock, clock] | str:
        """Return the window of a local day, or the code that closes it."""
        is_holiday = (self.bans_holidays or self.holiday_as_sunday) and (
            day in self.extra_holidays
            or any(is_public_holiday(state, day) for state in (self.state, *self.holiday_states))
        )
        if is_holiday and self.bans_holidays:
            return "STATE_HOLIDAY_BAN"
        weekday = SUNDAY if is_holiday else day.weekday()
        found = self.week[2 if weekday == SUNDAY else 1 if weekday == SATURDAY else 0]
        if found is not None:
            return found
        return "STATE_SUNDAY_BAN" if weekday == SUNDAY else "STATE_DAY_BAN"

    def refusal(self, at: datetime) -> str:
        """Return the code that forbids this instant, or nothing."""
        local = at.astimezone(zone(self.zone))
        found = self.window(local.date())
        if isinstance(found, str):
            return found
        return "" if found[0] <= local.time() < found[1] else self.code

    def next_open(self, at: datetime) -> datetime | None:
        """Return the first instant from `at` on that lies in a window."""
        home = zone(self.zone)
        today = at.astimezone(home).date()
        for ahead in range(HORIZON_DAYS):
            found = self.window(today + timedelta(days=ahead))
            if isinstance(found, str):
                continue
            start, end = (datetime.combine(today + timedelta(days=ahead), t, home).astimezone(UTC) for t in found)
            if at < end:
                return max(at, start)
        return None


@lru_cache(maxsize=4096)
def is_public_holiday(state: str, day: date) -> bool:
    """Say whether a local date is a federal holiday, observed days too, or the state's own."""
    return day in _calendar("", day.year) or bool(state) and day in _calendar(state, day.year)


@lru_cache(maxsize=256)
def _calendar(state: str, year: int) -> frozenset[date]:
    """A state unknown to the calendar has the federal days."""
    try:
        found = holidays.country_holidays("US", subdiv=state or None, years=year, observed=True)
    except NotImplementedError:
        return frozenset()
    return frozenset(found)


def base_hours(zones: Sequence[str], *, week: Week = FEDERAL, code: str) -> list[Hours]:
    """Return the window that holds everywhere, once per zone."""
    return [Hours(name, week, code) for name in zones]


def state_hours(rule: StateRule, zones: Sequence[str], channel: str) -> Iterator[Hours]:
    """Yield a state's windows per zone, the narrower ones for automated contact after the general row."""
    for name in zones:
        yield Hours(
            name,
            rule.week,
            "QUIET_HOURS_STATE",
            state=rule.state,
            bans_holidays=rule.bans_holidays,
            extra_holidays=rule.extra_holidays,
            holiday_states=rule.holiday_states,
        )
        if rule.overlay is not None and channel in rule.overlay_channels:
            yield Hours(
                name,
                rule.overlay,
                "QUIET_HOURS_STATE",
                state=rule.state,
                extra_holidays=rule.extra_holidays,
                holiday_as_sunday=rule.overlay_holiday_as_sunday,
            )


def first_open(hours: Sequence[Hours], at: datetime) -> datetime | None:
    """Return the first instant from `at` on that lies in every window, or None within the horizon."""
    moment, limit = at, at + timedelta(days=HORIZON_DAYS)
    while moment <= limit:
        latest = moment
        for each in hours:
            opens = each.next_open(latest)
            if opens is None:
                return None
            latest = opens
        if latest == moment:
            return moment
        moment = latest
    return None
