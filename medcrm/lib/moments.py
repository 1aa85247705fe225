"""How is a moment or a day said in a line of text? On the reader's clock and in the reader's words."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

from django.utils import timezone
from django.utils.formats import date_format


def said(at: datetime, zone: tzinfo | None = None) -> str:
    """“Dec 1, 2026, 10:00 AM”, on the reader's clock or that of a zone; a moment without one is taken as UTC, as the
    database keeps it."""
    aware = at if timezone.is_aware(at) else timezone.make_aware(at, timezone.get_fixed_timezone(0))
    return date_format(timezone.localtime(aware, zone), "DATETIME_FORMAT")


def said_day(on: date) -> str:
    """“Dec 1, 2026”."""
    return date_format(on, "DATE_FORMAT")
