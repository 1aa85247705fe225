"""What wakes a lead: each trigger fires once, says what fired it and what went stale; a million wake in batches."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from leads import requalification
from leads.models import Answer, Lead, Offering, OfferingPayer, Opening, Qualification, Trigger
from leads.services import calls, catalogue, checklist, events
from leads.services.calls import CallReport
from medcrm import journey

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


def test_a_payer_newly_accepted_re_opens_who_was_stopped_for_it(crowd, now) -> None:
    leads = crowd(service="derm", payer="medicaid", timing="month")
    assert set(Lead.objects.values_list("stop_reason", flat=True)) == {"payer_not_accepted"}
    later = now + timedelta(days=1)
    catalogue.accept_payer(Offering.objects.get(service="derm", clinic="aus").pk, "medicaid", at=later)
    batches = [requalification.fire_openings(at=later, limit=2) for _ in range(4)]
    assert batches == [2, 2, 1, 0]
    opening = Opening.objects.get()
    assert (opening.woken, opening.done_at) == (5, later)
    journey.advance_due(at=later)
    assert cycles(leads) == [2] * 5
    assert set(Lead.objects.values_list("fit_check", flat=True)) == {"pass"}


def test_who_still_cannot_be_served_wakes_once_only(crowd, now) -> None:
    leads = crowd(service="derm", payer="medicaid", timing="month", age=45)
    later = now + timedelta(days=1)
    offering = Offering.objects.get(service="derm", clinic="aus")
    catalogue.accept_payer(offering.pk, "medicaid", at=later)
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
    catalogue.take_new_patients(offering.pk, takes=True, at=later)
    catalogue.take_new_patients(offering.pk, takes=True, at=later)
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


def test_slots_of_the_past_wake_nobody(crowd, now) -> None:
    leads = crowd(service="bh")
    events.set_availability("bh", "aus", now.date() - timedelta(days=1), 2, at=now)
    assert cycles(leads) == [1] * 5
