"""How is a list narrowed down? The theme's filters, with days that are the reader's."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters import admin as unfold
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
)

__all__ = [
    "BooleanRadioFilter",
    "ChoicesDropdownFilter",
    "DropdownFilter",
    "RangeDateFilter",
    "RelatedDropdownFilter",
]


class RangeDateFilter(unfold.RangeDateFilter):
    """From one day to another, both included; a moment belongs to the day of the reader's clock."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        if not isinstance(self.field, DateTimeField):
            return super().queryset(request, queryset)
        first, last = self._day("from"), self._day("to")
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": _beginning(first)})
        if last:
            queryset = queryset.filter(**{f"{self.field_path}__lt": _beginning(last + timedelta(days=1))})
        return queryset

    def _day(self, end: str) -> date | None:
        """The day that was picked; None where there is none, or what was typed is no day."""
        try:
            return forms.DateField(required=False).clean(self.used_parameters.get(f"{self.parameter_name}_{end}"))
        except ValidationError:
            return None


def _beginning(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_current_timezone())
