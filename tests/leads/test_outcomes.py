"""What the end of a call means, and what it may not leave open: by values alone, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from leads import outcomes, reference
from leads.models import Disposition, Lead
from leads.outcomes import CallReport, Reason
from leads.vocabulary import Outcome

NOW = datetime(2026, 12, 1, 3, tzinfo=UTC)  # still 30 November in Austin
AUSTIN = "America/Chicago"
RESULTS = {row["code"]: Disposition(**row) for row in reference.read("vocabulary")["disposition"]}


@pytest.mark.parametrize(
    ("code", "outcome", "ends"),
    [
        ("not_interested", "", Outcome.DISQUALIFIED),
        ("not_interested", "nurture", Outcome.NURTURE),
        ("appointment_set", "", Outcome.APPOINTMENT_SET),
        ("needs_to_think", "", None),  # a hold is never implied
        ("needs_to_think", "hold", Outcome.HOLD),
        ("no_answer", "", None),
        ("no_answer", "nonsense", None),
        ("no_such", "", None),
    ],
)
def test_an_outcome_is_said_or_implied(code: str, outcome: str, ends: Outcome | None) -> None:
    assert outcomes.outcome_of(CallReport(code, outcome=outcome), RESULTS.get(code)) == ends


@pytest.mark.parametrize(
    ("code", "report", "fields"),
    [
        ("no_such", {}, {"disposition"}),
        ("sent_to_team", {"outcome": "nonsense"}, {"outcome"}),
        ("existing_patient", {}, {"outcome"}),
        ("existing_patient", {"outcome": "review"}, set()),
        ("callback_requested", {}, {"callback_at"}),
        ("callback_requested", {"callback_at": NOW}, set()),
        ("missing_information", {}, {"missing"}),
        ("missing_information", {"missing": ["payer"]}, {"follow_up"}),
        ("missing_information", {"missing": ["payer"], "follow_up_on": NOW.date()}, set()),
        ("price", {}, set()),
    ],
)
def test_each_result_says_what_it_makes_mandatory(code: str, report: dict[str, object], fields: set[str]) -> None:
    assert set(outcomes.gaps(CallReport(code, **report), RESULTS.get(code), is_ours=True)) == fields


def test_what_is_no_kind_of_thing_is_not_missing() -> None:
    report = CallReport("missing_information", missing=["payer", "hat"], follow_up_on=NOW.date())
    assert set(outcomes.gaps(report, RESULTS[report.disposition], is_ours=True, unknown=["hat"])) == {"missing"}


@pytest.mark.parametrize(("code", "is_refused"), [("no_answer", True), ("busy", True), ("call_dropped", False)])
def test_only_a_call_of_ours_reaches_nobody(code: str, is_refused: bool) -> None:
    assert bool(outcomes.gaps(CallReport(code), RESULTS[code], is_ours=False)) is is_refused
    assert not outcomes.gaps(CallReport(code), RESULTS[code], is_ours=True)


@pytest.mark.parametrize(("has_mailbox", "fields"), [(True, set()), (False, {"email"})])
def test_no_more_e_mail_names_a_mailbox(has_mailbox: bool, fields: set[str]) -> None:
    report = CallReport("revoked_email")
    assert set(outcomes.gaps(report, RESULTS["revoked_email"], is_ours=True, has_mailbox=has_mailbox)) == fields


@pytest.mark.parametrize(
    ("code", "report", "answers"),
    [
        ("price", {}, {}),
        ("existing_patient", {}, {"existing_patient": "yes"}),
        ("existing_patient", {"answers": {"existing_patient": "no"}}, {"existing_patient": "no"}),
        ("agreement_concluded", {"fields": {"zip": "78701"}}, {"agreement": "signed", "zip": "78701"}),
        ("price", {"fields": {"email": "ana@example.org"}}, {}),
        ("no_such", {"answers": {"payer": "hmo"}}, {"payer": "hmo"}),
    ],
)
def test_a_result_answers_what_its_row_says_unless_the_caller_says_otherwise(code, report, answers) -> None:
    assert outcomes.said(CallReport(code, **report), RESULTS.get(code), but=("phone", "email")) == answers


@pytest.mark.parametrize(
    ("code", "outcome", "lead_type", "field"),
    [
        ("appointment_set", "", "patient", ""),
        ("appointment_set", "", "b2b", "disposition"),
        ("meeting_agreed", "", "patient", "disposition"),
        ("meeting_agreed", "", "partner", "callback_at"),
        ("sent_to_team", "appointment_set", "b2b", "callback_at"),
        ("sent_to_team", "", "b2b", ""),
    ],
)
def test_a_result_fits_the_kind_of_lead(code: str, outcome: str, lead_type: str, field: str) -> None:
    found = outcomes.misfits(CallReport(code, outcome=outcome), RESULTS[code], lead_type)
    assert set(found) == ({field} if field else set())


@pytest.mark.parametrize(
    ("report", "zone", "fields"),
    [
        ({"follow_up_on": date(2026, 11, 30)}, AUSTIN, set()),
        ({"follow_up_on": date(2026, 11, 30)}, "UTC", {"follow_up"}),
        ({"follow_up_on": date(2036, 11, 30)}, AUSTIN, {"follow_up"}),
        ({"callback_at": datetime(2026, 12, 1, 2, 59, tzinfo=UTC)}, "", {"callback_at"}),
        ({"callback_at": NOW}, "", set()),
        ({"callback_at": datetime(2036, 12, 1, tzinfo=UTC)}, "", {"callback_at"}),
        ({}, "", set()),
    ],
)
def test_what_is_promised_lies_ahead_where_the_lead_is(report, zone: str, fields: set[str]) -> None:
    assert set(outcomes.wrong_dates(CallReport("price", **report), zone=zone, at=NOW)) == fields


@pytest.mark.parametrize(
    ("lead", "report", "outcome", "reason", "field"),
    [
        ({}, {}, Outcome.HOLD, None, "reason"),
        ({}, {}, Outcome.HOLD, Reason(), "follow_up"),
        ({}, {}, Outcome.HOLD, Reason(wakes_by_itself=True), ""),
        ({}, {"follow_up_on": NOW.date()}, Outcome.HOLD, Reason(), ""),
        ({}, {}, Outcome.DISQUALIFIED, None, "reason"),
        ({}, {}, Outcome.DISQUALIFIED, Reason(), ""),
        ({"fit_check": "fail"}, {}, Outcome.SENT_TO_TEAM, None, "reason"),
        ({"capacity_check": "fail"}, {}, Outcome.APPOINTMENT_SET, None, "reason"),
        ({"capacity_check": "fail"}, {"reason": "By letter."}, Outcome.APPOINTMENT_SET, None, ""),
        ({"fit_check": "fail"}, {}, Outcome.NURTURE, None, ""),
        ({"lead_type": "patient"}, {}, Outcome.CONCLUDED, None, "outcome"),
        ({"lead_type": "partner"}, {}, Outcome.CONCLUDED, None, ""),
    ],
)
def test_an_outcome_stands_with_its_reason(lead, report, outcome: Outcome, reason: Reason | None, field: str) -> None:
    found = outcomes.lacks(Lead(**lead), CallReport("price", **report), outcome, reason)
    assert set(found) == ({field} if field else set())


@pytest.mark.parametrize(
    ("lead", "report", "outcome", "is_elsewhere"),
    [
        ({"stage": "working"}, {}, Outcome.NURTURE, False),
        ({"stage": "stopped", "stop_reason_id": "price"}, {"reason": "price"}, Outcome.DISQUALIFIED, False),
        ({"stage": "stopped", "stop_reason_id": "vendor"}, {"reason": "price"}, Outcome.DISQUALIFIED, True),
        ({"stage": "stopped", "stop_reason_id": "price"}, {}, Outcome.SENT_TO_TEAM, True),
        ({"stage": "converted"}, {}, Outcome.CONCLUDED, False),
        ({"stage": "converted"}, {"reason": "price"}, Outcome.DISQUALIFIED, True),
    ],
)
def test_a_closed_lead_that_ends_as_it_did_stays_in_its_cycle(lead, report, outcome: Outcome, is_elsewhere) -> None:
    assert outcomes.leads_elsewhere(Lead(**lead), outcome, CallReport("price", **report)) is is_elsewhere


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ({"referral_letter", "eligibility", "prior_authorization"}, "awaiting_referral"),
        ({"eligibility", "records"}, "awaiting_eligibility"),
        ({"prior_authorization"}, "awaiting_authorization"),
        ({"prior_authorization", "records"}, "awaiting_records"),
        ({"records"}, "awaiting_records"),
    ],
)
def test_a_lead_waits_for_what_the_rules_name_first(missing: set[str], reason: str) -> None:
    assert outcomes.waiting_reason(missing) == reason


def test_a_date_that_ends_a_wait_is_no_promise_to_ask() -> None:
    day = NOW.date()
    asks = {"follow_up_on": "2026-12-01"}
    assert outcomes.promises(CallReport("price", follow_up_on=day), Outcome.HOLD) == {"wakes_on": "2026-12-01"}
    assert outcomes.promises(CallReport("price", follow_up_on=day), Outcome.NURTURE) == asks
    report = CallReport("missing_information", missing=["payer"], follow_up_on=day, callback_at=NOW)
    told = {"missing": ["payer"], "callback_at": NOW.isoformat()}
    assert outcomes.promises(report, Outcome.HOLD) == asks | told


@pytest.mark.parametrize(
    ("code", "events"),
    [
        ("price", []),
        ("do_not_call", [(7, "internal_dnc")]),
        ("revoked_text", [(7, "revoke")]),
        ("revoked_email", [(2, "email_unsub"), (3, "email_unsub")]),
        ("revoked_fax", []),
        ("wrong_number", [(7, "wrong_number")]),
        ("deceased", [(7, "deceased"), (1, "deceased"), (2, "deceased")]),
    ],
)
def test_a_result_tells_the_ledger_of_the_addresses_it_means(code: str, events: list[tuple[int, str]]) -> None:
    """The number that was called is 7; the lead has the number 1 and the mailbox 2, and says the mailbox 3."""
    assert outcomes.told_to_consent(RESULTS[code], Lead(phone_id=1, email_id=2), called=7, mailbox=3) == events


def test_where_nothing_is_known_nothing_is_told() -> None:
    assert outcomes.told_to_consent(RESULTS["deceased"], Lead(), called=None) == []
