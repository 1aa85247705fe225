"""What does the reader ask for: which period, which leads, by what? The filter above every report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import django_filters
from django import forms
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from leads import summaries
from leads.measures import DIMENSIONS, EARLIEST, Beside, Figure, Period, is_value
from leads.models import Clinic, Milestone, ServiceLine, Source
from leads.summaries import Counts
from leads.vocabulary import Band, LeadType, Verdict
from medcrm.lib.access import team_names

SPANS = [("7", _("7 days")), ("30", _("30 days")), ("90", _("90 days")), ("365", _("365 days"))]
USUAL_DAYS = 30
USUALLY = {30: _("30 days, usually"), 365: _("365 days, usually")}
ALL = _("all")
NARROWS = ("source", "service", "clinic", "team", "owner", "type")


class ReportFilter(django_filters.FilterSet):
    """Period and dimensions; a wrong date is said beside its field and the usual period is shown."""

    days = django_filters.ChoiceFilter(
        label=_("Captured in the last"), choices=SPANS, empty_label=USUALLY[USUAL_DAYS], method="ignore"
    )
    first = django_filters.DateFilter(
        label=_("or from"), method="ignore", widget=forms.DateInput(attrs={"type": "date"})
    )
    last = django_filters.DateFilter(label=_("to"), method="ignore", widget=forms.DateInput(attrs={"type": "date"}))
    source = django_filters.ChoiceFilter(
        label=_("Source"), method="ignore", empty_label=ALL, choices=lambda: rows_of(Source)
    )
    service = django_filters.ChoiceFilter(
        label=_("Service"), method="ignore", empty_label=ALL, choices=lambda: rows_of(ServiceLine)
    )
    clinic = django_filters.ChoiceFilter(
        label=_("Clinic"), method="ignore", empty_label=ALL, choices=lambda: rows_of(Clinic)
    )
    team = django_filters.ChoiceFilter(
        label=_("Team"), method="ignore", empty_label=ALL, choices=lambda: list(team_names().items())
    )
    owner = django_filters.ChoiceFilter(
        label=_("Agent"), method="ignore", empty_label=ALL, choices=lambda: list(agents().items())
    )
    type = django_filters.ChoiceFilter(
        label=_("Kind of lead"), method="ignore", empty_label=ALL, choices=LeadType.choices
    )
    compare = django_filters.BooleanFilter(
        label=_("Compare with the period before"), method="ignore", widget=forms.CheckboxInput
    )

    def ignore(self, queryset: QuerySet, name: str, value: object) -> QuerySet:
        """The Ask reads the values; nothing is filtered twice."""
        return queryset


def rows_of(model: type) -> list[tuple[str, str]]:
    return list(model.objects.order_by("name").values_list("pk", "name"))


def agents() -> dict[str, str]:
    """User key → name, of everybody who may own a lead."""
    staff = get_user_model().objects.filter(is_staff=True).order_by("username")
    return {str(pk): f"{first} {last}".strip() or name for pk, first, last, name in staff.values_list(
        "pk", "first_name", "last_name", "username"
    )}  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """One reader's question, as every report takes it."""

    period: Period
    narrowed: dict[str, str]
    at: datetime
    by: str = "source"
    is_linked: bool = False
    is_compared: bool = False

    @classmethod
    def read(
        cls, data: QueryDict, *, at: datetime, is_linked: bool, usual: int = USUAL_DAYS
    ) -> tuple[Ask, ReportFilter]:
        """Read the query of a page; what is wrong in it is left out and said by the filter's form."""
        filters = ReportFilter(data or None, queryset=Milestone.objects.none())
        days = filters.form.fields["days"]
        days.empty_label, days.choices = USUALLY[usual], SPANS
        chosen = filters.form.cleaned_data if filters.form.is_valid() else getattr(filters.form, "cleaned_data", {})
        today = timezone.localtime(at).date()
        last = max(chosen.get("last") or today, EARLIEST)
        first = chosen.get("first") or last - timedelta(days=int(chosen.get("days") or usual) - 1)
        narrowed = {name: str(chosen[name]) for name in NARROWS if chosen.get(name)}
        by = data.get("by", "source") if data else "source"
        by = by if by in DIMENSIONS else "source"
        is_compared = bool(chosen.get("compare"))
        return cls(Period(min(first, last), max(first, last)), narrowed, at, by, is_linked, is_compared), filters

    @property
    def before(self) -> Ask:
        """The same question about the period before."""
        return replace(self, period=self.period.before)

    def leads(self, period: Period | None = None, *, also_left_out: bool = False) -> QuerySet[Milestone]:
        """The leads of a period that the reader asks about; without tests, duplicates and invalid ones."""
        rows = Milestone.objects.filter((period or self.period).during("captured_at")).order_by()
        if not also_left_out:
            rows = rows.filter(left_out="")
        for name, value in self.narrowed.items():
            rows = rows.filter(is_value(name, value))
        return rows

    def count(self, names: Sequence[str], *, by: str = "", period: Period | None = None) -> list[Counts]:
        """The tallies of the leads that the reader asks about, the largest group first."""
        return self.count_each(names, [by], period=period)[by]

    def count_each(
        self, names: Sequence[str], bys: Sequence[str], *, period: Period | None = None
    ) -> dict[str, list[Counts]]:
        """The same by each of several dimensions."""
        found = summaries.count_each(period or self.period, self.narrowed, names, bys)
        return {by: sorted(groups, key=lambda group: -group[f"n_{names[0]}"]) for by, groups in found.items()}

    def whole(self, names: Sequence[str], period: Period | None = None) -> Counts:
        """The tallies of all of them together."""
        return summaries.total(self.count(names, period=period), names)

    def beside(self, rows: Beside) -> QuerySet:
        """The rows of the period beside leads that the reader asks about."""
        return rows.rows(self.period, self.narrowed, at=self.at)

    def link(self, measure: str, **more: object) -> str:
        """The list of the leads behind a figure, for readers who may see leads."""
        if not self.is_linked:
            return ""
        values = {name: "" if value is None else str(value) for name, value in more.items()}
        return f"behind={Figure(measure, self.period, self.narrowed | values)}"

    def name_of(self, dimension: str, value: object) -> str:
        """What a reader calls a value of a dimension."""
        if value in (None, ""):
            return str(_("not known")) if dimension != "owner" else str(_("nobody"))
        return str(self._names.get(dimension, {}).get(str(value), value))

    @cached_property
    def _names(self) -> dict[str, dict[str, object]]:
        bands, verdicts = dict(Band.choices), dict(Verdict.choices)
        return {
            "source": dict(rows_of(Source)),
            "service": dict(rows_of(ServiceLine)),
            "clinic": dict(rows_of(Clinic)),
            "team": dict(team_names()),
            "owner": dict(agents()),
            "type": dict(LeadType.choices),
            "left_out": dict(Milestone.LeftOut.choices),
        } | {name: bands for name in ("band", "fit", "readiness")} | {
            name: verdicts for name in ("fit_check", "capacity_check")
        }  # fmt: skip
