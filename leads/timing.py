"""Between which dates does a lead want to come? What an answer to “when?” means on the lead's own calendar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import DateField, Expression, F, Func, TextField, Value
from django.db.models.functions import Coalesce, NullIf

if TYPE_CHECKING:
    from leads.models import Lead, TimingWindow

FURTHEST = timedelta(days=5 * 365)  # what anybody promises to a person lies nearer; further on it is a slip of the pen


@dataclass(frozen=True)
class Window:
    """First and last date wanted; None leaves that side open."""

    opens_on: date | None = None
    closes_on: date | None = None


class Promise(NamedTuple):
    """What somebody who has just asked may be told: when a person owes the answer, and when their team opens again."""

    answer_by: datetime | None = None
    opens_at: datetime | None = None

    def still_to_come(self, at: datetime) -> Promise:
        """The same without what is past."""
        return Promise(*(moment if moment is not None and moment > at else None for moment in self))


NOTHING_PROMISED = Promise()


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


def zone_of(lead: Lead) -> str:
    """The lead's own zone, or its seller's where it is unknown. Reads lead.source.seller then."""
    return lead.timezone or lead.source.seller.timezone


def zone_in(path: str = "", of: Callable[[str], F] = F) -> Expression:
    """The same for the database; `path` leads from the rows to the lead, `of` may be OuterRef."""
    own = NullIf(of(f"{path}timezone"), Value(""), output_field=TextField())
    return Coalesce(own, of(f"{path}source__seller__timezone"), output_field=TextField())


def day_in(zone: Expression, at: datetime) -> Expression:
    """The date on the calendar there, for the database."""
    return Func(zone, Value(at), template="timezone(%(expressions)s)::date", output_field=DateField())


def is_too_far(day: date, at: datetime) -> bool:
    """Whether nobody means a date so far ahead."""
    return day > (at + FURTHEST).date()


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
