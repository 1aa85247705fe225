"""Is this the name of a time zone? Checked where staff type one, because the database refuses to count in any other."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def valid_zone(value: str) -> None:
    """A validator of fields: raise ValidationError for what is no IANA zone."""
    if value not in available_timezones():
        raise ValidationError(_("“%(zone)s” is no IANA zone; write e.g. America/Chicago.") % {"zone": value})
