"""Between which dates does a lead want to come? What an answer to “when?” means on the lead's own calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from leads.models import TimingWindow


@dataclass(frozen=True)
class Window:
    """First and last date wanted; None leaves that side open."""

    opens_on: date | None = None
    closes_on: date | None = None


def window(timing: TimingWindow | None, *, asked_on: date) -> Window:
    """The dates meant by an answer given on `asked_on`; without an answer, or with “not sure”, both sides are open."""
    if timing is None:
        return Window()
    match timing.kind:
        case timing.Kind.WITHIN:
            return Window(asked_on, asked_on + timedelta(days=timing.days or 0))
        case timing.Kind.NEXT_QUARTER:
            return Window(first_of_quarter(asked_on, 1), first_of_quarter(asked_on, 2) - timedelta(days=1))
        case timing.Kind.LATER:
            return Window(first_of_quarter(asked_on, 2), None)
        case _:
            return Window()


def day_at(zone: str, at: datetime) -> date:
    """The date on the calendar there; in UTC where the zone is not known."""
    return at.astimezone(ZoneInfo(zone or "UTC")).date()


def start_of(day: date, zone: str) -> datetime:
    """Midnight that begins the day there; in UTC where the zone is not known."""
    return datetime.combine(day, time.min, ZoneInfo(zone or "UTC"))


def first_of_quarter(day: date, ahead: int) -> date:
    """First day of the calendar quarter `ahead` quarters after the one that holds `day`."""
    quarter = (day.month - 1) // 3 + ahead
    return date(day.year + quarter // 4, quarter % 4 * 3 + 1, 1)
