"""The worked journeys of the requirements, through the real intake, call, event and clock code."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from medcrm import journeys, reference
from tests import kept

FOLDER = Path(__file__).parent.parent / "cases"
CASES = [
    case
    for name in ("journeys", "journeys_qualification", "journeys_permission")
    for case in json.loads((FOLDER / f"{name}.json").read_text())
]

SUBMIT = {
    "source": "web_consult",
    "lead_type": "patient",
    "phone": "+15125550101",
    "first_name": "A",
    "service": "ortho",
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_worked_journey_comes_out_as_the_requirements_say(case) -> None:
    now = journeys.moment(case["now"])
    kept.rows_of(("organisation", now), lambda: reference.load(at=now))
    result = journeys.run_case(case)
    assert result["got"] == result["expected"]


@pytest.mark.django_db
def test_a_wrong_expectation_is_reported() -> None:
    steps = [{"submit": SUBMIT}, {"expect": {"stage": "converted", "cycle": 7, "wakes_on": ["slot_opened"]}}]
    result = journeys.run_case({"id": "x", "now": "2026-12-01T16:00:00Z", "steps": steps})
    assert result["passed"] is False
    assert set(result["expected"]) == {"stage", "cycle", "wakes_on"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ({"id": "x", "steps": []}, "'now' is missing"),
        ({"id": "x", "now": "yesterday", "steps": []}, "no instant"),
        ({"id": "x", "now": "2026-12-01T16:00:00Z", "steps": [{"dance": {}}]}, "a step has none of"),
        ({"id": "x", "now": "2026-12-01T16:00:00Z", "steps": [{"expect": {"mood": "good"}}]}, "mood"),
        (
            {"id": "x", "now": "2026-12-01T16:00:00Z", "steps": [{"event": {"kind": "page_visit"}}]},
            "none was submitted",
        ),
    ],
)
def test_a_malformed_case_is_named(case, says) -> None:
    with pytest.raises(journeys.Malformed, match=says) as refused:
        journeys.run_case(case)
    assert str(refused.value).startswith("x: ")


@pytest.mark.django_db
def test_the_command_says_two_for_a_malformed_file(tmp_path) -> None:
    broken = tmp_path / "cases.json"
    broken.write_text("{")
    with pytest.raises(CommandError) as refused:
        call_command("check_journeys", broken)
    assert refused.value.returncode == 2
