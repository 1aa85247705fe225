"""What wakes a lead: each trigger fires once, says what fired it and what went stale; a million wake in batches."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from leads import requalification
from leads.models import (
    Answer,
    HoldReason,
    Lead,
    Offering,
    OfferingPayer,
    Opening,
    Qualification,
    StopReason,
    Trigger,
)
from leads.services import calls, catalogue, checklist, events, merging, people, reviews
from leads.services.calls import CallReport
from leads.services.people import Person
from leads.vocabulary import InteractionKind, Outcome
from medcrm import journey
from tests.conftest import send_inquiry

NAMES = ("Ann", "Ben", "Cat", "Dan", "Eve")


@pytest.fixture
def crowd(organisation, submit, now):
    """Five leads alike but for their names, walked down the road."""

    def make(**fields: object) -> list[Lead]:
        leads = [
            submit(first_name=name, phone=f"+1512555013{number}", email=f"{name}@example.org", **fields)
            for number, name in enumerate(NAMES)
        ]
        journey.advance_due(at=now)
        return leads

    return make


def cycles(leads: list[Lead]) -> list[int]:
    return list(Lead.objects.filter(pk__in=[lead.pk for lead in leads]).order_by("pk").values_list("cycle", flat=True))


def test_a_trigger_fires_once_and_says_what_fired_it(crowd, now) -> None:
    lead = crowd(service="bh")[0]
    first = requalification.fire("slot_opened", [lead.pk], cause="Two slots.", at=now)
    second = requalification.fire("slot_opened", [lead.pk], cause="Two slots.", at=now)
    assert (first, second) == ([lead.pk], [])
    trigger = Trigger.objects.get(lead=lead, fired_at__isnull=False)
    assert trigger.fired_by == {"cause": "Two slots.", "stale": []}
    assert not Trigger.objects.filter(lead=lead, fired_at=None, disarmed_at=None).exists()


def test_what_went_stale_is_emptied_and_named_and_the_old_cycle_stays(crowd, now) -> None:
    lead = crowd(timing="later")[0]
    caller = User.objects.get(username="qualification1")
    checklist.answer_question(lead.pk, "timing", "later", by=caller, at=now)
    journey.advance_due(at=now)
    wakes = Trigger.objects.get(lead=lead, kind="date_reached", fired_at=None, disarmed_at=None)
    journey.advance_due(at=wakes.due_at)
    wakes.refresh_from_db()
    lead.refresh_from_db()
    assert wakes.fired_by["stale"] == ["timing"]
    assert (lead.timing, lead.window_closes_on, lead.cycle) == (None, None, wakes.qualification.cycle + 1)
    assert Answer.objects.get(lead=lead, code="timing").stale_since == wakes.due_at
    old = Qualification.objects.get(pk=wakes.qualification_id)
    assert (old.hold_reason_id, old.closed_at) == ("timing_later", wakes.due_at)
    said = [
        each.said
        for part in checklist.sheet(lead, at=wakes.due_at).parts
        for each in part.questions
        if each.code == "appointment_window"
    ]
    assert (said[0].value, said[0].is_stale) == ("later", True)


def test_what_is_said_now_does_not_go_stale(crowd, now) -> None:
    lead = crowd(timing="later")[0]
    events.record_preference(lead.pk, {"timing": "month"}, at=now)
    lead.refresh_from_db()
    assert (lead.cycle, lead.timing_id) == (2, "month")


def test_other_answers_than_timing_go_stale_too(organisation, submit, now) -> None:
    lead = submit(
        "facility", lead_type="b2b", service="screening", request="quote", organisation="Plant", budget="planned"
    )
    report = CallReport(
        disposition="waiting_on_approval",
        outcome="hold",
        reason="awaiting_approval",
        follow_up_on=now.date() + timedelta(days=90),
    )
    calls.record_call(lead.pk, report, at=now)
    journey.advance_due(at=now)
    armed = Trigger.objects.filter(lead=lead, fired_at=None, disarmed_at=None, due_at__isnull=False)
    assert set(armed.values_list("kind", flat=True)) == {"date_reached", "decision_date"}
    assert len(set(armed.values_list("due_at", flat=True))) == 1, "the date a person named holds for all of them"
    journey.advance_due(at=now + timedelta(days=91))
    lead.refresh_from_db()
    assert (lead.cycle, lead.budget) == (2, "")


def test_dated_triggers_fire_in_batches_that_each_keep_what_they_did(crowd, now) -> None:
    leads = crowd(timing="later")
    due = now + timedelta(days=61)
    assert [requalification.fire_dated(at=due, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert cycles(leads) == [2] * 5


def test_who_is_killed_half_way_leaves_the_rest_due(crowd, now, monkeypatch) -> None:
    leads = crowd(timing="later")
    due = now + timedelta(days=61)
    monkeypatch.setattr(requalification.fire_dated, "__kwdefaults__", {"limit": 2})

    def killed(**kwargs: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(journey, "advance_batch", killed)
        journey.advance_due(at=due)
    assert sorted(cycles(leads)) == [1, 1, 1, 2, 2]
    journey.advance_due(at=due)
    assert cycles(leads) == [2] * 5
    assert set(Lead.objects.values_list("decision", flat=True)) == {"forward"}


def change_terms(offering: Offering, *, at: datetime, payer: str = "") -> None:
    """Accept one more payer, or take new patients, as the offering's page does."""
    before = catalogue.terms(offering.pk)
    if payer:
        OfferingPayer.objects.create(offering=offering, payer_id=payer)
    else:
        Offering.objects.filter(pk=offering.pk).update(accepts_new_patients=True)
    catalogue.announce(offering.pk, before, at=at)


def test_a_payer_newly_accepted_re_opens_who_was_stopped_for_it(crowd, now) -> None:
    leads = crowd(service="derm", payer="medicaid", timing="month")
    assert set(Lead.objects.values_list("stop_reason", flat=True)) == {"payer_not_accepted"}
    later = now + timedelta(days=1)
    change_terms(Offering.objects.get(service="derm", clinic="aus"), payer="medicaid", at=later)
    batches = [requalification.fire_openings(at=later, limit=2) for _ in range(4)]
    assert batches == [2, 2, 1, 0]
    opening = Opening.objects.get()
    assert (opening.woken, opening.done_at) == (5, later)
    journey.advance_due(at=later)
    assert cycles(leads) == [2] * 5
    assert set(Lead.objects.values_list("fit_check", flat=True)) == {"pass"}


def test_the_page_of_an_offering_tells_who_waits_and_the_page_of_its_service_changes_no_terms(crowd, client) -> None:
    Offering.objects.filter(service="ortho").update(accepts_new_patients=False)
    offering = Offering.objects.filter(service="ortho").first()
    user = User.objects.create_superuser("administrator")
    client.force_login(user)
    service = client.get("/admin/leads/serviceline/ortho/change/").content.decode()
    assert "accepts_new_patients" in service and 'name="offerings-0-accepts_new_patients"' not in service
    page = f"/admin/leads/offering/{offering.pk}/change/"
    rows = {f"{name}-{total}_FORMS": 0 for name in ("payer_terms", "availability") for total in ("TOTAL", "INITIAL")}
    assert client.post(page, {"accepts_new_patients": "on", "days_to_book": 5, **rows}).status_code == 302
    assert list(Opening.objects.values_list("kind", "offering")) == [("slot_opened", offering.pk)]


def test_who_still_cannot_be_served_wakes_once_only(crowd, now) -> None:
    leads = crowd(service="derm", payer="medicaid", timing="month", age=45)
    later = now + timedelta(days=1)
    offering = Offering.objects.get(service="derm", clinic="aus")
    change_terms(offering, payer="medicaid", at=later)
    OfferingPayer.objects.filter(payer="medicaid", offering=offering).delete()
    journey.advance_due(at=later)
    assert cycles(leads) == [2] * 5
    assert set(Lead.objects.values_list("stage", flat=True)) == {"stopped"}


def test_an_offering_that_takes_new_patients_wakes_who_was_turned_away(crowd, now) -> None:
    Offering.objects.filter(service="ortho").update(accepts_new_patients=False)
    leads = crowd()
    assert set(Lead.objects.values_list("stop_reason", flat=True)) == {"service_not_offered"}
    later = now + timedelta(days=1)
    offering = Offering.objects.get(service="ortho", clinic="aus")
    change_terms(offering, at=later)
    change_terms(offering, at=later)
    assert Opening.objects.count() == 1, "nothing opened the second time"
    journey.advance_due(at=later)
    assert cycles(leads) == [2] * 5


def test_slots_wake_the_best_and_no_more_than_there_are(crowd, now) -> None:
    leads = crowd(service="bh")
    Lead.objects.filter(pk=leads[3].pk).update(score=99)
    events.set_availability("bh", "aus", now.date() + timedelta(days=5), 2, at=now)
    assert cycles(leads) == [2, 1, 1, 2, 1]
    events.set_availability("bh", "aus", now.date() + timedelta(days=5), 3, at=now)
    assert cycles(leads) == [2, 2, 1, 2, 1], "one more slot, one more lead"


def test_a_slot_is_for_the_lead_that_stays_of_those_that_are_one_person(crowd, now) -> None:
    leads = crowd(service="bh")
    Lead.objects.filter(pk=leads[1].pk).update(score=99)
    merging.merge(leads[0].pk, leads[1].pk, by=None, at=now)
    offering = Offering.objects.get(service="bh", clinic="aus")
    woken = requalification.slots_opened(offering, on=date(2026, 12, 3), slots=4, at=now)
    assert sorted(woken) == [lead.pk for lead in leads if lead != leads[1]]


def test_slots_of_the_past_wake_nobody(crowd, now) -> None:
    leads = crowd(service="bh")
    events.set_availability("bh", "aus", now.date() - timedelta(days=1), 2, at=now)
    assert cycles(leads) == [1] * 5


AUSTIN = ZoneInfo("America/Chicago")


@pytest.fixture
def one(organisation, submit, now):
    """One lead, walked down the road."""

    def make(**fields: object) -> Lead:
        return walk(submit(**fields), now)

    return make


def armed(lead: Lead) -> dict[str, datetime | None]:
    rows = Trigger.objects.filter(lead=lead, fired_at=None, disarmed_at=None)
    return dict(rows.values_list("kind", "due_at"))


def walk(lead: Lead, at: datetime) -> Lead:
    journey.advance_due(at=at)
    lead.refresh_from_db()
    return lead


def reply(lead: Lead, at: datetime, text: str = "Please call me.") -> Lead:
    events.record_activity(lead.pk, InteractionKind.EMAIL_REPLY, at=at, text=text)
    return walk(lead, at)


def nurture(lead: Lead, at: datetime) -> Lead:
    calls.record_call(lead.pk, CallReport("added_to_nurture", outcome="nurture"), at=at)
    return walk(lead, at)


@pytest.mark.parametrize(
    ("fields", "step"),
    [
        ({"request": "info", "timing": "not_sure"}, "callback"),
        ({"timing": "later"}, "callback"),
        ({"service": "bh"}, "callback"),  # no slot inside the window
        ({}, "appointment"),
    ],
)
def test_a_reply_of_who_was_put_into_nurture_by_hand_is_answered_by_a_person(one, now, fields, step) -> None:
    lead = nurture(one(**fields), now + timedelta(minutes=5))
    assert lead.stage == "nurturing"
    reply(lead, now + timedelta(days=7))
    assert (lead.decision, lead.next_step, bool(lead.team), lead.cycle) == ("forward", step, True, 1)


def test_a_reply_that_withdraws_calls_nobody_and_ends_what_rests_on_reaching_the_person(one, now) -> None:
    lead = nurture(one(), now + timedelta(minutes=5))
    reply(lead, now + timedelta(days=7), text="Stop")
    assert (lead.stage, lead.next_step, lead.hold_reason_id) == ("held", "none", "consent_needed")


def test_who_writes_back_after_withdrawing_everything_is_put_before_a_person(one, now) -> None:
    lead = nurture(one(), now + timedelta(minutes=5))
    reply(lead, now + timedelta(days=7), text="Stop")
    reply(lead, now + timedelta(days=9), text="I thought about it, please call me about the visit")
    assert (lead.cycle, lead.decision, lead.team) == (2, "review", "intake")


def test_a_reply_of_who_waits_for_a_slot_is_answered_and_the_wait_goes_on_after_the_call(one, now) -> None:
    lead = one(service="bh")
    reply(lead, now + timedelta(days=1))
    assert (lead.cycle, lead.next_step) == (2, "callback")
    spoken = now + timedelta(days=1, hours=2)
    calls.record_call(lead.pk, CallReport("needs_to_think"), at=spoken)
    assert walk(lead, spoken).hold_reason_id == "no_capacity"


def test_a_reply_in_the_documents_step_is_its_teams_and_changes_nothing(one, now) -> None:
    lead = one(service="pt")
    asked = CallReport("waiting_on_documents", outcome="documents_requested", follow_up_on=date(2026, 12, 3))
    calls.record_call(lead.pk, asked, at=now + timedelta(minutes=5))
    walk(lead, now + timedelta(minutes=5))
    reply(lead, now + timedelta(days=1))
    assert (lead.cycle, lead.next_step, lead.team) == (1, "documents", "documents")
    assert Qualification.objects.get(lead=lead, closed_at=None).decided_at is not None


def test_no_slot_until_the_dates_are_over_then_a_call_offers_what_there_is(one, now) -> None:
    lead = one(service="bh", timing="now")
    assert (lead.hold_reason_id, lead.window_closes_on) == ("no_capacity", date(2026, 12, 4))
    over = datetime(2026, 12, 5, tzinfo=AUSTIN)
    assert armed(lead)["date_reached"] == over
    assert walk(lead, over - timedelta(minutes=1)).cycle == 1
    walk(lead, over)
    assert (lead.cycle, lead.timing, lead.window_closes_on) == (2, None, None)
    assert (lead.decision, lead.next_step, bool(lead.team)) == ("forward", "callback", True)


def test_dates_that_are_not_over_stay_when_a_slot_opens(one, now) -> None:
    lead = one(service="bh")
    events.set_availability("bh", "aus", now.date() + timedelta(days=5), 1, at=now)
    lead = Lead.objects.get(cycle=2)
    assert lead.timing_id == "two_weeks"


def test_whoever_was_lost_comes_back_by_a_new_service_place_or_date(crowd, now) -> None:
    leads = crowd()
    reasons = ["price", "unreachable", "no_permission", "no_authority", "no_project"]
    news = [{"service": "derm"}, {"zip": "78664"}, {"timing": "month"}, {"timing": "now"}, {"zip": "78701"}]
    later = now + timedelta(minutes=5)
    for lead, reason in zip(leads, reasons, strict=True):
        calls.record_call(lead.pk, CallReport("price", outcome="disqualified", reason=reason), at=later)
    journey.advance_due(at=later)
    assert set(Lead.objects.values_list("stage", flat=True)) == {"stopped"}
    for lead, told in zip(leads, news, strict=True):
        events.record_preference(lead.pk, told, at=now + timedelta(days=30))
    assert cycles(leads) == [2] * 5


@pytest.mark.parametrize("kind", ["new_service_request", "new_location", "appointment_window_changed"])
def test_the_three_stated_triggers_re_open_whoever_was_lost_or_denied_and_wake_whoever_waits(catalogue, kind) -> None:
    lost = StopReason.objects.filter(reporting_class__in=["lost", "denied"])
    for reasons in (lost, HoldReason.objects.all()):
        assert reasons.count() == reasons.filter(default_triggers=kind).count() > 0


def hold(lead: Lead, reason: str, at: datetime, until: date | None = None) -> Lead:
    """A person decides, without a call, that the lead waits."""
    by = User.objects.get(username="qualification1")
    reviews.decide_by_hand(lead.pk, Outcome.HOLD, text="Waits.", by=by, at=at, reason=reason, until=until)
    return walk(lead, at)


@pytest.mark.parametrize("reason", ["timing_later", "awaiting_family", "no_capacity", "awaiting_agreement"])
def test_a_wait_that_a_person_decided_outlasts_facts_that_are_no_trigger_of_it(one, now, reason) -> None:
    lead = hold(one(), reason, now, date(2027, 1, 11))
    events.record_preference(lead.pk, {"preferred_clinic": "rrk"}, at=now + timedelta(days=1))
    walk(lead, now + timedelta(days=1))
    cycle = Qualification.objects.get(lead=lead, closed_at=None)
    assert (lead.stage, lead.hold_reason_id, lead.cycle, cycle.decided_at) == ("held", reason, 1, now)
    assert walk(lead, datetime(2027, 1, 11, tzinfo=AUSTIN)).cycle == 2


def test_an_answer_to_the_checklist_leaves_a_wait_as_it_was_decided(one, now) -> None:
    lead, by = hold(one(), "awaiting_family", now), User.objects.get(username="qualification1")
    checklist.answer_question(lead.pk, "age_eligible", 44, by=by, at=now + timedelta(hours=1))
    walk(lead, now + timedelta(hours=1))
    assert (lead.stage, lead.hold_reason_id, lead.cycle) == ("held", "awaiting_family", 1)


@pytest.mark.parametrize("reason", ["clinical_review", "no_capacity", "awaiting_agreement", "awaiting_eligibility"])
def test_a_repeat_form_lifts_no_wait_that_it_is_no_trigger_of(one, submit, now, reason) -> None:
    lead = hold(one(), reason, now)
    assert submit(question="Any news?") == lead
    walk(lead, now + timedelta(hours=1))
    assert (lead.stage, lead.hold_reason_id, lead.cycle) == ("held", reason, 1)


def test_a_new_service_wakes_who_waits_for_a_clinical_review(one, now) -> None:
    lead = hold(one(), "clinical_review", now)
    events.record_preference(lead.pk, {"service": "pt"}, at=now + timedelta(days=1))
    assert walk(lead, now + timedelta(days=1)).cycle == 2


def test_a_date_given_with_a_stop_re_opens_it(one, now) -> None:
    lead = one()
    report = CallReport("price", outcome="disqualified", reason="no_budget", follow_up_on=date(2027, 3, 1))
    calls.record_call(lead.pk, report, at=now + timedelta(minutes=5))
    walk(lead, now + timedelta(minutes=5))
    due = datetime(2027, 3, 1, tzinfo=AUSTIN)
    assert {kind: at for kind, at in armed(lead).items() if at} == {"date_reached": due, "decision_date": due}
    assert walk(lead, due - timedelta(minutes=1)).stage == "stopped"
    walk(lead, due)
    assert (lead.cycle, lead.decision) == (2, "forward")


def test_the_date_of_an_earlier_hold_does_not_re_open_a_stop(one, now) -> None:
    lead = one(timing="later")
    assert "date_reached" in armed(lead)
    calls.record_call(lead.pk, CallReport("not_interested"), at=now + timedelta(minutes=5))
    walk(lead, now + timedelta(minutes=5))
    assert "date_reached" not in armed(lead)
    assert walk(lead, now + timedelta(days=100)).stage == "stopped"


QUOTE = {
    "source": "facility",
    "lead_type": "b2b",
    "service": "screening",
    "organisation": "Test Works",
    "request": "quote",
    "timing": "next_quarter",
    "contact_role": "decision_maker",
}


def test_a_blocked_agreement_is_reviewed_by_a_person_who_may_stop_it_until_it_is_signed(one, now) -> None:
    """[R33, 2.12]"""
    lead, by = one(**QUOTE, agreement="blocked"), User.objects.get(username="qualification1")
    assert (lead.decision, lead.decision_path_check, lead.stage) == ("review", "fail", "working")
    reason = "compliance_blocked"
    reviews.decide_by_hand(lead.pk, Outcome.DISQUALIFIED, text="Their counsel says no.", by=by, at=now, reason=reason)
    lead = walk(lead, now)
    assert (lead.stage, lead.stop_reason_id, lead.stop_reason.reporting_class) == ("stopped", reason, "lost")
    at = now + timedelta(days=9)
    events.record_document(lead.pk, "collaboration_agreement", at=at)
    lead = walk(lead, at)
    assert (lead.cycle, lead.agreement, lead.decision, lead.next_step) == (2, "signed", "forward", "discovery")


def test_which_provider_was_chosen_instead_is_kept_with_the_call(one, now) -> None:
    """[2.12]"""
    report = CallReport("chose_other_provider", facts={"other_provider": "Test Clinic of the East"})
    call = calls.record_call(one().pk, report, at=now)
    assert call.facts["other_provider"] == "Test Clinic of the East"
    call.lead.refresh_from_db()
    assert call.lead.stop_reason_id == "chose_other_provider"


@pytest.mark.parametrize(
    ("reason", "code", "answer", "cause"),
    [
        ("awaiting_agreement", "agreement", "signed", "document_received"),
        ("awaiting_approval", "budget", "approved", "budget_approved"),
        ("awaiting_approval", "approver", "Pat Test", "decider_named"),
        ("no_budget", "budget", "approved", "budget_approved"),
        ("no_authority", "contact_role", "decision_maker", "decider_named"),
    ],
)
def test_what_was_waited_for_wakes_the_lead_by_an_answer(one, now, reason, code, answer, cause) -> None:
    """[2.14] The other answer that is no news of it wakes nobody."""
    lead, by = one(**{**QUOTE, "contact_role": "influencer"}), User.objects.get(username="qualification1")
    outcome = Outcome.HOLD if HoldReason.objects.filter(pk=reason).exists() else Outcome.DISQUALIFIED
    reviews.decide_by_hand(lead.pk, outcome, text="Waits for it.", by=by, at=now, reason=reason)
    lead = walk(lead, now)
    later = now + timedelta(days=2)
    checklist.answer_question(lead.pk, "clinic_size", 40, by=by, at=later)
    assert walk(lead, later).cycle == 1
    checklist.answer_question(lead.pk, code, answer, by=by, at=later)
    lead = walk(lead, later)
    assert (lead.cycle, lead.stage, lead.next_step) == (2, "forwarded", "discovery")
    assert getattr(lead, code) == answer
    fired = Trigger.objects.get(lead=lead, fired_at__isnull=False)
    assert (fired.kind_id, fired.fired_at) == (cause, later)


@pytest.mark.parametrize(("name", "cycle"), [("Kim Rao", 2), ("Pat Tester", 1)])
def test_another_decider_in_the_place_of_one_wakes_the_lead_and_a_mended_name_does_not(one, now, name, cycle) -> None:
    """[2.14]"""
    lead, by = one(**{**QUOTE, "contact_role": "influencer"}), User.objects.get(username="qualification1")
    row = people.note_person(lead.pk, Person("Pat Test", ["decision_maker"]), at=now)
    reason = "not_interested"
    reviews.decide_by_hand(lead.pk, Outcome.DISQUALIFIED, text="Their board said no.", by=by, at=now, reason=reason)
    assert walk(lead, now).stage == "stopped"
    later = now + timedelta(days=2)
    people.note_person(lead.pk, Person(name, ["decision_maker"]), at=later, instead_of=row.pk)
    assert walk(lead, later).cycle == cycle
    fired = Trigger.objects.filter(lead=lead, fired_at=later).values_list("kind", flat=True)
    assert list(fired) == ["decider_named"] * (cycle - 1)


def put_aside(lead: Lead, reason: str, at: datetime) -> Lead:
    """Let a person hold or stop the lead for this reason."""
    outcome = Outcome.HOLD if HoldReason.objects.filter(pk=reason).exists() else Outcome.DISQUALIFIED
    by = User.objects.get(username="qualification1")
    reviews.decide_by_hand(lead.pk, outcome, text="Cannot come as it is.", by=by, at=at, reason=reason)
    return walk(lead, at)


@pytest.mark.parametrize("reason", ["awaiting_authorization", "other_level_of_care", "outside_area"])
@pytest.mark.parametrize("way", ["partner", "letter"])
def test_a_new_referral_wakes_the_lead(one, now, reason, way) -> None:
    """[2.14] By a partner who sends the person again, or by the letter itself."""
    lead = put_aside(one(), reason, now)
    later = now + timedelta(days=2)
    events.record_document(lead.pk, "insurance_card", at=later)
    send_inquiry(key="again", at=later)
    assert walk(lead, later).cycle == 1
    if way == "partner":
        assert send_inquiry("partner", key="referred", at=later) == lead
    else:
        events.record_document(lead.pk, "referral_letter", at=later)
    assert walk(lead, later).cycle == 2
    assert Trigger.objects.get(lead=lead, fired_at__isnull=False).kind_id == "new_referral"


def test_a_letter_that_a_repeat_inquiry_tells_of_wakes_who_waits_for_it(one, now) -> None:
    lead = put_aside(one(documents=["insurance_card"]), "awaiting_referral", now)
    later = now + timedelta(days=2)
    send_inquiry(key="second", documents=["insurance_card"], at=later)
    assert walk(lead, later).cycle == 1
    send_inquiry(key="third", documents=["insurance_card", "referral_letter"], at=later)
    assert walk(lead, later).cycle == 2
    assert Trigger.objects.get(lead=lead, fired_at__isnull=False).kind_id == "document_received"
