"""What must a cell look like so that a spreadsheet reads it and runs nothing?"""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: object) -> object:
    """The value, or text that a spreadsheet would take for a formula behind an apostrophe [OWASP, CSV injection]."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
