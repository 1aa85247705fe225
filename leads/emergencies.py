"""Do these words speak of an emergency? Nobody who is no clinician judges them: a person calls at once [3.5, 2.8].

The words are rows (`EmergencyPhrase`); a phrase counts wherever it stands, also after a “no”: in doubt it is one.
"""

from __future__ import annotations

import re
from functools import lru_cache

import structlog
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

from consent import quoting
from consent.wording import fold_text
from leads.models import EmergencyPhrase

log = structlog.get_logger(__name__)

FACT = "emergency"  # the key under which a timeline entry keeps what was found
KEPT = "emergency_phrases"
KEPT_SECONDS = 60  # a change is heard at once; so long where the word of it was lost


def found_in(text: str, *, is_mail: bool = False) -> str:
    """The first such phrase in what the person wrote, blank where there is none; a mail quotes what was said before."""
    words = fold_text(quoting.take_apart(text).own if is_mail else text)
    found = _compiled(in_force()).search(words) if words else None
    return found[0] if found else ""


def noted(text: str, *, is_mail: bool = False) -> dict[str, str]:
    """The same as facts of a timeline entry."""
    phrase = found_in(text, is_mail=is_mail)
    return {FACT: phrase} if phrase else {}


def in_force() -> tuple[str, ...]:
    """The phrases of every language that count now, longest first: as all processes keep them together, or else by one
    query."""
    try:
        phrases = cache.get(KEPT)
        if phrases is None:
            phrases = _read()
            if phrases:  # where none is loaded yet, the first ones count from the next text on
                cache.set(KEPT, phrases, KEPT_SECONDS)
    except (OSError, RedisError) as error:
        log.warning("cache_away", error=str(error))
        return _read()
    return phrases


def forget_kept() -> None:
    """Have every process read the phrases anew once this transaction is committed."""
    transaction.on_commit(_forget)


def _forget() -> None:
    try:
        cache.delete(KEPT)
    except (OSError, RedisError) as error:
        log.warning("cache_away", error=str(error))


def _read() -> tuple[str, ...]:
    phrases = EmergencyPhrase.objects.filter(is_active=True).values_list("words", flat=True)
    return tuple(sorted(set(phrases), key=lambda words: (-len(words), words)))


@lru_cache(maxsize=2)
def _compiled(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Once for each process and change; without phrases nothing is found."""
    either = "|".join(re.escape(phrase).replace(r"\*", r"\w*") for phrase in phrases)
    return re.compile(rf"\b(?:{either})\b" if phrases else r"(?!)")
