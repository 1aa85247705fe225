"""Where is a ZIP? City, state, coordinates and time zone, offline from the zipcodes package."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import zipcodes

FIVE_DIGITS = re.compile(r"[0-9]{5}")


@dataclass(frozen=True)
class Place:
    zip: str
    city: str
    state: str
    latitude: float
    longitude: float
    timezone: str


@lru_cache(maxsize=50_000)
def place(zip_code: str) -> Place | None:
    """The place of a five-digit ZIP; None when this is none, or no such ZIP is in use."""
    found = zipcodes.matching(zip_code) if FIVE_DIGITS.fullmatch(zip_code) else None
    if not found:
        return None
    row = found[0]
    return Place(
        zip=zip_code,
        city=row["city"].title(),
        state=row["state"],
        latitude=float(row["lat"]),
        longitude=float(row["long"]),
        timezone=row["timezone"],
    )
