"""The four checks: unknown is never fail, and a clear fit fail ends early."""

from dataclasses import replace
from datetime import date

import pytest

from leads.checks import Facts, assess
from leads.vocabulary import Check, Verdict

READY = Facts(
    lead_type="patient",
    service_status="offered",
    location_status="in_catchment",
    payer_status="accepted",
    age_status="eligible",
    first_open_on=date(2026, 12, 3),
    has_timing=True,
    authorization_missing=False,
    readiness="high",
    request="appointment",
    for_whom="self",
)


def test_a_ready_patient_passes_every_check() -> None:
    assessment = assess(READY)
    assert {assessment.verdict(check) for check in Check} == {Verdict.PASS}
    assert assessment.unknown == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"service_status": "not_offered"}, "service_not_offered"),
        ({"location_status": "outside"}, "outside_area"),
        ({"payer_status": "not_accepted"}, "payer_not_accepted"),
        ({"age_status": "not_eligible"}, "not_eligible"),
    ],
)
def test_a_clear_fit_fail_ends_early(change: dict[str, str], code: str) -> None:
    assessment = assess(replace(READY, **change))
    assert assessment.verdict(Check.FIT) == Verdict.FAIL
    assert [reason.code for reason in assessment.findings[Check.FIT].reasons] == [code]
    assert assessment.verdict(Check.CAPACITY) == Verdict.UNKNOWN
    assert assessment.unknown == [], "nothing more is asked"


@pytest.mark.parametrize(
    ("change", "check", "question"),
    [
        ({"payer_status": None}, Check.FIT, "payer"),
        ({"location_status": None}, Check.FIT, "location"),
        ({"age_status": None}, Check.FIT, "age_eligible"),
        ({"has_timing": False}, Check.CAPACITY, "timing"),
        ({"readiness": "low", "request": ""}, Check.READINESS, "request"),
        ({"for_whom": ""}, Check.DECISION_PATH, "for_whom"),
        ({"for_whom": "family"}, Check.DECISION_PATH, "may_speak_with"),
    ],
)
def test_unknown_becomes_a_question(change: dict[str, object], check: Check, question: str) -> None:
    assessment = assess(replace(READY, **change))
    assert assessment.verdict(check) == Verdict.UNKNOWN
    assert question in assessment.unknown


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"first_open_on": None}, "no_slot"),
        ({"documents_missing": ["referral_letter"]}, "document_referral_letter"),
        ({"authorization_missing": True}, "prior_authorization"),
    ],
)
def test_a_known_blocker_fails_capacity(change: dict[str, object], code: str) -> None:
    assessment = assess(replace(READY, **change))
    assert assessment.verdict(Check.CAPACITY) == Verdict.FAIL
    assert code in [reason.code for reason in assessment.findings[Check.CAPACITY].reasons]


def test_the_next_day_is_named_where_no_slot_is_inside_the_dates() -> None:
    told = [
        assess(replace(READY, first_open_on=None, next_open_on=day)).findings[Check.CAPACITY].reasons[0].sentence
        for day in (None, date(2026, 12, 22))
    ]
    assert told == [
        "No slot is open inside the wanted dates.",
        "No slot is open inside the wanted dates. The next one is on Dec 22, 2026.",
    ]


def test_what_is_missing_is_what_must_arrive_not_what_must_be_asked() -> None:
    facts = replace(READY, documents_missing=["referral_letter"], authorization_missing=True, for_whom="")
    assert assess(facts).missing == ["referral_letter", "prior_authorization"]


def test_an_organisation_has_no_slots_and_names_its_approver() -> None:
    facts = Facts(
        lead_type="b2b", service_status="organisation", organisation="Plant", request="quote", readiness="medium"
    )
    facts = replace(facts, location_status="not_applicable", payer_status="not_applicable", age_status="eligible")
    assessment = assess(facts)
    assert assessment.verdict(Check.CAPACITY) == Verdict.PASS
    assert assessment.verdict(Check.DECISION_PATH) == Verdict.UNKNOWN
    assert assessment.unknown[0] == "approver"


def test_an_organisation_that_names_a_service_for_others_fails_fit() -> None:
    fit = assess(replace(READY, lead_type="b2b", service_status="other_audience")).findings[Check.FIT]
    assert (fit.verdict, [reason.code for reason in fit.reasons]) == (Verdict.FAIL, ["service_for_others"])


def test_a_partner_without_agreement_misses_it() -> None:
    facts = replace(READY, lead_type="partner", needs_agreement=True, agreement="sent")
    assert assess(facts).missing == ["agreement"]
    assert assess(replace(facts, agreement="signed")).missing == []


@pytest.mark.parametrize("lead_type", ["partner", "b2b"])
def test_a_blocked_agreement_fails_the_decision_path_though_it_is_known_who_decides(lead_type: str) -> None:
    """[R33]"""
    facts = replace(READY, lead_type=lead_type, contact_role="decision_maker", agreement="blocked")
    finding = assess(facts).findings[Check.DECISION_PATH]
    assert (finding.verdict, [reason.code for reason in finding.reasons]) == (Verdict.FAIL, ["agreement_blocked"])
    assert assess(replace(facts, agreement="sent")).verdict(Check.DECISION_PATH) == Verdict.PASS
    assert assess(replace(facts, lead_type="patient")).verdict(Check.DECISION_PATH) == Verdict.PASS


def test_somebody_under_age_does_not_decide_alone() -> None:
    facts = replace(READY, for_whom="self", age=14)
    finding = assess(facts).findings[Check.DECISION_PATH]
    assert (finding.verdict, finding.unknown) == (Verdict.UNKNOWN, ["decision_maker"])
    assert [reason.code for reason in finding.reasons] == ["guardian_unknown"]
    assert assess(replace(facts, decider_named=True)).verdict(Check.DECISION_PATH) == Verdict.PASS
    assert assess(replace(facts, age=18)).verdict(Check.DECISION_PATH) == Verdict.PASS
