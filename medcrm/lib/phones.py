"""How is a number said? As it is dialled in its own country."""

from __future__ import annotations

import phonenumbers


def spoken(value: object) -> str:
    """+15125550100 as (512) 555-0100, a number from abroad with its country; what is no number stays as it is."""
    try:
        number = phonenumbers.parse(str(value), "US")
    except phonenumbers.NumberParseException:
        return str(value)
    national = number.country_code == 1
    form = phonenumbers.PhoneNumberFormat.NATIONAL if national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, form)
