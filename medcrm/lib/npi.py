"""Is this the number of a health care provider? Ten digits, the last of them a check digit."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

TEN_DIGITS = re.compile(r"[12][0-9]{9}", re.ASCII)
OF_PREFIX = 24  # what the constant prefix 80840 adds to the sum


def is_npi(text: str) -> bool:
    """Whether the Luhn formula holds with the prefix 80840 before the number [45 CFR 162.406]."""
    if not TEN_DIGITS.fullmatch(text):
        return False
    digits = [int(digit) for digit in text]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[0::2])
    return (OF_PREFIX + doubled + sum(digits[1::2])) % 10 == 0


def check_npi(text: str) -> None:
    """Validate a field; raise ValidationError for what is no NPI."""
    if not is_npi(text):
        raise ValidationError(_("This is not an NPI: ten digits with the check digit, e.g. 1234567893."), code="no_npi")
