from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from consent import ledger
from leads import contact, requalification
from leads.models import Lead, Qualification, Source
from leads.services import calls, events
from leads.services.calls import CallReport
from leads.vocabulary import InteractionKind
from medcrm.lib.errors import RuleError
from nurture import enrollment
from nurture.calls import lapse_late, open_tasks
from nurture.lifecycle import EnrollmentState
from nurture.models import CallTask, Enrollment, Step
from tests.nurture.factories import make_sequence, speak, stop, walk


def test_guide_download_enters_first_visit_and_second_run_writes_nothing(guide, now) -> None:
    lead = guide()
    report = walk([lead.pk], at=now)
    assert report.entered == (lead.pk,)
    row = Enrollment.objects.active().get(lead=lead)
    assert (row.sequence.code, row.step.position, row.next_due_at) == ("first_visit", 1, now)
    with CaptureQueriesContext(connection) as queries:
        assert enrollment.plan([lead.pk], at=now) == enrollment.PlanReport()
    assert not [q for q in queries.captured_queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


def test_forwarded_lead_is_in_no_sequence(sequences, submit: Callable[..., Lead], now) -> None:
    walk([submit().pk], at=now)
    assert not Enrollment.objects.exists()


def test_answering_when_and_asking_for_a_visit_ends_the_sequence(enrolled: Enrollment, now) -> None:
    later = now + timedelta(days=3)
    events.record_preference(enrolled.lead_id, {"timing": "two_weeks", "request": "appointment"}, at=later)
    walk([enrolled.lead_id], at=later)
    enrolled.refresh_from_db()
    assert (enrolled.state, enrolled.exit_code) == (EnrollmentState.EXITED, "no_longer_matches")
    assert enrolled.ended_at == later


def test_missing_documents_are_collected_and_their_arrival_ends_it(sequences, submit, now) -> None:
    lead = submit(service="cardio")
    walk([lead.pk], at=now)
    assert Enrollment.objects.active().get(lead=lead).sequence.code == "documents"
    for document in ("referral_letter", "medical_history"):
        events.record_document(lead.pk, document, at=now)
    walk([lead.pk], at=now)
    assert not Enrollment.objects.active().filter(lead=lead).exists()


def test_a_reply_ends_the_sequence_and_pauses_the_next(enrolled: Enrollment, now) -> None:
    later = now + timedelta(days=1)
    events.record_activity(enrolled.lead_id, InteractionKind.EMAIL_REPLY, at=later, text="Thanks, still thinking.")
    walk([enrolled.lead_id], at=later)
    enrolled.refresh_from_db()
    assert enrolled.exit_code == "replied"
    assert not Enrollment.objects.active().exists()
    lead = Lead.objects.get()
    assert (lead.decision, lead.next_step) == ("forward", "callback")  # a person answers
    speak(lead, at=later + timedelta(hours=2))
    walk([lead.pk], at=later + timedelta(hours=2))
    assert enrollment.revisit(at=later + timedelta(days=13)) == 0
    much_later = later + timedelta(days=15)
    assert enrollment.revisit(at=much_later) == 1
    walk([enrolled.lead_id], at=much_later)
    assert Enrollment.objects.active().get().sequence.code == "education"


def test_a_decision_ends_the_conversation_and_its_sequence_begins_at_once(enrolled: Enrollment, now) -> None:
    later = now + timedelta(days=1)
    events.record_activity(enrolled.lead_id, InteractionKind.EMAIL_REPLY, at=later, text="Thanks, still thinking.")
    walk([enrolled.lead_id], at=later)
    spoken = later + timedelta(hours=2)
    calls.record_call(enrolled.lead_id, CallReport("added_to_nurture"), at=spoken)
    walk([enrolled.lead_id], at=spoken)
    active = Enrollment.objects.active().get()
    assert (active.started_at, active.sequence.code) == (spoken, "education")
    again = spoken + timedelta(days=1)
    events.record_activity(enrolled.lead_id, InteractionKind.SMS_REPLY, at=again, text="One more question")
    walk([enrolled.lead_id], at=again)
    assert not Enrollment.objects.active().exists()


def test_the_call_that_brought_a_lead_in_is_no_reply(guide, now) -> None:
    Source.objects.filter(pk="guide").update(kind="inbound_call")
    lead = guide()
    assert lead.interactions.get().kind == "inbound_call"
    walk([lead.pk], at=now)
    assert Enrollment.objects.active().get(lead=lead).sequence.code == "first_visit"


def test_who_answered_and_then_missed_the_visit_is_called_a_quarter_of_an_hour_later(enrolled, now) -> None:
    lead = enrolled.lead
    events.record_appointment(lead.pk, service="ortho", clinic="aus", on=now.date(), status="booked", at=now)
    events.record_activity(lead.pk, InteractionKind.SMS_REPLY, at=now, text="I will be there")
    walk([lead.pk], at=now)
    later = now + timedelta(hours=5)
    events.record_appointment(lead.pk, service="ortho", clinic="aus", on=now.date(), status="no_show", at=later)
    walk([lead.pk], at=later)
    active = Enrollment.objects.active().get(lead=lead)
    assert (active.sequence.code, active.next_due_at) == ("no_show", later + timedelta(minutes=15))


def test_a_visit_missed_in_an_earlier_cycle_starts_nothing_in_a_later_one(enrolled: Enrollment, now) -> None:
    lead = enrolled.lead
    events.record_appointment(lead.pk, service="ortho", clinic="aus", on=now.date(), status="booked", at=now)
    walk([lead.pk], at=now)
    missed = now + timedelta(hours=5)
    events.record_appointment(lead.pk, service="ortho", clinic="aus", on=now.date(), status="cancelled", at=missed)
    walk([lead.pk], at=missed)
    assert Enrollment.objects.active().get(lead=lead).sequence.code == "no_show"
    calls.record_call(lead.pk, CallReport("needs_to_think", outcome="hold", reason="timing_later"), at=missed)
    walk([lead.pk], at=missed)
    later = missed + timedelta(days=75)
    assert requalification.fire("date_reached", [lead.pk], cause="The date came.", at=later) == [lead.pk]
    walk([lead.pk], at=later)
    assert Lead.objects.get(pk=lead.pk).cycle == 3
    assert Enrollment.objects.filter(lead=lead, sequence__code="no_show").count() == 1


def test_the_qualification_says_how_the_outreach_plan_changed(enrolled: Enrollment, now) -> None:
    stop(enrolled.lead, "email", at=now)
    stop(enrolled.lead, "sms", at=now)
    walk([enrolled.lead_id], at=now)
    notes = Qualification.objects.get(closed_at=None).outreach
    assert [(note["did"], note["sequence"], note["code"]) for note in notes] == [
        ("entered", "First visit", ""),
        ("left", "First visit", "no_channel"),
    ]
    lead = Lead.objects.get()
    assert (lead.decision, lead.hold_reason_id) == ("hold", "consent_needed")  # nothing is planned for it any more
    assert notes[1]["why"] == "E-mail: EMAIL_UNSUBSCRIBED; Text message: REVOKED"
    walk([enrolled.lead_id], at=now)
    assert len(Qualification.objects.get(closed_at=None).outreach) == 2


def ask_to_call(row: Enrollment, now: datetime) -> CallTask:
    return CallTask.objects.create(
        enrollment=row, step=row.step, lead=row.lead, text="Ask.", opened_at=now, due_at=now + timedelta(days=1)
    )


def test_a_call_asked_for_lapses_when_calls_are_withdrawn(enrolled: Enrollment, now) -> None:
    task = ask_to_call(enrolled, now)
    ledger.record(enrolled.lead.phone_id, "internal_dnc", occurred_at=now, at=now)
    walk([enrolled.lead_id], at=now)
    task.refresh_from_db()
    assert (task.settled_at, task.is_done, task.lapsed_code) == (now, False, "INTERNAL_DNC")
    enrolled.refresh_from_db()
    assert enrolled.state == EnrollmentState.ACTIVE  # mail is open


@pytest.mark.parametrize("disposition", ["no_answer", "callback_requested", "not_interested"])
def test_a_call_asked_for_is_settled_by_any_call_even_one_that_ends_its_sequence(enrolled, now, disposition) -> None:
    task = ask_to_call(enrolled, now)
    spoken = now + timedelta(hours=1)
    lead = Lead.objects.select_related("source").get()
    attempt = contact.reserve_call(lead, at=spoken)
    callback = spoken + timedelta(days=1) if disposition == "callback_requested" else None
    calls.record_call(
        lead.pk, CallReport(disposition, reason="not_interested", callback_at=callback), at=spoken, attempt=attempt
    )
    walk([lead.pk], at=spoken)
    task.refresh_from_db()
    assert (task.settled_at, task.is_done, task.lapsed_code) == (spoken, True, "")
    enrolled.refresh_from_db()
    assert (enrolled.state == EnrollmentState.EXITED) == (disposition == "not_interested")


def test_a_call_before_it_was_asked_for_settles_nothing_and_its_time_runs_out(enrolled: Enrollment, now) -> None:
    speak(enrolled.lead, at=now - timedelta(minutes=5))
    task = ask_to_call(enrolled, now)
    walk([enrolled.lead_id], at=now)
    assert list(open_tasks(at=task.due_at)) == [task]
    later = task.due_at + timedelta(seconds=5)
    assert not open_tasks(at=later).exists()
    assert lapse_late(at=later) == 1
    task.refresh_from_db()
    assert (task.settled_at, task.is_done, task.lapsed_code) == (later, False, "TOO_LATE")


def test_a_call_asked_for_stays_when_only_texts_are_withdrawn(enrolled: Enrollment, now) -> None:
    task = ask_to_call(enrolled, now)
    events.record_preference(enrolled.lead_id, {"channels": ["voice", "email"]}, at=now)
    walk([enrolled.lead_id], at=now)
    task.refresh_from_db()
    assert task.settled_at is None


def test_words_that_withdraw_bring_nobody_to_the_telephone(enrolled: Enrollment, now) -> None:
    events.record_activity(enrolled.lead_id, InteractionKind.SMS_REPLY, at=now, text="STOP")
    walk([enrolled.lead_id], at=now)
    assert Lead.objects.get().decision == "hold"


def test_a_stop_by_mail_speaks_for_mailbox_and_number(enrolled: Enrollment, now) -> None:
    events.record_activity(enrolled.lead_id, InteractionKind.EMAIL_REPLY, at=now, text="Please stop")
    lead = Lead.objects.select_related("source").get()
    assert not contact.may_contact(lead, "email", at=now)
    assert not contact.may_contact(lead, "sms", at=now)


def test_a_booking_ends_the_sequence(enrolled: Enrollment, now) -> None:
    on = (now + timedelta(days=5)).date()
    events.record_appointment(enrolled.lead_id, service="ortho", clinic="aus", on=on, status="booked", at=now)
    enrollment.plan([enrolled.lead_id], at=now)
    enrolled.refresh_from_db()
    assert enrolled.exit_code == "booked"


def test_opt_out_that_leaves_no_channel_ends_it_and_the_reason_is_kept(guide, now) -> None:
    lead = guide(email="", consent=["sms"])
    walk([lead.pk], at=now)
    row = Enrollment.objects.active().get(lead=lead)
    stop(lead, "sms", at=now + timedelta(days=2))
    walk([lead.pk], at=now + timedelta(days=2))
    row.refresh_from_db()
    assert row.exit_code == "no_channel"
    assert row.exit_note == "E-mail: NO_ADDRESS; Text message: REVOKED"
    assert Enrollment.objects.active().count() == 0
    before = list(Enrollment.objects.order_by("pk").values())
    walk([lead.pk], at=now + timedelta(days=3))
    assert list(Enrollment.objects.order_by("pk").values()) == before


def test_opt_out_of_one_channel_keeps_the_others(enrolled: Enrollment, now) -> None:
    stop(enrolled.lead, "sms", at=now)
    walk([enrolled.lead_id], at=now)
    enrolled.refresh_from_db()
    assert enrolled.state == EnrollmentState.ACTIVE


def test_lead_that_may_not_be_contacted_is_refused_with_the_reason_once(guide, now) -> None:
    lead = guide(email="", consent=[])
    for _ in range(2):
        walk([lead.pk], at=now)
    refusals = list(Enrollment.objects.filter(lead=lead).values_list("sequence__code", "state", "exit_code"))
    assert set(refusals) == {("first_visit", "refused", "no_channel"), ("education", "refused", "no_channel")}
    assert len(refusals) == 2


def test_closed_lead_leaves(enrolled: Enrollment, now) -> None:
    Lead.objects.filter(pk=enrolled.lead_id).update(stage="lost")
    enrollment.plan([enrolled.lead_id], at=now)
    enrolled.refresh_from_db()
    assert enrolled.exit_code == "closed"


def test_finished_sequence_is_not_entered_again_in_the_same_cycle_but_the_next_one_is(enrolled, now) -> None:
    Enrollment.objects.filter(pk=enrolled.pk).update(
        state="finished", step=None, next_due_at=None, claimed_at=None, ended_at=now
    )
    walk([enrolled.lead_id], at=now)
    assert Enrollment.objects.active().get().sequence.code == "education"
    Lead.objects.filter(pk=enrolled.lead_id).update(cycle=2)
    Enrollment.objects.active().update(state="finished", step=None, next_due_at=None, claimed_at=None, ended_at=now)
    enrollment.plan([enrolled.lead_id], at=now)
    assert Enrollment.objects.active().get().sequence.code == "first_visit"


def test_first_sequence_in_order_wins_and_a_lead_keeps_its_version(enrolled: Enrollment, now) -> None:
    old = enrolled.sequence
    type(old).objects.filter(pk=old.pk).update(status="retired")
    make_sequence("first_visit", "first_visit_welcome", version=2, criteria=old.criteria)
    assert enrollment.plan([enrolled.lead_id], at=now) == enrollment.PlanReport()
    enrolled.refresh_from_db()
    assert enrolled.sequence_id == old.pk


def test_a_person_takes_a_lead_out_and_it_stays_out(enrolled: Enrollment, now, django_user_model) -> None:
    by = django_user_model.objects.create_user("nurture1")
    enrollment.leave(enrolled.pk, at=now, by=by, note="Asked on the phone.")
    walk([enrolled.lead_id], at=now)
    assert Enrollment.objects.active().get().sequence.code == "education"
    enrolled.refresh_from_db()
    assert (enrolled.exit_code, enrolled.by, enrolled.exit_note) == ("removed", by, "Asked on the phone.")
    with pytest.raises(RuleError) as refusal:
        enrollment.leave(enrolled.pk, at=now, by=by)
    assert refusal.value.code == "ENROLLMENT_ENDED"


def test_two_active_enrollments_of_a_lead_are_refused_by_the_database(enrolled: Enrollment, now) -> None:
    other = make_sequence("other", "education_1")
    with pytest.raises(IntegrityError, match="one_active_enrollment_per_lead"), transaction.atomic():
        Enrollment.objects.create(
            lead=enrolled.lead,
            sequence=other,
            cycle=1,
            step=other.steps.first(),
            next_due_at=now,
            started_at=now,
        )


def test_published_steps_are_frozen_in_the_database(enrolled: Enrollment) -> None:
    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        Step.objects.filter(pk=enrolled.step_id).update(delay=timedelta(days=9))


def test_plan_takes_the_same_number_of_queries_for_one_and_for_twenty(guide, now: datetime) -> None:
    ids = [guide(number).pk for number in range(1, 22)]
    for lead in ids:
        walk([lead], at=now)
    Enrollment.objects.all().delete()
    counts = []
    for group in (ids[:1], ids[1:]):
        with CaptureQueriesContext(connection) as queries:
            assert len(enrollment.plan(group, at=now).entered) == len(group)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 19  # the last one: calls asked for whose numbers were withdrawn


def test_the_last_day_of_a_sequence_ends_where_the_lead_is(enrolled: Enrollment, now) -> None:
    type(enrolled.sequence).objects.filter(pk=enrolled.sequence_id).update(ends_on=date(2026, 12, 5))
    Lead.objects.filter(pk=enrolled.lead_id).update(timezone="America/Chicago")
    for at, state in (("2026-12-06T01:30:00Z", "active"), ("2026-12-06T06:00:00Z", "exited")):
        enrollment.plan([enrolled.lead_id], at=datetime.fromisoformat(at))
        enrolled.refresh_from_db()
        assert enrolled.state == state
    assert enrolled.exit_code == "ended"
