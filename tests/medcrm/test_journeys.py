"""The worked journeys of the requirements, through the real intake, call, event and clock code."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from medcrm import journeys, reference
from medcrm.lib.worked import MalformedCase
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


NOW = "2026-12-01T16:00:00Z"


def playing(*steps: dict) -> dict:
    return {"id": "x", "now": NOW, "steps": list(steps)}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("case", "field"),
    [
        ({"id": "x", "steps": []}, "now"),
        ({"id": "x", "now": "yesterday", "steps": []}, "now"),
        ({"id": "x", "now": NOW, "steps": {}}, "steps"),
        ({**playing(), "stpes": []}, "stpes"),
        (playing({"dance": {}}), "steps[0].dance"),
        (playing({"expect_error": "payer"}), "steps[0]"),
        (playing({"submit": SUBMIT, "clock": "P1D"}), "steps[0]"),
        (playing({"submit": {**SUBMIT, "servcie": "ortho"}}), "steps[0].submit.servcie"),
        (playing({"submit": {**SUBMIT, "source": "nobody"}}), "steps[0].submit"),
        (playing({"clock": 3}), "steps[0].clock"),
        (playing({"clock": "tomorrow"}), "steps[0].clock"),
        (playing({"clock": "Pfff"}), "steps[0].clock"),
        (playing({"event": {"kind": "page_visit"}}), "steps[0].event.lead"),
        (playing({"event": {"kind": "eclipse"}}), "steps[0].event.kind"),
        (playing({"submit": SUBMIT}, {"event": {"kind": "page_visit", "count": "9"}}), "steps[1].event.count"),
        (playing({"submit": SUBMIT}, {"event": {"kind": "document_received"}}), "steps[1].event.document"),
        (
            playing({"submit": SUBMIT}, {"call": {"disposition": "no_answer", "folow_up": NOW}}),
            "steps[1].call.folow_up",
        ),
        (playing({"submit": SUBMIT}, {"call": {"answers": {}}}), "steps[1].call.disposition"),
        (playing({"submit": SUBMIT}, {"rule": {"kind": "weather"}}), "steps[1].rule"),
        (playing({"submit": SUBMIT}, {"expect": {"mood": "good"}}), "steps[1].expect.mood"),
        (playing({"submit": SUBMIT}, {"expect": {"lead": 2, "cycle": 1}}), "steps[1].expect.lead"),
        (playing({"submit": SUBMIT}, {"expect": {"stage": "konverted"}}), "steps[1].expect.stage"),
        (playing({"submit": SUBMIT}, {"expect": {"checks": {"fit": "yes"}}}), "steps[1].expect.checks.fit"),
        (playing({"submit": SUBMIT}, {"expect": {"may_contact": {"fax": True}}}), "steps[1].expect.may_contact.fax"),
        (playing({"submit": SUBMIT}, {"expect": {"wakes_on": ["full_moon"]}}), "steps[1].expect.wakes_on"),
        (playing({"submit": SUBMIT}, {"expect": {"hold_reason": "horoscope"}}), "steps[1].expect.hold_reason"),
        (playing({"expect": {"stage": "new"}}), "steps[0].expect.stage"),
    ],
)
def test_a_malformed_case_is_named_with_its_field(case, field) -> None:
    now = journeys.moment(NOW)
    kept.rows_of(("organisation", now), lambda: reference.load(at=now))
    with pytest.raises(MalformedCase) as refused:
        journeys.run_case(case)
    assert str(refused.value).startswith(f"x: {field}: ")


@pytest.mark.django_db
def test_a_part_that_no_packet_has_is_named_and_a_handoff_that_was_not_made_is_missed() -> None:
    case = next(case for case in CASES if any((step.get("expect") or {}).get("handoff") for step in case["steps"]))
    place = next(n for n, step in enumerate(case["steps"]) if (step.get("expect") or {}).get("handoff"))
    asked = {"expect": {"handoff": {"clinik": None}}}
    with pytest.raises(MalformedCase, match=rf"steps\[{place}\]\.expect\.handoff\.clinik"):
        journeys.run_case({**case, "steps": [*case["steps"][:place], asked]})
    result = journeys.run_case(playing({"submit": {**SUBMIT, "service": "", "phone": "+15125550177"}}, asked))
    assert result["expected"] == asked["expect"]


def run(file: Path) -> tuple[list[str], str, int]:
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("check_journeys", str(file), stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue(), int(stop.value.code)


@pytest.mark.django_db
def test_the_command_says_two_for_a_malformed_file_and_plays_the_other_cases(tmp_path) -> None:
    file = tmp_path / "cases.json"
    file.write_text("{")
    assert run(file)[2] == 2
    file.write_text(json.dumps([playing({"dance": {}}), {**playing({"expect": {"leads": 0}}), "id": "y"}]))
    lines, err, code = run(file)
    assert (lines[-1], code) == ("1 passed, 0 failed", 2)
    assert json.loads(lines[0])["id"] == "y" and "x: steps[0].dance" in err
