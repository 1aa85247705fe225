"""What must a cell look like so that a spreadsheet reads it and runs nothing?"""

from __future__ import annotations

import re

# Also what a spreadsheet takes for the same sign: the wide forms of East Asian keyboards.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Signs that no sheet may hold; one of them in a name must not stop the file."""


def harmless(value: object) -> object:
    """The value, or text that a spreadsheet would take for a formula behind an apostrophe [OWASP, CSV injection]."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def printable(text: str) -> str:
    """The text without control characters."""
    return UNPRINTABLE.sub("", text)
