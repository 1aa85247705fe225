"""What can be counted of leads, and which leads stand behind a figure? The same conditions count, link and list.

A figure is a measure over the leads captured in a period, narrowed by dimensions. `Figure.parse` reads the address of
such a figure from a link; whatever a link says, the list still shows only leads its reader may see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.models import Milestone

MEASURES: Mapping[str, tuple[Promise, Q]] = {
    "captured": (_("Captured"), Q()),
    "attempted": (_("Tried"), Q(first_attempt_at__isnull=False)),
    "reached": (_("Reached"), Q(reached_at__isnull=False)),
    "qualified": (_("Qualified"), Q(is_qualified=True)),
    "booked": (_("Booked"), Q(booked_at__isnull=False)),
    "attended": (_("Attended"), Q(attended_at__isnull=False)),
    "converted": (_("Converted"), Q(is_converted=True)),
    "stopped": (_("Stopped"), Q(stop_reason__isnull=False)),
    "held": (_("On hold"), Q(held_since__isnull=False)),
    "woken": (_("Opened again"), Q(cycles__gt=1)),
    "woken_converted": (_("Opened again, then converted"), Q(cycles__gt=1, is_converted=True)),
    "overridden": (_("Decided against the checks"), Q(is_overridden=True)),
    "overridden_converted": (_("Decided against the checks, then converted"), Q(is_overridden=True, is_converted=True)),
    "no_phone": (_("Without a phone number"), Q(lead__phone=None)),
    "no_email": (_("Without an e-mail address"), Q(lead__email=None)),
    "no_zip": (_("Without a ZIP"), Q(lead__zip="")),
    "no_service": (_("Without a service"), Q(service=None)),
}
FUNNEL = ("captured", "reached", "qualified", "booked", "attended", "converted")

DIMENSIONS: Mapping[str, tuple[Promise, str]] = {
    "source": (_("Source"), "source_id"),
    "service": (_("Service"), "service_id"),
    "clinic": (_("Clinic"), "clinic_id"),
    "team": (_("Team"), "team"),
    "owner": (_("Agent"), "owner_id"),
    "type": (_("Kind of lead"), "lead_type"),
    "band": (_("First score"), "first_band"),
    "fit": (_("Fit"), "fit"),
    "readiness": (_("Readiness"), "readiness"),
    "fit_check": (_("Fit check"), "fit_check"),
    "capacity_check": (_("Capacity check"), "capacity_check"),
    "stop": (_("Stop reason"), "stop_reason_id"),
    "hold": (_("Hold reason"), "hold_reason_id"),
    "left_out": (_("Left out"), "left_out"),
    "try": (_("Reached on try"), "reached_on_try"),
}


@dataclass(frozen=True)
class Period:
    """Whole days in the reader's zone, the last one included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The period of the same length that ends the day before this one begins."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))

    def bounds(self, zone: ZoneInfo | None = None) -> tuple[datetime, datetime]:
        """The first instant, and the first instant after it."""
        zone = zone or timezone.get_current_timezone()
        return (
            datetime.combine(self.first, time.min, zone),
            datetime.combine(self.last + timedelta(days=1), time.min, zone),
        )

    def during(self, name: str) -> Q:
        """The condition that an instant lies in it."""
        start, end = self.bounds()
        return Q(**{f"{name}__gte": start, f"{name}__lt": end})


@dataclass(frozen=True)
class Figure:
    """One number of a report: a measure, a period, and what each dimension must be; blank is “not known”."""

    measure: str
    period: Period
    narrowed: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The form that links carry."""
        parts = [self.measure, f"from={self.period.first}", f"to={self.period.last}"]
        return ";".join([*parts, *(f"{name}={value}" for name, value in sorted(self.narrowed.items()))])

    @classmethod
    def parse(cls, text: str) -> Figure | None:
        """Read a link; None where it names no measure, period or dimension of ours."""
        measure, _sep, rest = text.partition(";")
        pairs = dict(pair.partition("=")[::2] for pair in rest.split(";") if pair)
        try:
            period = Period(date.fromisoformat(pairs.pop("from")), date.fromisoformat(pairs.pop("to")))
        except (KeyError, ValueError):
            return None
        return cls(measure, period, pairs) if measure in MEASURES and set(pairs) <= set(DIMENSIONS) else None

    def rows(self) -> QuerySet[Milestone]:
        """The leads that are counted."""
        counted = Q() if "left_out" in self.narrowed else Q(left_out="")
        rows = Milestone.objects.filter(self.period.during("captured_at"), counted, MEASURES[self.measure][1])
        for name, value in self.narrowed.items():
            rows = rows.filter(is_value(name, value))
        return rows


def is_value(dimension: str, value: str) -> Q:
    """The condition that a dimension has this value; blank means it is not known, a word for a number means nobody."""
    column = DIMENSIONS[dimension][1]
    if column in ("owner_id", "reached_on_try"):
        return Q(**{column: int(value)}) if value.isdecimal() else Q(**{f"{column}__isnull": True})
    if value or column in ("team", "first_band", "fit", "readiness", "left_out"):
        return Q(**{column: value})
    return Q(**{f"{column}__isnull": True})
