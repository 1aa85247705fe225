"""Hours hold over daylight-saving changes and holidays, and the next moment is exactly the first one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import book, seed, windows
from consent.book import StateRule
from consent.windows import Hours, first_open

NY, CHICAGO, LA, PHOENIX, HONOLULU = (
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "America/Phoenix",
    "Pacific/Honolulu",
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def federal(*zones: str) -> list[Hours]:
    return windows.base_hours(zones, code="QUIET")


@pytest.mark.parametrize(
    ("zone", "at", "opens"),
    [
        (NY, "2026-10-31T11:59:59", "2026-10-31T12:00:00"),  # summer time, the day before
        (NY, "2026-11-01T12:00:00", "2026-11-01T13:00:00"),  # the clock went back at night
        (NY, "2027-03-14T11:00:00", "2027-03-14T12:00:00"),  # and forward
        (PHOENIX, "2026-07-14T14:00:00", "2026-07-14T15:00:00"),
        (HONOLULU, "2026-11-24T07:00:00", "2026-11-24T18:00:00"),
        ("Asia/Kolkata", "2026-11-24T00:00:00", "2026-11-24T02:30:00"),
    ],
)
def test_a_window_opens_at_eight_by_the_clock_on_the_wall(zone: str, at: str, opens: str) -> None:
    assert first_open(federal(zone), utc(at)) == utc(opens)


@pytest.mark.parametrize(
    ("state", "day", "is_banned"),
    [
        ("RI", date(2026, 8, 10), True),  # Victory Day
        ("UT", date(2026, 7, 24), True),  # Pioneer Day
        ("LA", date(2026, 7, 3), True),  # Independence Day, observed
        ("LA", date(2026, 7, 4), True),
        ("LA", date(2026, 11, 11), True),
        ("LA", date(2026, 11, 24), False),
        ("RI", date(2026, 7, 24), False),
    ],
)
def test_federal_observed_and_state_holidays_count(state: str, day: date, is_banned: bool) -> None:
    assert windows.is_public_holiday(state, day) is is_banned


def test_zones_without_a_common_hour_have_no_next_moment() -> None:
    morning = Hours("Pacific/Guam", ((time(8), time(9)),) * 3, "QUIET")
    assert first_open([morning, *federal("America/New_York")], utc("2026-11-24T00:00:00")) is not None
    assert first_open([morning, *federal(LA)], utc("2026-11-24T12:00:00")) is not None
    noon = Hours("Europe/London", ((time(8), time(9)),) * 3, "QUIET")
    assert first_open([morning, noon], utc("2026-11-24T00:00:00")) is None


def rule_of(state: str) -> StateRule:
    from consent.book import _rule

    fields = seed._fields(state, *seed.STATES[state])
    plain = {k: v.isoformat() if isinstance(v, time) else v for k, v in fields.items()}
    return _rule({"version": 1, "extra_holidays": [], "cap_scope": "subject", **plain})


@settings(max_examples=150, deadline=None)
@given(
    states=st.lists(st.sampled_from(sorted(seed.STATES)), max_size=2, unique=True),
    zones=st.lists(st.sampled_from([NY, CHICAGO, LA, PHOENIX, HONOLULU]), min_size=1, max_size=3, unique=True),
    channel=st.sampled_from(["sms", "voice_manual", "voice_ai"]),
    minutes=st.integers(0, 365 * 24 * 12),
)
def test_the_next_moment_is_the_first_one_that_passes(
    states: list[str], zones: list[str], channel: str, minutes: int
) -> None:
    """Against a walk in steps of five minutes, all windows being on such marks."""
    hours = federal(*zones) + [h for s in states for h in windows.state_hours(rule_of(s), zones, channel)]
    at = utc("2026-03-01T00:00:00") + timedelta(minutes=5 * minutes)
    found = first_open(hours, at)

    def passes(moment: datetime) -> bool:
        return not any(h.refusal(moment) for h in hours)

    steps = (at + timedelta(minutes=5 * n) for n in range(12 * 24 * 12))
    assert found == next((moment for moment in steps if passes(moment)), None)


def test_where_the_state_is_not_known_the_holidays_of_all_that_have_them_count() -> None:
    proclaimed = date(2026, 8, 11)
    rows = [
        StateRule("RI", bans_holidays=True),
        StateRule("LA", bans_holidays=True, extra_holidays=frozenset({proclaimed})),
        StateRule("CT"),
    ]
    [hours] = windows.state_hours(book.strictest_of(rows), ["America/New_York"], "sms")
    days = (date(2026, 8, 10), proclaimed, date(2026, 8, 12))  # Victory Day is Rhode Island's alone
    assert [hours.window(day) == "STATE_HOLIDAY_BAN" for day in days] == [True, True, False]
