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

AT = "2026-11-24T15:00:00Z"
GRANT = {"type": "grant", "level": "PEWC", "channels": ["sms", "voice"], "purposes": ["marketing"]}

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
        ({"given": {"contact": {}, "ledger": {}}}, "given.ledger"),
        ({"given": {"contact": {}, "ledger": [{"type": "grant"}]}}, "given.ledger[0].at"),
        ({"given": {"contact": {"kind": "buisness"}}}, "given.contact.kind"),
        ({"given": {"contact": {"address_state": "Florida"}}}, "given.contact.address_state"),
        ({"given": {"contact": {"address_tz": ["New York"]}}}, "given.contact.address_tz[0]"),
        ({"given": {"contact": {}, "campaign": {"abandon_rate_30d": "abc"}}}, "given.campaign.abandon_rate_30d"),
        ({"given": {"contact": {}, "exempt": {"chars": "161"}}}, "given.exempt.chars"),
        ({"given": {"contact": {}, "hipaa": {"vendor_baa": "yes"}}}, "given.hipaa.vendor_baa"),
        ({"given": {"contact": {}, "hipaa": {"unencrypted_accepted": "yes"}}}, "given.hipaa.unencrypted_accepted"),
        ({"given": {"contact": {}, "rnd": {"result": "maybe"}}}, "given.rnd.result"),
        ({"given": {"contact": {}, "ledgr": []}}, "given.ledgr"),
        ({"given": {"contact": {}, "attempts": [{"at": AT, "channel": "sms"}]}}, "given.attempts[0].purpose"),
        *(
            ({"given": {"contact": {}, "ledger": [{"at": AT, **event}]}}, f"given.ledger[0].{field}")
            for event, field in [
                ({"type": "correction"}, "about"),
                ({"type": "correction", "about": "nothing"}, "about"),
                ({"type": "review", "about": "m"}, "verdict"),
                ({"type": "number_check"}, "result"),
                ({"type": "location"}, "zone"),
                ({"type": "inbound", "text": "stop", "reviewed": "perhaps"}, "reviewed"),
                ({"type": "revoke", "scope": "galaxy"}, "scope"),
                ({**GRANT, "channels": []}, "channels"),
                ({**GRANT, "channels": ["pigeon"]}, "channels[0]"),
                ({**GRANT, "level": "ORAL"}, "level"),
            ]
        ),
        ({"expect": {"reason": "OK_PEWK"}}, "expect.reason"),
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


def test_what_a_case_tells_beside_the_form_is_named_and_changes_nothing(tmp_path: Path) -> None:
    """A colleague's file may say more of a contact than we read; a part of the state that is misspelt is malformed."""
    given = {**CASES[0]["given"], "contact": {**CASES[0]["given"]["contact"], "nickname": "Bo"}}
    file = tmp_path / "more.json"
    file.write_text(json.dumps([{**CASES[0], "given": given}]))
    lines, err, code = run(file)
    assert (lines[-1], code) == ("1 passed, 0 failed", 0)
    assert f"{CASES[0]['id']}: given.contact.nickname" in err


def test_a_malformed_case_hides_no_verdict_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "three.json"
    file.write_text(json.dumps([CASES[0], {**CASES[1], "expect": {"allowed": "no"}}, CASES[2]]))
    lines, err, code = run(file)
    assert [json.loads(line)["id"] for line in lines[:-1]] == [CASES[0]["id"], CASES[2]["id"]]
    assert (lines[-1], code) == ("2 passed, 0 failed", 2)
    assert f"{CASES[1]['id']}: expect.allowed" in err


# What an event of a case says reaches the gate whole


def decided(
    *events: dict, channel: str = "sms", purpose: str = "marketing", contact: dict | None = None, **given: object
) -> str:
    """The code for a person in New York, asked on a Tuesday at 11."""
    place = {"address_state": "NY", "address_tz": ["America/New_York"], "area_code": "212"}
    case = {
        "id": "x",
        "given": {
            "contact": place if contact is None else contact,
            "ledger": [{"at": AT, **event} for event in events],
            "national_dnc": {"registered": False, "scrubbed_at": "2026-11-16T06:00:00Z"},
            "content": {"physical_address": True, "one_click": True, "dkim_covers_unsub": True},
            **given,
        },
        "when": {"channel": channel, "purpose": purpose, "seller": "ClinicA", "at_utc": "2026-11-24T16:00:00Z"},
        "expect": {},
    }
    return str(cases.replay(case).got["reason"])


@pytest.mark.parametrize(
    ("event", "mail", "call"),
    [
        ({"type": "revoke"}, "OK_EMAIL_OPTOUT_REGIME", "REVOKED"),
        ({"type": "revoke", "scope": "all"}, "OK_EMAIL_OPTOUT_REGIME", "REVOKED"),
        ({"type": "revoke", "scope": "marketing"}, "OK_EMAIL_OPTOUT_REGIME", "REVOKED"),
        ({"type": "revoke", "scope": "dnc"}, "OK_EMAIL_OPTOUT_REGIME", "INTERNAL_DNC"),
        ({"type": "internal_dnc", "via": "agent_call"}, "OK_EMAIL_OPTOUT_REGIME", "INTERNAL_DNC"),
        ({"type": "wrong_number"}, "OK_EMAIL_OPTOUT_REGIME", "REVOKED"),
        ({"type": "inbound", "text": "STOP"}, "OK_EMAIL_OPTOUT_REGIME", "REVOKED"),
        ({"type": "revoke", "scope": "all_contact"}, "REVOKED", "REVOKED"),
        ({"type": "inbound", "text": "STOP", "scope": "all_contact"}, "REVOKED", "REVOKED"),
        ({"type": "deceased"}, "REVOKED", "REVOKED"),
        ({"type": "email_unsub"}, "EMAIL_UNSUBSCRIBED", "OK_MANUAL_NOT_ON_DNC"),
    ],
)
def test_what_is_said_of_calls_and_texts_reaches_mail_only_as_all_contact(event: dict, mail: str, call: str) -> None:
    assert decided(event, channel="email") == mail
    assert decided(event, channel="voice_manual") == call


def test_a_fresh_consent_revives_mail_whatever_its_channels_but_no_unsubscribed_mailbox() -> None:
    signs = {**GRANT, "at": "2026-11-24T15:30:00Z", "channels": ["sms"], "sellers": ["ClinicA"], "fresh_opt_in": True}
    assert decided({"type": "revoke", "scope": "all_contact"}, signs, channel="email") == "OK_EMAIL_OPTOUT_REGIME"
    assert decided({"type": "email_unsub"}, signs, channel="email") == "EMAIL_UNSUBSCRIBED"


OLD = {**GRANT, "at": "2026-06-01T15:00:00Z", "sellers": ["ClinicA"]}
NO_PLACE = {"phone_type": "toll_free", "area_code": "800"}
WRONG = {"type": "wrong_number", "id": "w", "at": "2026-11-20T15:00:00Z"}
HEARD = {"type": "inbound", "id": "m", "text": "can you stop by tomorrow", "at": "2026-11-20T15:00:00Z"}
PHI = {"phi_in_content": True, "vendor_baa": True}


@pytest.mark.parametrize(
    ("events", "more", "code"),
    [
        ([{**OLD, "sellers": []}], {}, "CONSENT_SELLER_MISMATCH"),
        ([{**OLD, "sellers": ["ClinicB"]}], {}, "CONSENT_SELLER_MISMATCH"),
        ([{**OLD, "elements": ["written"]}], {}, "CONSENT_EVIDENCE_INCOMPLETE"),
        ([{**OLD, "vendor": "Leads Inc.", "expires_at": AT}], {}, "CONSENT_EXPIRED"),
        ([OLD, {"type": "number_check", "result": "no"}], {}, "OK_PEWC"),
        ([OLD, {"type": "number_check", "result": "no", "at": "2026-10-20T15:00:00Z"}], {}, "RND_CHECK_REQUIRED"),
        ([OLD, {"type": "number_check", "result": "no_data"}], {}, "RND_NO_DATA"),
        ([OLD, {"type": "reassigned"}], {}, "NUMBER_REASSIGNED"),
        ([OLD], {"contact": NO_PLACE}, "TZ_UNKNOWN"),
        ([OLD, {"type": "location", "zone": "America/Phoenix", "state": "AZ"}], {"contact": NO_PLACE}, "OK_PEWC"),
        ([OLD, {"type": "location", "state": "HI"}], {"contact": NO_PLACE}, "QUIET_HOURS_FEDERAL"),
        ([OLD, WRONG], {}, "REVOKED"),
        ([OLD, WRONG, {"type": "correction", "about": "w"}], {}, "OK_PEWC"),
        ([OLD, HEARD], {}, "REVOCATION_REVIEW"),
        ([OLD, HEARD, {"type": "review", "about": "m", "verdict": "none"}], {}, "OK_PEWC"),
        ([OLD, HEARD, {"type": "review", "about": "m", "verdict": "opt_out"}], {}, "REVOKED"),
        ([OLD], {"hipaa": PHI}, "PHI_IN_CONTENT"),
        ([OLD], {"hipaa": {**PHI, "unencrypted_accepted_at": AT}}, "OK_PEWC"),
        ([OLD], {"hipaa": {**PHI, "unencrypted_accepted_at": "2026-11-25T15:00:00Z"}}, "PHI_IN_CONTENT"),
        ([OLD, {"type": "unencrypted_accepted"}], {"hipaa": PHI}, "OK_PEWC"),
        ([OLD], {"attempts": [{"at": AT, "channel": "sms", "purpose": "marketing", "state": "failed"}] * 3}, "OK_PEWC"),
    ],
)
def test_an_event_is_read_whole(events: list[dict], more: dict, code: str) -> None:
    assert decided(*events, **more) == code


def test_an_inquiry_to_another_seller_makes_no_relationship_with_ours() -> None:
    listed = {"registered": True, "scrubbed_at": "2026-11-16T06:00:00Z"}
    asked = {"type": "inquiry", "seller": "ClinicB"}
    assert decided(asked, channel="voice_manual", national_dnc=listed) == "NATIONAL_DNC"
    assert decided({"type": "inquiry"}, channel="voice_manual", national_dnc=listed) == "OK_EBR"
