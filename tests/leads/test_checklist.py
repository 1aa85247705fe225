"""The checklist: what is asked, what was answered by whom and from where, and what the checks say of it at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads import criteria, qualification
from leads.models import Answer, DocumentStatus, Lead, MissingItem, Question, Stakeholder
from leads.services import calls, checklist, events
from leads.services.calls import CallReport
from leads.vocabulary import Check, Verdict
from medcrm import journey
from medcrm.lib.errors import InvalidFields
from tests.thawing import thawed


@pytest.fixture
def caller(organisation) -> User:
    return User.objects.get(username="qualification1")


@pytest.fixture
def lead(organisation, submit, now) -> Lead:
    """A patient who asks for a referral service, walked down the road."""
    lead = submit(service="pt", payer="", for_whom="family")
    journey.advance([lead.pk], at=now)
    return lead


def part(sheet: checklist.Sheet, check: Check) -> checklist.Part:
    return next(each for each in sheet.parts if each.check == check)


def question(sheet: checklist.Sheet, code: str) -> checklist.Asked:
    return next(each for part in sheet.parts for each in part.questions if each.code == code)


def test_the_parts_come_in_the_order_of_the_checks(lead, now) -> None:
    assert [each.check for each in checklist.sheet(lead, at=now).parts] == list(Check)


def test_the_inquiry_prefills_the_sheet(lead, now) -> None:
    said = question(checklist.sheet(lead, at=now), "location").said
    assert (said.value, said.origin, said.by, said.at) == ("78704", "form", "Consult request form", now)


def test_a_later_form_supersedes_what_was_answered_on_a_call(lead, submit, caller, now) -> None:
    checklist.answer_question(lead.pk, "payer", "ppo", by=caller, at=now, origin="call")
    later = now + timedelta(hours=1)
    submit(payer="self", for_whom="family", at=later)
    said = question(checklist.sheet(lead, at=later), "payer").said
    assert (said.value, said.origin, said.at) == ("self", "form", later)
    assert not Answer.objects.filter(lead=lead, code="payer", is_current=True).exists()


def test_a_later_form_brings_what_a_call_recorded_as_missing(lead, submit, caller, now) -> None:
    report = CallReport(disposition="missing_information", missing=["payer"], follow_up_on=now.date())
    calls.record_call(lead.pk, report, at=now, by=caller)
    submit(payer="self", for_whom="family", at=now + timedelta(hours=1))
    assert not MissingItem.objects.filter(lead=lead, kind="payer", settled_at=None).exists()


def test_open_questions_come_first_and_the_one_that_settles_a_check_before_all(lead, now) -> None:
    sheet = checklist.sheet(lead, at=now)
    assert sheet.next_question.code == "payer"
    for each in sheet.parts:
        opens = [asked.is_open for asked in each.questions]
        assert opens == sorted(opens, reverse=True)


def test_a_fact_is_asked_once(lead, now) -> None:
    codes = [each.code for part in checklist.sheet(lead, at=now).parts for each in part.questions]
    assert "appointment_window" in codes
    assert "timing" not in codes
    assert len(codes) == len(set(codes))


def test_the_services_own_checklist_adds_to_that_of_the_type(lead, now) -> None:
    codes = {each.code for part in checklist.sheet(lead, at=now).parts for each in part.questions}
    assert {"work_or_auto_injury", "preferred_time", "payer"} <= codes


def test_only_documents_that_the_service_wants_are_asked_for(lead, now) -> None:
    codes = {each.code for part in checklist.sheet(lead, at=now).parts for each in part.questions}
    assert "referral_letter" in codes
    assert "medical_history" not in codes


def test_an_answer_is_kept_and_writes_the_leads_field(lead, caller, now) -> None:
    answer = checklist.answer_question(lead.pk, "payer", "ppo", by=caller, at=now)
    lead.refresh_from_db()
    assert (lead.payer_id, lead.advance_due_at) == ("ppo", now)
    assert (answer.value, answer.by, answer.origin, answer.answered_at) == ("ppo", caller, "staff", now)
    assert answer.expires_at == now + timedelta(days=180)


def test_a_newer_answer_supersedes_the_older_whatever_its_code(lead, caller, now) -> None:
    checklist.answer_question(lead.pk, "appointment_window", "month", by=caller, at=now)
    checklist.answer_question(lead.pk, "timing", "two_weeks", by=caller, at=now + timedelta(minutes=1))
    answers = Answer.objects.filter(lead=lead, code__in=["timing", "appointment_window"])
    assert [(a.code, a.is_current) for a in answers] == [("timing", True), ("appointment_window", False)]
    assert question(checklist.sheet(lead, at=now), "appointment_window").said.value == "two_weeks"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("payer", "no_such_payer"),
        ("payer", 7),
        ("location", "787"),
        ("age_eligible", "old"),
        ("age_eligible", 200),
        ("existing_patient", "perhaps"),
        ("request", "miracle"),
        ("referral_letter", "perhaps"),
        ("scheduler", "x" * 121),
        ("no_such_question", "yes"),
        ("payer", ""),
    ],
)
def test_a_bad_answer_is_refused_by_its_code_and_nothing_is_written(lead, caller, now, code, value) -> None:
    before = Answer.objects.count()
    with pytest.raises(InvalidFields) as refused:
        checklist.answer_question(lead.pk, code, value, by=caller, at=now)
    assert refused.value.field == code
    assert Answer.objects.count() == before


def test_the_verdict_follows_in_the_same_request(lead, caller, now) -> None:
    before = checklist.sheet(lead, at=now)
    assert (part(before, Check.FIT).verdict, part(before, Check.CAPACITY).verdict) == (Verdict.UNKNOWN, Verdict.FAIL)
    checklist.answer_question(lead.pk, "payer", "ppo", by=caller, at=now)
    checklist.answer_question(lead.pk, "referral_letter", "yes", by=caller, at=now)
    after = checklist.assess_now(lead.pk, at=now)
    assert (part(after, Check.FIT).verdict, part(after, Check.CAPACITY).verdict) == (Verdict.PASS, Verdict.PASS)
    assert (after.lead.decision, after.lead.next_step, after.suggested_outcome) == (
        "forward",
        "appointment",
        "sent_to_team",
    )
    assert after.lead.advance_due_at == now, "the rest of the road follows"


def test_what_was_assessed_at_once_is_what_the_road_decides(lead, caller, now) -> None:
    checklist.answer_question(lead.pk, "payer", "hmo", by=caller, at=now)
    at_once = checklist.assess_now(lead.pk, at=now)
    journey.advance([lead.pk], at=now)
    on_the_road = checklist.sheet(lead, at=now)
    assert [each.verdict for each in at_once.parts] == [each.verdict for each in on_the_road.parts]
    assert (at_once.lead.decision, at_once.missing) == (on_the_road.lead.decision, on_the_road.missing)


def test_a_clear_fit_fail_leaves_the_rest_unasked(lead, caller, now) -> None:
    checklist.answer_question(lead.pk, "location", "99501", by=caller, at=now)
    sheet = checklist.sheet(lead, at=now)
    assert sheet.ends_early
    assert [each.is_asked for each in sheet.parts] == [True, False, False, False]
    assert [reason.code for reason in part(sheet, Check.CAPACITY).reasons] == ["not_asked"]
    location = question(sheet, "location")
    assert (location.verdict, [reason.code for reason in location.reasons]) == (Verdict.FAIL, ["outside_area"])


def test_an_answer_that_fails_its_question_fails_the_check(lead, caller, now) -> None:
    with thawed():
        Question.objects.filter(code="work_or_auto_injury").update(fails=["yes"])
    checklist.answer_question(lead.pk, "work_or_auto_injury", "yes", by=caller, at=now)
    fit = part(checklist.sheet(lead, at=now), Check.FIT)
    assert (fit.verdict, [reason.code for reason in fit.reasons]) == (Verdict.FAIL, ["answer_work_or_auto_injury"])


def test_yes_and_no_settle_the_age_without_the_number(organisation, submit, caller, now) -> None:
    lead = submit(service="cardio", age=None)
    assert part(checklist.sheet(lead, at=now), Check.FIT).verdict == Verdict.UNKNOWN
    checklist.answer_question(lead.pk, "age_eligible", "yes", by=caller, at=now)
    assert part(checklist.sheet(lead, at=now), Check.FIT).verdict == Verdict.PASS
    checklist.answer_question(lead.pk, "age_eligible", "no", by=caller, at=now)
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert (lead.fit_check, lead.stop_reason_id) == ("fail", "not_eligible")


def test_documents_and_people_are_rows_of_their_own(lead, caller, now) -> None:
    checklist.answer_question(lead.pk, "referral_letter", "yes", by=caller, at=now)
    checklist.answer_question(lead.pk, "scheduler", "Anna Lee", by=caller, at=now)
    checklist.answer_question(lead.pk, "may_speak_with", "Anna Lee", by=caller, at=now)
    assert DocumentStatus.objects.get(lead=lead, document="referral_letter").status == "received"
    person = Stakeholder.objects.get(lead=lead)
    assert (person.name, person.role, person.may_be_told) == ("Anna Lee", "scheduler", True)
    sheet = checklist.sheet(lead, at=now)
    assert question(sheet, "scheduler").said.label == "Anna Lee"
    assert part(sheet, Check.DECISION_PATH).verdict == Verdict.PASS


@pytest.mark.parametrize("said", ["no", "No", " NO ", "unknown", "Unknown"])
def test_a_plain_answer_about_people_names_nobody_however_it_is_written(lead, caller, now, said) -> None:
    checklist.answer_question(lead.pk, "may_speak_with", said, by=caller, at=now)
    assert not Stakeholder.objects.filter(lead=lead).exists()
    asked = question(checklist.assess_now(lead.pk, at=now), "may_speak_with")
    assert (asked.said.value, asked.typed) == (said.strip().lower(), "")
    assert part(checklist.sheet(lead, at=now), Check.DECISION_PATH).verdict == Verdict.UNKNOWN


def test_a_no_takes_back_whom_we_may_tell(lead, caller, now) -> None:
    checklist.answer_question(lead.pk, "may_speak_with", "Maria Lopez", by=caller, at=now)
    assert part(checklist.sheet(lead, at=now), Check.DECISION_PATH).verdict == Verdict.PASS
    checklist.answer_question(lead.pk, "may_speak_with", "No", by=caller, at=now)
    assert Stakeholder.objects.get(lead=lead).may_be_told is False
    assert part(checklist.sheet(lead, at=now), Check.DECISION_PATH).verdict == Verdict.UNKNOWN


NO_NAMES = {
    "No": "no", "Nobody yet": "no", "nadie": "no", "UNKNOWN": "unknown", "Not sure yet": "unknown", "?": "unknown",
    "I don’t know.": "unknown", "We are not sure": "unknown", "TBD": "unknown", "No lo sé": "unknown",
}  # fmt: skip


@pytest.mark.parametrize("said", NO_NAMES)
def test_that_nobody_is_known_to_approve_is_no_approver(organisation, submit, caller, now, said) -> None:
    lead = submit("facility", lead_type="b2b", service="screening", organisation="Test Works", approver=said)
    assert lead.approver == ""
    checklist.answer_question(lead.pk, "approver", "Pat Test", by=caller, at=now)
    checklist.answer_question(lead.pk, "approver", said, by=caller, at=now)
    lead.refresh_from_db()
    assert lead.approver == ("" if NO_NAMES[said] == "no" else "Pat Test")
    assert Answer.objects.get(lead=lead, code="approver", is_current=True).value == NO_NAMES[said]


@pytest.mark.parametrize("said", ["No Gunther", "Wei Unknown", "Will Know", "Yet Nguyen", "I. Sure"])
def test_a_name_stays_a_name(organisation, submit, caller, now, said) -> None:
    lead = submit("facility", lead_type="b2b", service="screening", organisation="Test Works", approver=said)
    assert lead.approver == said
    checklist.answer_question(lead.pk, "procurement", said, by=caller, at=now)
    assert Stakeholder.objects.filter(lead=lead, name=said, role="procurement").exists()


def test_who_does_not_know_says_so_by_a_button(organisation, submit, caller, now) -> None:
    """Choices that hold such an answer of their own, and yes or no, need none beside them."""
    lead = submit("facility", lead_type="b2b", service="screening", organisation="Test Works")
    sheet = checklist.sheet(lead, at=now)
    offered = {each.code: [value for value, _label in each.plain] for part in sheet.parts for each in part.questions}
    people = ("approver", "procurement", "clinical_lead")
    assert {code: offered[code] for code in people} == dict.fromkeys(people, ["no", "unknown"])
    known = ("clinic_size", "rollout", "request", "service")
    assert {code: offered[code] for code in known} == dict.fromkeys(known, ["unknown"])
    own = ("budget", "contact_role", "timing", "pilot", "identity")
    assert {code: offered[code] for code in own} == dict.fromkeys(own, [])
    checklist.answer_question(lead.pk, "clinic_size", "Unknown", by=caller, at=now)
    asked = question(checklist.sheet(lead, at=now), "clinic_size")
    assert (asked.said.value, asked.typed, asked.is_open) == ("unknown", "", True)


def test_an_answer_runs_out_and_is_asked_again(lead, caller, now) -> None:
    checklist.answer_question(lead.pk, "payer", "ppo", by=caller, at=now)
    fresh = question(checklist.sheet(lead, at=now + timedelta(days=179)), "payer")
    later = question(checklist.sheet(lead, at=now + timedelta(days=181)), "payer")
    assert (fresh.is_open, fresh.said.is_stale) == (False, False)
    assert (later.is_open, later.said.is_stale, later.verdict) == (True, True, Verdict.UNKNOWN)


def test_a_call_and_the_sheet_keep_answers_by_the_same_code(lead, caller, now) -> None:
    report = CallReport(disposition="callback_requested", callback_at=now, answers={"payer": "ppo", "for_whom": "self"})
    call = calls.record_call(lead.pk, report, at=now, by=caller)
    answer = Answer.objects.get(lead=lead, code="payer")
    assert (answer.origin, answer.interaction, answer.by, answer.question.code) == ("call", call, caller, "payer")
    with pytest.raises(InvalidFields) as refused:
        calls.record_call(
            lead.pk, CallReport(disposition="no_answer", answers={"payer": "nonsense"}), at=now, by=caller
        )
    assert refused.value.field == "payer"


def test_an_answer_settles_what_a_call_recorded_as_missing(lead, caller, now) -> None:
    report = CallReport(disposition="missing_information", missing=["payer"], follow_up_on=now.date())
    calls.record_call(lead.pk, report, at=now, by=caller)
    checklist.answer_question(lead.pk, "payer", "unknown", by=caller, at=now)
    assert MissingItem.objects.filter(lead=lead, kind="payer", settled_at=None).exists()
    checklist.answer_question(lead.pk, "payer", "self", by=caller, at=now)
    assert not MissingItem.objects.filter(lead=lead, kind="payer", settled_at=None).exists()


def test_an_answer_that_changes_nothing_leaves_a_persons_decision(lead, caller, now) -> None:
    report = CallReport(disposition="needs_to_think", outcome="hold", reason="awaiting_family")
    calls.record_call(lead.pk, report, at=now, by=caller)
    checklist.answer_question(lead.pk, "existing_patient", "unknown", by=caller, at=now)
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert (lead.decision, lead.hold_reason_id) == ("hold", "awaiting_family")


@pytest.mark.parametrize(("lead_type", "service"), [("partner", "referral_network"), ("b2b", "screening")])
def test_organisations_have_their_own_questions(organisation, submit, caller, now, lead_type, service) -> None:
    lead = submit("partner", lead_type=lead_type, service=service, organisation="Test Practice")
    sheet = checklist.sheet(lead, at=now)
    decider = {"partner": "decision_maker", "b2b": "approver"}[lead_type]
    assert part(sheet, Check.DECISION_PATH).verdict == Verdict.UNKNOWN
    checklist.answer_question(lead.pk, decider, "Dr. Jones", by=caller, at=now)
    assert part(checklist.sheet(lead, at=now), Check.DECISION_PATH).verdict == Verdict.PASS
    assert Stakeholder.objects.get(lead=lead).can_approve is True


def test_the_sheet_takes_as_many_queries_full_as_empty(organisation, submit, caller, now) -> None:
    empty = submit(service="mri", payer="", timing="", request="", age=None, for_whom="")
    full = submit(first_name="Full", service="mri", documents=["referral_letter"])
    events.record_authorization(full.pk, "mri", "approved", at=now)
    for code, value in {"scheduler": "Anna", "may_speak_with": "Ben", "existing_patient": "no"}.items():
        checklist.answer_question(full.pk, code, value, by=caller, at=now)

    def queries(lead: Lead) -> int:
        with CaptureQueriesContext(connection) as seen:
            checklist.sheet(lead, at=now)
        return len(seen)

    assert queries(empty) == queries(full) <= 16


def test_the_checks_of_a_batch_agree_with_those_of_one(organisation, submit, now) -> None:
    leads = [submit(first_name=name, service=name) for name in ("ortho", "bh", "mri", "cardio")]
    journey.advance([lead.pk for lead in leads], at=now)
    for lead in Lead.objects.filter(pk__in=[lead.pk for lead in leads]):
        _lead, assessment = qualification.assess_one(lead.pk, at=now)
        stored = [getattr(lead, f"{check}_check") for check in Check]
        assert stored == [assessment.verdict(check) for check in Check]


@pytest.mark.parametrize(
    ("lead_type", "service", "fit"),
    [
        ("b2b", "screening", "pass"),
        ("b2b", "ortho", "fail"),
        ("partner", "screening", "fail"),
        ("partner", "referral_network", "pass"),
    ],
)
def test_an_organisations_service_must_be_one_for_its_kind(organisation, submit, now, lead_type, service, fit) -> None:
    """[R14] What fails is looked at by a person: somebody may have been taken for an organisation by mistake."""
    lead = submit("partner", lead_type=lead_type, service=service, organisation="Test Practice")
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    assert lead.fit_check == fit
    assert (lead.decision == "review") is (fit == "fail")


def test_a_partner_without_room_for_patients_fails_capacity(organisation, submit, caller, now) -> None:
    """[R15, R32]"""
    lead = submit("partner", lead_type="partner", service="referral_network", organisation="Test Practice")
    for code, value in [("service_capacity", "no"), ("patient_flow", "some"), ("record_exchange", "fax")]:
        checklist.answer_question(lead.pk, code, value, by=caller, at=now)
    sheet = checklist.assess_now(lead.pk, at=now)
    assert part(sheet, Check.CAPACITY).verdict == Verdict.FAIL
    assert question(sheet, "service_capacity").reasons
    for code, value in [("service_capacity", "no"), ("patient_flow", "some"), ("record_exchange", "fax")]:
        rule = [[{"fact": f"answer_{code}", "op": "is", "value": value}]]
        criteria.validate(rule)
        assert Lead.objects.filter(criteria.condition(rule, at=now)).get() == lead
    assert not Lead.objects.filter(criteria.condition([[{"fact": "answer_pilot", "op": "known"}]], at=now)).exists()


def test_rules_know_whether_somebody_is_named_who_arranges_visits(organisation, submit, caller, now) -> None:
    """[R20]"""
    lead = submit("partner", lead_type="partner", service="referral_network", organisation="Test Practice")
    named = [[{"fact": "scheduler_named", "op": "is", "value": True}]]
    assert not Lead.objects.filter(criteria.condition(named, at=now)).exists()
    checklist.answer_question(lead.pk, "scheduler", "Jo Alpha", by=caller, at=now)
    assert Lead.objects.filter(criteria.condition(named, at=now)).get() == lead


def test_urgency_is_asked_until_somebody_says_it(lead, caller, now) -> None:
    """[R30] Every lead begins as routine, which nobody said."""
    assert question(checklist.sheet(lead, at=now), "urgency").is_open
    checklist.answer_question(lead.pk, "urgency", "routine", by=caller, at=now)
    asked = question(checklist.sheet(lead, at=now), "urgency")
    assert (asked.is_open, asked.said.value) == (False, "routine")


@pytest.mark.parametrize("lead_type", ["patient", "partner", "b2b"])
def test_identity_channel_time_and_how_they_heard_are_asked_of_everybody(
    organisation, submit, caller, now, lead_type
) -> None:
    """[2.10, 2.19] Who it is, is asked on every call; none of these settles a check."""
    service = {"patient": "ortho", "partner": "referral_network", "b2b": "screening"}[lead_type]
    lead = submit("partner", lead_type=lead_type, service=service, organisation="Test Practice")
    before = checklist.sheet(lead, at=now)
    asked = [question(before, code) for code in ("identity", "preferred_channel", "preferred_time", "how_heard")]
    assert [(each.is_open, each.settles) for each in asked] == [(True, False)] * 4
    checklist.answer_question(lead.pk, "identity", "no", by=caller, at=now)
    checklist.answer_question(lead.pk, "preferred_channel", "sms", by=caller, at=now)
    checklist.answer_question(lead.pk, "how_heard", "known", by=caller, at=now)
    lead.refresh_from_db()
    assert lead.preferred_channel == "sms"
    after = checklist.sheet(lead, at=now)
    assert [each.verdict for each in after.parts] == [each.verdict for each in before.parts]
    assert not question(after, "identity").is_open
    assert question(checklist.sheet(lead, at=now + timedelta(days=1)), "identity").is_open


ASKED_ON_CALLS = {
    ("patient", "ortho"): {"work_or_auto_injury", "access_needs", "distance", "stops_booking", "safe_to_leave_message"},
    ("patient", "derm"): {"telehealth_ok", "safe_to_leave_message"},
    ("patient", "bh"): {"telehealth_ok", "safe_to_leave_message"},
    ("partner", "referral_network"): {"referral_process", "agreements_needed"},
    ("b2b", "screening"): {
        *("sites", "current_workflow", "why_now", "if_nothing_changes", "alternatives", "budget_set"),
        *("blocker", "security_needs"),
    },
}


@pytest.mark.parametrize(("lead_type", "service"), ASKED_ON_CALLS)
def test_what_a_call_asks_is_on_the_sheet_and_settles_no_check(organisation, submit, now, lead_type, service) -> None:
    """[2.6, 2.10]"""
    lead = submit("partner", lead_type=lead_type, service=service, organisation="Test Practice")
    asked = [each for part in checklist.sheet(lead, at=now).parts for each in part.questions]
    wanted = ASKED_ON_CALLS[lead_type, service]
    assert {each.code: (each.is_open, each.settles) for each in asked if each.code in wanted} == dict.fromkeys(
        wanted, (True, False)
    )
