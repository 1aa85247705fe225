"""Windows: what an answer to “when?” means on the calendar."""

from datetime import date

import pytest

from leads.models import TimingWindow
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
