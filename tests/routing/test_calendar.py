"""Working time by arithmetic equals working time counted minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import calendar, clocks
from routing.calendar import WorkingCalendar, add_working_time, end_of_business_days, working_time_between
from routing.clocks import Wanted
from routing.goals import Target
from routing.vocabulary import Owed

MINUTE = timedelta(minutes=1)
OFFICE = WorkingCalendar("America/Chicago", calendar.parse_week({d: [["08:00", "17:00"]] for d in calendar.DAYS[:5]}))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def works(at: datetime, cal: WorkingCalendar) -> bool:
    """The slow reference: is this minute, on the wall clock there, inside a window of a working day?"""
    local = at.astimezone(ZoneInfo(cal.zone))
    minute = local.hour * 60 + local.minute
    return cal.is_working_day(local.date()) and any(a <= minute < b for a, b in cal.week[local.weekday()])


@st.composite
def windows(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Windows that do not begin or end inside the hours that a US clock change skips or repeats (01:00-03:00)."""
    edges = st.one_of(st.integers(0, 60), st.integers(180, 1440))
    cuts = sorted(draw(st.sets(edges, min_size=0, max_size=4)))
    return tuple(zip(cuts[::2], cuts[1::2], strict=False))


calendars = st.builds(
    WorkingCalendar,
    zone=st.sampled_from(["America/Chicago", "America/New_York", "America/Denver", "America/Phoenix", "UTC"]),
    week=st.tuples(*[windows() for _ in range(7)]).filter(any),
    observes_federal_holidays=st.booleans(),
    closed_on=st.frozensets(st.dates(date(2026, 10, 25), date(2026, 12, 31)), max_size=5),
    open_on=st.frozensets(st.sampled_from([date(2026, 11, 26), date(2026, 12, 25)])),
)
# Around the autumn change and the year-end holidays, and around the spring change.
starts = st.one_of(
    st.integers(0, 60 * 24 * 70).map(lambda m: utc("2026-10-25T00:00") + m * MINUTE),
    st.integers(0, 60 * 24 * 14).map(lambda m: utc("2027-03-07T00:00") + m * MINUTE),
)


@settings(max_examples=40, deadline=None)
@given(calendars, starts, st.integers(0, 60 * 24 * 4))
def test_time_between_equals_the_count_of_minutes(cal, start, minutes):
    end = start + minutes * MINUTE
    counted = sum(works(start + i * MINUTE, cal) for i in range(minutes))
    assert working_time_between(start, end, cal) == counted * MINUTE


@settings(max_examples=40, deadline=None)
@given(calendars, starts, st.integers(1, 60 * 10))
def test_adding_time_ends_where_the_count_of_minutes_does(cal, start, minutes):
    end = add_working_time(start, minutes * MINUTE, cal)
    assert working_time_between(start, end, cal) == minutes * MINUTE
    assert works(end - MINUTE, cal)  # the first such instant: the minute before it was worked
    at, left, patience = start, minutes, 60 * 24 * 5
    while left and patience:
        left, at, patience = left - works(at, cal), at + MINUTE, patience - 1
    if not left:
        assert end == at


@settings(max_examples=40, deadline=None)
@given(calendars, starts, st.integers(0, 6))
def test_business_days_end_with_the_last_worked_minute_of_the_day_counted_to(cal, start, days):
    """Slowly: walk by minutes to the first worked one, then by dates over `days` worked ones, then to the day's end."""
    at, patience = start, 60 * 24 * 40
    while patience and not works(at, cal):
        at, patience = at + MINUTE, patience - 1
    if not patience:
        return
    day, left = cal.local_date(at), days
    while left:
        day += timedelta(days=1)
        left -= cal.is_working_day(day)
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(cal.zone)).astimezone(UTC)
    last = next(t for t in (midnight - n * MINUTE for n in range(1, 60 * 26)) if works(t, cal))
    assert end_of_business_days(start, days, cal) == last + MINUTE


@settings(max_examples=40, deadline=None)
@given(calendars, starts, st.integers(1, 600), st.integers(0, 600), st.integers(0, 60 * 24 * 5))
def test_a_pause_takes_nothing_of_what_was_left_and_adds_nothing(cal, start, minutes, after, pause):
    due = add_working_time(start, minutes * MINUTE, cal)
    since = start + after * MINUTE
    until = since + pause * MINUTE
    clock = Wanted(Owed.BOOKING, start, due, Target(minutes=minutes), warn_at=due)
    held = clocks.pause(clock, since=since, until=until, calendar=cal)
    left = working_time_between(since, due, cal)
    assert working_time_between(until if held is not clock else since, held.due_at, cal) == left


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-12-01T16:00", 4, "2026-12-01T20:00"),  # Tuesday 10:00 → 14:00
        ("2026-12-05T03:30", 4, "2026-12-07T18:00"),  # Friday 21:30 → Monday noon
        ("2026-12-01T19:00", 4, "2026-12-01T23:00"),  # runs out exactly at closing time
        ("2026-12-01T19:01", 4, "2026-12-02T14:01"),
        ("2026-11-25T22:00", 4, "2026-11-27T17:00"),  # over Thanksgiving
        ("2026-10-30T21:00", 4, "2026-11-02T17:00"),  # over the end of summer time
    ],
)
def test_worked_examples(start, hours, due):
    assert add_working_time(utc(start), timedelta(hours=hours), OFFICE) == utc(due)


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-12-01T16:00", 0, "2026-12-01T23:00"),
        ("2026-12-01T16:00", 3, "2026-12-04T23:00"),
        ("2026-12-05T03:30", 0, "2026-12-07T23:00"),  # Friday night: Monday is the same business day
        ("2026-12-24T16:00", 1, "2026-12-28T23:00"),  # over Christmas and a weekend
    ],
)
def test_business_days(start, days, due):
    assert end_of_business_days(utc(start), days, OFFICE) == utc(due)


def test_observed_new_year_on_the_last_of_december_is_a_holiday():
    assert not OFFICE.is_working_day(date(2027, 12, 31))


def test_own_list_closes_and_opens_days():
    own = WorkingCalendar(
        OFFICE.zone, OFFICE.week, closed_on=frozenset({date(2026, 12, 2)}), open_on=frozenset({date(2026, 11, 26)})
    )
    assert not own.is_working_day(date(2026, 12, 2))
    assert own.is_working_day(date(2026, 11, 26))


def test_a_promise_beyond_the_calendar_warns_by_the_time_that_passes():
    start, due = utc("2026-12-01T16:00"), utc("2062-12-01T16:00")
    assert Target(warn_percent=75).warn_at(start, due, OFFICE) == start + (due - start) * 3 / 4


def test_calendar_without_hours_says_so():
    never = WorkingCalendar("UTC", calendar.parse_week({}))
    with pytest.raises(calendar.NeverOpen):
        add_working_time(utc("2026-12-01T16:00"), MINUTE, never)


@pytest.mark.parametrize(
    "hours",
    [
        {"monday": []},
        {"mon": [["17:00", "08:00"]]},
        {"mon": [["08:00", "12:00"], ["11:00", "17:00"]]},
        {"mon": [["8", "17:00"]]},
        {"mon": [["08:00", "25:00"]]},
        {"mon": ["08:00-17:00"]},
    ],
)
def test_hours_that_make_no_sense_are_refused(hours):
    with pytest.raises(ValueError, match="mon|weekday"):
        calendar.parse_week(hours)
