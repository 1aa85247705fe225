"""The worked cases pass through the command, and the command keeps its promises about form and exit codes."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from consent import cases
from consent.models import Address, Attempt, ConsentEvent, Emergency, ListSnapshot

FILE = Path(__file__).parent / "data" / "contact_cases.json"
CASES = json.loads(FILE.read_text())

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case_comes_out_as_expected(case: dict) -> None:
    result = cases.replay(case)
    assert result.passed, (case["title"], result.expected, result.got)


def run(file: Path) -> tuple[list[str], str, int]:
    out, err = StringIO(), StringIO()
    try:
        call_command("check_contact_cases", str(file), stdout=out, stderr=err)
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    return out.getvalue().splitlines(), err.getvalue(), code


def test_command_prints_a_line_per_case_and_the_count_and_leaves_nothing_behind() -> None:
    lines, _err, code = run(FILE)
    assert (lines[-1], code) == (f"{len(CASES)} passed, 0 failed", 0)
    assert set(json.loads(lines[0])) == {"id", "passed", "expected", "got"}
    assert not any(m.objects.exists() for m in (Address, ConsentEvent, Attempt, ListSnapshot, Emergency))


def test_a_failing_case_exits_1_whatever_its_name(tmp_path: Path) -> None:
    case = {**CASES[0], "id": "mine", "expect": {"allowed": True}}
    file = tmp_path / "one.json"
    file.write_text(json.dumps([case]))
    lines, _err, code = run(file)
    assert (lines[-1], code) == ("0 passed, 1 failed", 1)


def test_lists_and_emergencies_of_this_database_do_not_meddle() -> None:
    for case in CASES[:3]:
        state = case["given"]["contact"]["address_state"]
        Emergency.objects.create(state=state, starts_at="2026-01-01T00:00:00Z", source="real")
        ListSnapshot.objects.create(
            kind="national_dnc", version=case["id"], taken_at="2026-11-24T00:00:00Z", entries_count=0
        )
        assert cases.replay(case).passed


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"when": {"channel": "fax", "purpose": "marketing", "at_utc": "2026-11-24T16:00:00Z"}}, "when.channel"),
        ({"when": {"channel": "sms", "purpose": "marketing", "at_utc": "yesterday"}}, "when.at_utc"),
        ({"when": {"channel": "sms", "purpose": "marketing", "at_utc": "2026-11-24T16:00:00"}}, "when.at_utc"),
        (
            {"given": {"contact": {}, "ledger": [{"type": "pigeon", "at": "2026-11-24T16:00:00Z"}]}},
            "given.ledger[0].type",
        ),
        ({"given": {"contact": {}, "ledger": {}}}, "ledger"),
        ({"given": []}, "given"),
        ({"expect": {"allowde": True}}, "expect.allowde"),
        ({"id": ""}, "id"),
    ],
)
def test_a_malformed_file_exits_2_and_names_case_and_field(tmp_path: Path, change: dict, named: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps([{**CASES[0], **change}]))
    _lines, err, code = run(file)
    assert code == 2
    assert named in err
    assert ("case 1" if change.get("id") == "" else CASES[0]["id"]) in err


def test_a_file_that_is_no_json_exits_2(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text("{")
    assert run(file)[2] == 2
    assert run(tmp_path / "none.json")[2] == 2
