"""What can be counted of leads, and which leads stand behind a figure? The same conditions count, link and list.

A figure is a measure over the leads captured in a period, narrowed by dimensions. `Figure.parse` reads the address of
such a figure from a link; whatever a link says, the list still shows only leads its reader may see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.models import Milestone

MEASURES: Mapping[str, tuple[Promise, Q]] = {
    "captured": (_("Captured"), Q()),
    "attempted": (_("Tried"), Q(attempts__gte=1)),
    "attempted_twice": (_("Tried twice or more"), Q(attempts__gte=2)),
    "attempted_thrice": (_("Tried three times or more"), Q(attempts__gte=3)),
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
    "no_phone": (_("Without a phone number"), Q(has_phone=False)),
    "no_email": (_("Without an e-mail address"), Q(has_email=False)),
    "no_zip": (_("Without a ZIP"), Q(has_zip=False)),
    "no_service": (_("Without a service"), Q(service=None)),
    "may_call": (_("May be called"), Q(may_call=True)),
    "may_text": (_("May be texted"), Q(may_text=True)),
    "may_mail": (_("May be mailed"), Q(may_mail=True)),
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
    "hour": (_("Hour of arrival"), "captured_at__hour"),
}


EARLIEST, LATEST = date(1970, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True)
class Period:
    """Whole days in the reader's zone, the last one included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Stay within days that have a before and an after in every zone; nobody was a lead beyond them."""
        object.__setattr__(self, "first", min(max(self.first, EARLIEST), LATEST))
        object.__setattr__(self, "last", min(max(self.last, EARLIEST), LATEST))

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
class Beside:
    """Rows beside leads (clocks, handoffs, messages…), counted by an instant of their own; `parts` are what is counted
    of them, `keys` what they may be narrowed to beyond the dimensions of their leads."""

    label: Promise
    model: type[Model]
    instant: str
    parts: Mapping[str, Callable[[datetime], Q]]
    keys: Mapping[str, str]
    lead: str = "lead"
    whole: Callable[[datetime], Q] = lambda at: Q()

    def rows(self, period: Period, narrowed: Mapping[str, str], *, at: datetime) -> QuerySet:
        """The rows of a period beside leads that are counted."""
        path = f"{self.lead}__milestone__"
        left_out = Milestone.objects.filter(~Q(left_out=""), lead=OuterRef(self.lead))
        rows = self.model._default_manager.filter(period.during(self.instant), self.whole(at), ~Exists(left_out))
        for name, value in narrowed.items():
            column = self.keys.get(name) or path + DIMENSIONS[name][1]
            rows = rows.filter(**({column: value} if value else {f"{column}__isnull": True}))
        return rows.order_by()


_beside: dict[str, Beside] = {}


def register(name: str, beside: Beside) -> Beside:
    """Make rows beside leads known under the name by which links speak of them."""
    if taken := {"from", "to", *DIMENSIONS} & set(beside.keys):
        raise ValueError(f"links speak of something else by {sorted(taken)}")
    _beside[name] = beside
    return beside


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
        name, _dot, part = measure.partition(".")
        beside = _beside.get(name)
        is_ours = part in beside.parts if beside else measure in MEASURES
        known = {*DIMENSIONS, *(beside.keys if beside else ())}
        return cls(measure, period, pairs) if is_ours and set(pairs) <= known else None

    @property
    def label(self) -> Promise:
        name = self.measure.partition(".")[0]
        return _beside[name].label if name in _beside else MEASURES[self.measure][0]

    def rows(self, *, at: datetime | None = None) -> QuerySet[Milestone]:
        """The leads that are counted, or that the rows which are counted belong to."""
        name, _dot, part = self.measure.partition(".")
        if beside := _beside.get(name):
            at = at or timezone.now()
            rows = beside.rows(self.period, self.narrowed, at=at).filter(beside.parts[part](at))
            return Milestone.objects.filter(lead__in=rows.values(beside.lead))
        counted = Q() if "left_out" in self.narrowed else Q(left_out="")
        rows = Milestone.objects.filter(self.period.during("captured_at"), counted, MEASURES[self.measure][1])
        for name, value in self.narrowed.items():
            rows = rows.filter(is_value(name, value))
        return rows


def is_value(dimension: str, value: str) -> Q:
    """The condition that a dimension has this value; blank means it is not known, a word for a number means nobody."""
    column = DIMENSIONS[dimension][1]
    if column in ("owner_id", "reached_on_try", "captured_at__hour"):
        return Q(**{column: int(value)}) if value.isdecimal() else Q(**{f"{column}__isnull": True})
    if value or column in ("team", "first_band", "fit", "readiness", "left_out"):
        return Q(**{column: value})
    return Q(**{f"{column}__isnull": True})
