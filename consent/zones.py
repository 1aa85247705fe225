"""In which zones and states may the person be? ZIP, stated place and area code together, with the reasons kept.

The legal test is where the called party is; an area code is only a sign of it, and some states bind by area code
too. So every zone and every state that any sign points to must allow the contact [contact_rules 5].
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
import zipcodes
from phonenumbers.tzdata import TIMEZONE_DATA

from consent.fold import Event
from consent.request import Area, Place
from consent.vocabulary import EventKind

FIVE_DIGITS = re.compile(r"^\d{5}$", re.ASCII)
STATES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "District of Columbia": "DC", "Florida": "FL", "Georgia": "GA",
    "Hawaii": "HI", "Idaho": "ID", "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS",
    "Kentucky": "KY", "Louisiana": "LA", "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI",
    "Minnesota": "MN", "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV",
    "New Hampshire": "NH", "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC",
    "North Dakota": "ND", "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA",
    "Puerto Rico": "PR", "Rhode Island": "RI", "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN",
    "Texas": "TX", "Utah": "UT", "Vermont": "VT", "Virginia": "VA", "Washington": "WA", "Washington D.C.": "DC",
    "Washington State": "WA", "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
}  # fmt: skip
# A code laid over another one covers the same places; libphonenumber knows the younger ones badly or not at all.
OVERLAYS = {
    "364": "270", "436": "440", "448": "850", "457": "318", "458": "541", "471": "662", "483": "334", "531": "402",
    "621": "713", "624": "716", "679": "313", "689": "407", "729": "423", "930": "812", "986": "208",
}  # fmt: skip


@dataclass(frozen=True)
class Location:
    """Where the person may be, and what says so; `states` has the address's own state first."""

    zones: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def locate(place: Place, *, phone: str | None, stated: Event | None = None) -> Location:
    """Unite what the address, the person's own word and the area code say."""
    home = _home(place)
    area = place.area if place.area is not None else area_of(phone or "")
    said = _stated(stated)
    signs = [(name, zones, states) for name, zones, states in (home, said, _named(area)) if zones or states]
    return Location(
        zones=_unique(zone for _n, zones, _s in signs for zone in zones if is_zone(zone)),
        states=_unique(state for _n, _z, states in signs for state in states),
        sources=tuple(f"{name}: {', '.join((*zones, *states))}" for name, zones, states in signs),
    )


Sign = tuple[str, tuple[str, ...], tuple[str, ...]]


def _home(place: Place) -> Sign:
    """ZIP first, else state; what the caller already knows goes before both."""
    state, zones, name = place.state, place.zones, "address"
    if place.zip and not (zones and state):
        found = zip_place(place.zip)
        name = f"ZIP {place.zip}"
        state, zones = state or found.state, zones or found.zones
    if state and not zones:
        name, zones = f"state {state}", state_zones(state)
    return name, tuple(zones), (state,) if state else ()


def _stated(event: Event | None) -> Sign:
    if event is None:
        return "", (), ()
    zone, state = str(event.facts.get("zone", "")), str(event.facts.get("state", ""))
    zones = (zone,) if zone else state_zones(state)
    return f"said on {event.occurred_at:%Y-%m-%d}", zones, (state,) if state else ()


def _named(area: Area) -> Sign:
    return f"area code {area.code}", area.zones, area.states


def stated_place(events: Sequence[Event]) -> Event | None:
    """Return the last time the person said where they are."""
    said = [event for event in events if event.kind == EventKind.LOCATION]
    return max(said, key=lambda e: (e.occurred_at, e.seq), default=None)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


@lru_cache(maxsize=2048)
def is_zone(name: str) -> bool:
    """Say whether this is an IANA zone we can compute with."""
    return name in available_timezones()


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name, read from disk once. Raise ZoneInfoNotFoundError for another name."""
    return ZoneInfo(name)


# Offline reference data


def load() -> None:
    """Read the areas of the world's numbers and all ZIPs now, a second's work, so that nobody waits for it later."""
    area_of("+12125550100")
    state_zones("NY")


@dataclass(frozen=True)
class ZipPlace:
    """What a ZIP code says of a place; blank and empty where it is not known."""

    state: str = ""
    zones: tuple[str, ...] = ()


def zip_place(zip_code: str) -> ZipPlace:
    """Return the state and zone of a ZIP code; nothing for one that is not known."""
    return _zip_place(zip_code.strip()[:5])


@lru_cache(maxsize=50_000)
def _zip_place(zip_code: str) -> ZipPlace:
    found = zipcodes.matching(zip_code) if FIVE_DIGITS.match(zip_code) else []
    return ZipPlace(found[0]["state"], (found[0]["timezone"],)) if found else ZipPlace()


@lru_cache(maxsize=128)
def state_zones(state: str) -> tuple[str, ...]:
    """Return every zone in a state."""
    return tuple(sorted({row["timezone"] for row in zipcodes.filter_by_state(state.upper())})) if state else ()


def area_of(phone: str) -> Area:
    """Return what a North American number's area code says; nothing for toll-free and foreign numbers."""
    if not phone.startswith("+1") or len(phone) != 12:
        return Area()
    return _area(phone[2:5])


@lru_cache(maxsize=1024)
def _area(code: str) -> Area:
    """Unite the zones of every exchange of the area code, so that one with two zones gives both."""
    below = _area(OVERLAYS[code]) if code in OVERLAYS else Area()
    sample = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{code}5550100"))
    if phonenumbers.number_type(sample) == phonenumbers.PhoneNumberType.TOLL_FREE:
        return Area(code)
    zones = {z for prefix, names in _prefixes(code) for z in names if prefix != "1" and z != "Etc/Unknown"}
    # The names of the world's areas take 95 MB, so a process that never looks at an area code does not load them.
    from phonenumbers import geocoder

    state = _state_named(geocoder.description_for_number(sample, "en"))
    states = (state, *below.states) if state else below.states
    return Area(code, _unique(states), tuple(sorted(zones.union(below.zones))))


def _prefixes(code: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(prefix, names) for prefix, names in TIMEZONE_DATA.items() if prefix.startswith(f"1{code}")]


def _state_named(description: str) -> str:
    tail = description.rsplit(", ", 1)[-1]
    return tail if tail in STATES.values() else STATES.get(description, "")
