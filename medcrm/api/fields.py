"""Fields and filters whose limits the database shares: days and instants of this century, codes of the catalogue."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from rest_framework import serializers

FIRST, LAST = date(2000, 1, 1), date(2100, 12, 31)


def _day_in_range(value: date) -> None:
    if not FIRST <= value <= LAST:
        raise serializers.ValidationError(_("Give a day from 2000 to 2100."))


def _instant_in_range(value: datetime) -> None:
    if not FIRST <= value.astimezone(UTC).date() <= LAST:
        raise serializers.ValidationError(_("Give a time from 2000 to 2100."))


class Day(serializers.DateField):
    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.validators = [*self.validators, _day_in_range]


class Instant(serializers.DateTimeField):
    def to_internal_value(self, value: object) -> datetime:
        found = super().to_internal_value(value)
        try:
            _instant_in_range(found)
        except OverflowError:
            self.fail("overflow")
        return found


class _InUtc(IsoDateTimeField):
    """PostgreSQL reads no offset of sixteen hours or more, so an instant is handed to it in UTC."""

    def to_python(self, value: object) -> datetime | None:
        found = super().to_python(value)
        try:
            return found and found.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class Since(filters.IsoDateTimeFilter):
    """Rows of this instant and later."""

    field_class = _InUtc

    def __init__(self, field_name: str) -> None:
        super().__init__(field_name=field_name, lookup_expr="gte")


class Code(serializers.RegexField):
    """A code of the catalogue."""

    def __init__(self, **kwargs: object) -> None:
        message = {"invalid": _("A code has lower-case letters, digits and underscores.")}
        super().__init__(r"^[a-z][a-z0-9_]*$", max_length=40, error_messages=message, **kwargs)


class Text(serializers.CharField):
    """Text without the one character that PostgreSQL cannot hold."""

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data.replace("\x00", ""))
