"""When does a step fall due? Its delay after entry, moved into its own hours on the lead's clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SATURDAY = 5


class Hours(Protocol):
    """What a step says about its hours."""

    window_start: time | None
    window_end: time | None
    is_weekdays_only: bool


class Timed(Hours, Protocol):
    delay: timedelta


def due_at(step: Timed, *, entered_at: datetime, not_before: datetime, zone: str) -> datetime:
    """The instant a step falls due: after its delay, never in the past, inside its hours."""
    return next_open(step, max(entered_at + step.delay, not_before), zone=zone)


def next_open(step: Hours, at: datetime, *, zone: str) -> datetime:
    """The first instant from `at` on that lies inside the step's hours; end exclusive."""
    if step.window_start is None and not step.is_weekdays_only:
        return at
    start, end = step.window_start or time.min, step.window_end or time.max
    local = at.astimezone(ZoneInfo(zone))
    if local.time() >= end:
        local = _start_of(local + timedelta(days=1), start)
    elif local.time() < start:
        local = _start_of(local, start)
    while step.is_weekdays_only and local.weekday() >= SATURDAY:
        local = _start_of(local + timedelta(days=1), start)
    return max(local.astimezone(UTC), at)


def is_open(step: Hours, at: datetime, *, zone: str) -> bool:
    """Whether this instant lies inside the step's hours."""
    return next_open(step, at, zone=zone) == at


def _start_of(local: datetime, start: time) -> datetime:
    return datetime.combine(local.date(), start, local.tzinfo)
