"""How a call ends and what follows: by the facts as the call left them, with nothing lost and nothing written over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from consent.models import ConsentEvent
from leads import contact, qualification, timing
from leads.models import Appointment, Disposition, Interaction, Lead, NextStepSet, Qualification, Trigger
from leads.services import calls, reviews
from leads.services.calls import CallReport
from leads.vocabulary import Outcome
from medcrm import journey
from medcrm.lib.errors import InvalidFields


@pytest.fixture
def caller(organisation) -> User:
    return User.objects.get(username="qualification1")


@pytest.fixture
def walked(organisation, submit, now):
    def make(**fields: object) -> Lead:
        lead = submit(**fields)
        journey.advance([lead.pk], at=now)
        lead.refresh_from_db()
        return lead

    return make


def record(lead: Lead, at, disposition: str, **report: object) -> Lead:
    calls.record_call(lead.pk, CallReport(disposition, **report), at=at)
    journey.advance([lead.pk], at=at)
    lead.refresh_from_db()
    return lead


def refused(lead: Lead, at, disposition: str, **report: object) -> set[str]:
    before = Interaction.objects.count()
    with pytest.raises(InvalidFields) as refusal:
        calls.record_call(lead.pk, CallReport(disposition, **report), at=at)
    assert Interaction.objects.count() == before, "what is refused leaves nothing behind"
    return set(refusal.value.errors)


# F6: the outcome is judged by what the call itself says


def test_an_outcome_is_judged_by_what_was_said_on_the_same_call(walked, now) -> None:
    lead = walked(payer="")
    said = {"fields": {"payer": "medicaid"}, "outcome": "sent_to_team"}
    assert refused(lead, now, "sent_to_team", **said) == {"reason"}
    lead.refresh_from_db()
    assert lead.payer is None
    record(lead, now, "sent_to_team", **said, reason="The clinic takes this plan by letter.")
    cycle = lead.qualifications.get(closed_at=None)
    assert (lead.fit_check, cycle.override_reason) == ("fail", "The clinic takes this plan by letter.")


def test_what_the_call_brings_needs_no_reason_any_more(walked, now) -> None:
    lead = walked(service="pt")
    assert (lead.capacity_check, lead.hold_reason_id) == ("fail", "awaiting_referral")
    assert refused(lead, now, "sent_to_team") == {"reason"}
    record(lead, now, "sent_to_team", answers={"referral_letter": "yes"})
    assert lead.qualifications.get(closed_at=None).override_reason == ""


# F5: a closed lead starts its next cycle


@pytest.mark.parametrize(
    ("disposition", "report", "ends"),
    [
        ("sent_to_team", {"outcome": "sent_to_team", "reason": "Pays herself now."}, "forwarded"),
        ("added_to_nurture", {}, "nurturing"),
        ("chose_other_provider", {}, "stopped"),
    ],
)
def test_a_call_of_a_stopped_lead_leaves_its_stop_on_record(walked, now, disposition, report, ends) -> None:
    lead = walked(payer="medicaid")
    assert (lead.stage, lead.stop_reason_id) == ("stopped", "payer_not_accepted")
    record(lead, now + timedelta(days=1), disposition, **report)
    assert (lead.stage, lead.cycle) == (ends, 2)
    old = Qualification.objects.get(lead=lead, cycle=1)
    assert (old.decision, old.stop_reason_id) == ("stop", "payer_not_accepted")
    assert old.closed_at is not None
    assert Trigger.objects.get(qualification=old, fired_at__isnull=False).kind_id == "repeat_inquiry"


def test_a_stop_that_is_confirmed_stays_in_its_cycle(walked, now) -> None:
    lead = walked()
    record(lead, now, "not_interested")
    record(lead, now + timedelta(days=1), "not_interested")
    assert (lead.stage, lead.cycle) == ("stopped", 1)


def test_a_refusal_after_the_visit_is_no_outcome_of_the_visit(walked, now) -> None:
    lead = walked()
    record(lead, now, "appointment_set")
    Lead.objects.filter(pk=lead.pk).update(stage="converted")
    record(lead, now + timedelta(days=9), "not_interested")
    outcomes = list(lead.qualifications.order_by("cycle").values_list("cycle", "outcome"))
    assert outcomes == [(1, "appointment_set"), (2, "disqualified")]


# F22, F30: one obvious result


def test_asking_for_documents_says_when_and_which_unless_the_checks_know(walked, now) -> None:
    """[R37]"""
    lead = walked()
    assert refused(lead, now, "waiting_on_documents") == {"missing", "follow_up"}
    assert refused(lead, now, "waiting_on_documents", missing=["records"]) == {"follow_up"}
    record(lead, now, "waiting_on_documents", missing=["records"], follow_up_on=now.date() + timedelta(days=2))
    assert (lead.next_step, lead.qualifications.get(closed_at=None).outcome) == ("documents", "documents_requested")
    known = walked(phone="512-555-0103", service="pt")
    assert refused(known, now, "waiting_on_documents") == {"follow_up"}
    record(known, now, "waiting_on_documents", follow_up_on=now.date() + timedelta(days=2))
    assert (known.next_step, known.next_action) == ("documents", "Follow up: ask again as agreed")


def test_a_final_result_says_what_comes_of_it(walked, now) -> None:
    lead = walked()
    assert refused(lead, now, "existing_patient") == {"outcome"}
    assert record(lead, now, "existing_patient", outcome="sent_to_team").decision == "forward"


def test_nobody_who_calls_us_does_not_answer(walked, now) -> None:
    lead = walked()
    for disposition in ("no_answer", "busy", "voicemail_left", "invalid_number"):
        assert refused(lead, now, disposition) == {"disposition"}
    assert record(lead, now, "call_dropped").interactions.get(disposition="call_dropped").kind == "inbound_call"
    calls.record_call(lead.pk, CallReport("no_answer"), attempt=contact.reserve_call(lead, at=now), at=now)
    assert lead.interactions.get(disposition="no_answer").kind == "call"


@pytest.mark.parametrize(
    ("disposition", "given", "field"),
    [
        ("missing_information", {"missing": ["payer"], "follow_up_on": date(2062, 12, 2)}, "follow_up"),
        ("missing_information", {"missing": ["payer"], "follow_up_on": date.max}, "follow_up"),
        ("needs_to_think", {"outcome": "hold", "reason": "timing_later", "follow_up_on": date.max}, "follow_up"),
        ("callback_requested", {"callback_at": datetime(2036, 12, 2, 16, tzinfo=UTC)}, "callback_at"),
    ],
)
def test_no_date_is_further_ahead_than_anybody_promises(walked, now, disposition, given, field) -> None:
    assert refused(walked(), now, disposition, **given) == {field}


def test_a_date_five_years_ahead_is_kept(walked, now) -> None:
    lead = record(walked(), now, "missing_information", missing=["payer"], follow_up_on=(now + timing.FURTHEST).date())
    promise = lead.clocks.get(is_promise=True)
    assert now < promise.warn_at < promise.due_at


# F4: a decision without a call


def test_a_lead_in_review_is_decided_without_a_call_and_its_review_is_done(walked, caller, now) -> None:
    lead = walked()
    record(lead, now, "needs_to_think", outcome="review")
    assert lead.clocks.open().get().owed == "review"
    later = now + timedelta(hours=1)
    reviews.decide_by_hand(lead.pk, Outcome.DISQUALIFIED, reason="vendor", text="Sells us lamps.", by=caller, at=later)
    journey.advance([lead.pk], at=later)
    lead.refresh_from_db()
    assert (lead.stage, lead.stop_reason_id) == ("stopped", "vendor")
    assert lead.interactions.get(kind="note").text == "Sells us lamps."
    paid = lead.clocks.get(owed="review")
    assert (paid.met_at, paid.met_by) == (later, caller)
    assert not lead.clocks.open().exists()


@pytest.mark.parametrize(
    ("outcome", "given", "field"),
    [
        (Outcome.HOLD, {}, "reason"),
        (Outcome.HOLD, {"reason": "vendor"}, "reason"),
        (Outcome.DISQUALIFIED, {"reason": "no_capacity"}, "reason"),
        (Outcome.HOLD, {"reason": "timing_later", "until": "yesterday"}, "follow_up"),
        (Outcome.DOCUMENTS_REQUESTED, {}, "outcome"),
        (Outcome.APPOINTMENT_SET, {}, "outcome"),
    ],
)
def test_a_decision_without_a_call_lacks_nothing_either(walked, caller, now, outcome, given, field) -> None:
    lead = walked()
    if given.get("until"):
        given = {**given, "until": now.date() - timedelta(days=2)}
    with pytest.raises(InvalidFields) as refusal:
        reviews.decide_by_hand(lead.pk, outcome, text="So it is.", by=caller, at=now, **given)
    assert refusal.value.field == field
    assert not lead.interactions.filter(kind="note").exists()


def test_against_a_failed_check_the_note_is_the_reason_a_supervisor_reads(walked, caller, now) -> None:
    lead = walked(payer="medicaid")
    reviews.decide_by_hand(lead.pk, Outcome.SENT_TO_TEAM, text="The clinic agreed by mail.", by=caller, at=now)
    cycle = lead.qualifications.get(closed_at=None)
    assert (cycle.cycle, cycle.override_reason) == (2, "The clinic agreed by mail.")
    assert not Appointment.objects.exists()


def test_who_is_a_patient_already_is_noted_as_one(walked, now) -> None:
    """[2.3] A clinic that takes no new patients takes them."""
    lead = record(walked(), now, "existing_patient", outcome="review")
    assert lead.is_existing_patient is True
    assert lead.answers.get(code="existing_patient", is_current=True).value == "yes"


def test_a_result_answers_what_its_row_says(walked, now) -> None:
    Disposition.objects.filter(pk="price").update(answers_question="existing_patient", answers_with="no")
    assert record(walked(), now, "price").is_existing_patient is False
    lead = record(walked(phone="512-555-0107"), now, "price", answers={"existing_patient": "yes"})
    assert lead.is_existing_patient is True


# 2.11: a wish about one way of contact is kept by the call itself


def test_no_more_e_mail_said_on_a_call_ends_mail_that_sells_and_nothing_else(walked, now) -> None:
    lead = walked()
    call = record(lead, now, "revoked_email", note="No more mails.").interactions.get(disposition="revoked_email")
    event = ConsentEvent.objects.get(kind="email_unsub")
    assert (event.address_id, event.source, event.facts["call"]) == (lead.email_id, "call", call.pk)
    asked = Lead.objects.select_related("source").get(pk=lead.pk)
    assert {way: contact.may_contact(asked, way, at=now) for way in contact.CHANNELS} == {
        "voice": True, "sms": True, "email": False,
    }  # fmt: skip


def test_no_more_e_mail_of_somebody_without_a_mailbox_asks_which_one_and_closes_it(walked, now) -> None:
    lead = walked(email="")
    assert refused(lead, now, "revoked_email") == {"email"}
    record(lead, now, "revoked_email", fields={"email": "ana@example.org"})
    assert ConsentEvent.objects.get(kind="email_unsub").address_id == lead.email_id is not None


def test_no_more_faxes_stays_with_the_lead_and_closes_nothing_that_we_use(walked, now) -> None:
    lead = walked()
    before = ConsentEvent.objects.count()
    record(lead, now, "revoked_fax", note="Their machine is full.")
    assert lead.interactions.get(disposition="revoked_fax").text == "Their machine is full."
    assert ConsentEvent.objects.count() == before


# 2.18, R65: an organisation is met and won, not booked


@pytest.fixture
def practice(walked):
    def make(lead_type: str = "b2b", **fields: object) -> Lead:
        service = {"b2b": "screening", "partner": "referral_network"}[lead_type]
        told = {"payer": "", "age": None, "for_whom": "", "preferred_clinic": "", "request": "quote"}
        return walked(lead_type=lead_type, service=service, organisation="Test Practice", **told, **fields)

    return make


@pytest.mark.parametrize(("lead_type", "step"), [("b2b", "discovery"), ("partner", "partnership")])
def test_a_meeting_goes_to_the_team_that_holds_it_and_is_owed_at_its_time(practice, now, lead_type, step) -> None:
    lead, meeting = practice(lead_type), now + timedelta(days=2)
    assert refused(lead, now, "meeting_agreed") == {"callback_at"}
    record(lead, now, "meeting_agreed", callback_at=meeting)
    team = {"discovery": "discovery", "partnership": "partnerships"}[step]
    assert (lead.decision, lead.next_step, lead.team) == ("forward", step, team)
    assert (lead.next_action, lead.next_action_due_at) == ("Follow up: meet as agreed", meeting)
    assert lead.qualifications.get(closed_at=None).outcome == "appointment_set"


def test_whom_an_organisation_meets_first_is_said_by_the_next_steps_in_force(practice, now) -> None:
    NextStepSet.objects.filter(status="published").update(b2b_step="quote")
    lead = record(practice(), now, "meeting_agreed", callback_at=now + timedelta(days=2))
    assert (lead.next_step, lead.team) == ("quote", "quotes")


def test_the_first_step_is_one_query_and_as_rules_begin_where_none_are_in_force(
    db, django_assert_num_queries, organisation
) -> None:
    with django_assert_num_queries(1):
        assert qualification.first_step("partner") == "partnership"
    NextStepSet.objects.update(status="draft")
    assert [qualification.first_step(kind) for kind in ("patient", "b2b")] == ["callback", "discovery"]


def test_no_visit_is_set_for_an_organisation(practice, now) -> None:
    lead = practice()
    record(lead, now, "appointment_set")
    assert (lead.next_step, lead.team) == ("discovery", "discovery")


def test_results_fit_the_kind_of_lead(practice, walked, now) -> None:
    patient, organisation = walked(phone="512-555-0107", email="p@example.org"), practice()
    meets = CallReport("meeting_agreed", callback_at=now + timedelta(days=1))
    for lead, report, field in (
        (organisation, CallReport("appointment_set"), "disposition"),
        (patient, meets, "disposition"),
        (patient, CallReport("agreement_concluded"), "disposition"),
        (organisation, CallReport("sent_to_team", outcome="appointment_set"), "callback_at"),
    ):
        assert set(calls.misfits(lead, report)) == {field}
    assert calls.misfits(organisation, meets) == calls.misfits(patient, CallReport("appointment_set")) == {}
    assert refused(patient, now, "sent_to_team", outcome="concluded") == {"outcome"}


@pytest.mark.parametrize("lead_type", ["b2b", "partner"])
def test_an_agreement_converts_an_organisation_and_counts_for_good(practice, caller, now, lead_type) -> None:
    """[R57, R65]"""
    lead = practice(lead_type)
    later = now + timedelta(days=1)
    record(lead, later, "agreement_concluded", reason="Decided by their board.")
    assert (lead.stage, lead.next_action_due_at, lead.agreement) == ("converted", None, "signed")
    assert not lead.missing_items.filter(settled_at=None, kind="agreement").exists()
    assert (lead.milestone.is_converted, lead.milestone.is_qualified) == (True, True)
    record(lead, now + timedelta(days=40), "not_interested")
    lead.milestone.refresh_from_db()
    assert (lead.stage, lead.cycle, lead.milestone.is_converted) == ("stopped", 2, True)


def test_an_agreement_is_concluded_without_a_call_from_a_wait_too(practice, caller, now) -> None:
    lead = practice("partner")
    record(lead, now, "waiting_on_approval", outcome="hold", reason="awaiting_agreement")
    assert lead.stage == "held"
    later = now + timedelta(days=3)
    reviews.decide_by_hand(lead.pk, Outcome.CONCLUDED, text="Signed by post.", by=caller, at=later)
    journey.advance([lead.pk], at=later)
    lead.refresh_from_db()
    assert (lead.stage, lead.hold_reason, lead.qualifications.get(closed_at=None).outcome) == (
        "converted",
        None,
        "concluded",
    )
