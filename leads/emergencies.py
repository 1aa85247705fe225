"""Do these words speak of an emergency? Nobody who is no clinician judges them: a person calls at once [3.5, 2.8].

The words are data; a phrase counts wherever it stands, also after a “no”: in doubt it is one.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from consent import quoting
from consent.wording import fold_text

WORDS = Path(__file__).parent / "data" / "emergency_words.toml"
FACT = "emergency"  # the key under which a timeline entry keeps what was found


@cache
def _pattern() -> re.Pattern[str]:
    rows = tomllib.loads(WORDS.read_text())["words"]
    phrases = sorted({phrase for row in rows for phrase in row["phrases"]}, key=len, reverse=True)
    either = "|".join(re.escape(phrase).replace(r"\*", r"\w*") for phrase in phrases)
    return re.compile(rf"\b(?:{either})\b")


def found_in(text: str, *, is_mail: bool = False) -> str:
    """The first such phrase in what the person wrote, blank where there is none; a mail quotes what was said before."""
    own = quoting.take_apart(text).own if is_mail else text
    found = _pattern().search(fold_text(own))
    return found[0] if found else ""


def noted(text: str, *, is_mail: bool = False) -> dict[str, str]:
    """The same as facts of a timeline entry."""
    phrase = found_in(text, is_mail=is_mail)
    return {FACT: phrase} if phrase else {}
