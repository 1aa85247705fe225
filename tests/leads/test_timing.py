"""Windows: what an answer to “when?” means on the calendar."""

from datetime import UTC, date, datetime

import pytest

from leads.models import TimingWindow
from leads.services import events
from leads.timing import Window, window

Kind = TimingWindow.Kind


@pytest.mark.parametrize(
    ("kind", "days", "asked_on", "expected"),
    [
        (Kind.WITHIN, 14, date(2026, 12, 1), Window(date(2026, 12, 1), date(2026, 12, 15))),
        (Kind.WITHIN, 3, date(2026, 12, 30), Window(date(2026, 12, 30), date(2027, 1, 2))),
        (Kind.NEXT_QUARTER, None, date(2026, 12, 1), Window(date(2027, 1, 1), date(2027, 3, 31))),
        (Kind.NEXT_QUARTER, None, date(2026, 1, 31), Window(date(2026, 4, 1), date(2026, 6, 30))),
        (Kind.LATER, None, date(2026, 12, 1), Window(date(2027, 4, 1), None)),
        (Kind.OPEN, None, date(2026, 12, 1), Window(None, None)),
    ],
)
def test_an_answer_means_dates(kind: str, days: int | None, asked_on: date, expected: Window) -> None:
    assert window(TimingWindow(kind=kind, days=days), asked_on=asked_on) == expected


def test_no_answer_leaves_both_sides_open() -> None:
    assert window(None, asked_on=date(2026, 12, 1)) == Window()


EVENING = datetime(2026, 10, 1, 0, 30, tzinfo=UTC)  # in Austin it is September 30, 19:30


@pytest.mark.parametrize("zip_code", ["78704", ""])  # the lead's zone, else its seller's
def test_a_quarter_is_counted_on_the_leads_own_calendar(submit, zip_code: str) -> None:
    lead = submit(timing="next_quarter", zip=zip_code, at=EVENING)
    assert (lead.window_opens_on, lead.window_closes_on) == (date(2026, 10, 1), date(2026, 12, 31))


def test_the_place_said_in_the_same_breath_says_which_day_it_is(submit) -> None:
    lead = submit(timing="", zip="", at=EVENING)
    events.record_preference(lead.pk, {"timing": "two_weeks", "zip": "78704"}, at=EVENING)
    lead.refresh_from_db()
    assert (lead.window_opens_on, lead.window_closes_on) == (date(2026, 9, 30), date(2026, 10, 14))
