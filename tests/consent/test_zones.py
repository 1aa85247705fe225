"""Every sign of where a person is counts, and the reasons are kept."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import uuid4

import pytest
from phonenumbers.phonemetadata import PhoneMetadata

from consent import zones
from consent.fold import Event
from consent.request import Area, Place
from consent.zones import STATES, locate


@pytest.mark.parametrize(
    ("number", "states", "expected"),
    [
        ("+12125550123", ("NY",), {"America/New_York"}),
        ("+18505550123", ("FL",), {"America/New_York", "America/Chicago"}),
        ("+19155550123", ("TX",), {"America/Denver"}),
        ("+18085550123", ("HI",), {"Pacific/Honolulu"}),
        ("+18005550123", (), set()),
        ("+442079460958", (), set()),
    ],
)
def test_an_area_code_gives_all_its_zones_and_its_state(number: str, states: tuple, expected: set) -> None:
    area = zones.area_of(number)
    assert (area.states, set(area.zones)) == (states, expected)


US = PhoneMetadata.metadata_for_region("US")
CODES = [f"{n}" for n in range(200, 1000) if re.fullmatch(US.fixed_line.national_number_pattern, f"{n}5550100")]


def test_every_area_code_of_the_country_has_a_zone_and_a_state() -> None:
    assert len(CODES) > 340
    lacking = [code for code in CODES if not (area := zones.area_of(f"+1{code}5550100")).zones or not area.states]
    assert lacking == []
    assert {state for code in CODES for state in zones.area_of(f"+1{code}5550100").states} == set(STATES.values()) - {
        "PR"
    }


@pytest.mark.parametrize("code", ["206", "253", "360", "425", "509", "564"])
def test_washington_is_a_state(code: str) -> None:
    assert zones.area_of(f"+1{code}5550123").states == ("WA",)


@pytest.mark.parametrize(("code", "below"), sorted(zones.OVERLAYS.items()))
def test_a_code_laid_over_another_has_at_least_its_places(code: str, below: str) -> None:
    over, under = zones.area_of(f"+1{code}5550123"), zones.area_of(f"+1{below}5550123")
    assert under.zones and set(over.zones) >= set(under.zones) and over.states == under.states


def test_zip_and_area_code_are_united() -> None:
    found = locate(Place(zip="90001"), phone="+12125550123")
    assert found.zones == ("America/Los_Angeles", "America/New_York") and found.states == ("CA", "NY")
    assert found.sources == ("ZIP 90001: America/Los_Angeles, CA", "area code 212: America/New_York, NY")


def test_a_state_alone_gives_every_zone_in_it() -> None:
    assert set(locate(Place(state="TX"), phone=None).zones) == {"America/Chicago", "America/Denver"}


def test_what_the_person_said_is_added(now: datetime) -> None:
    said = Event(
        id=uuid4(),
        seq=1,
        kind="location",
        occurred_at=now,
        recorded_at=now,
        facts={"zone": "America/Phoenix", "state": "AZ"},
    )
    found = locate(Place(), phone="+18005550123", stated=said)
    assert (found.zones, found.states) == (("America/Phoenix",), ("AZ",)) and "said on 2026-11-24" in found.sources[0]


def test_nothing_known_is_no_zone() -> None:
    assert locate(Place(zip="00000"), phone="+18005550123").zones == ()
    assert locate(Place(zones=("Mars/Base",), area=Area()), phone=None).zones == ()
