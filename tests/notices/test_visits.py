"""Who has a visit booked hears so at once; what changes is told, what cannot go keeps its reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent import ledger, stopping
from consent.models import Attempt, Seller
from leads import contact, criteria
from leads.models import Appointment, Clinic, Incident, Interaction, Lead, Milestone
from leads.services import appointments, calls, events, forgetting, incidents, merging
from leads.services.calls import CallReport
from medcrm import journey
from nurture import dispatch, notices, rendering, trial, visits
from nurture.channels import Parcel, Receipt
from nurture.channels.sandbox import Sandbox
from nurture.models import Enrollment, FrequencyCap, Message, VisitNotice, VisitReminder, Wording
from tests.notices.told import (
    AUSTIN,
    BEGINS,
    DAY,
    HOUR,
    MINUTE,
    MORNING,
    NIGHT,
    ON,
    codes,
    planned,
    run,
    slot,
    templates,
    told,
)


def test_who_has_a_visit_booked_hears_when_and_where_at_once(book, now: datetime) -> None:
    row = book()
    message = Message.objects.get()
    assert (message.state, message.step.template_id) == ("delivered", "visit_booked_email")
    attempt = message.attempt
    assert (attempt.purpose, attempt.state, attempt.automation) == ("informational", "sent", visits.AUTOMATION)
    assert attempt.address_id == row.lead.email_id
    assert "Thursday, Dec 10, 2026, 9:30 AM CST" in message.body
    assert "Austin Central, 100 Congress Ave, Austin, TX" in message.body
    assert "call 512-555-0110" in message.body and "answer this e-mail" in message.body
    assert "rthop" not in message.subject + message.body  # nothing of what it is for [H20]
    entry = Interaction.objects.get(attempt=attempt)
    assert (entry.kind, entry.direction, entry.by) == ("system", "outbound", None)
    assert entry.facts == {"told_of_visit": "booked"}
    own = Enrollment.objects.get(visitnotice__isnull=False)
    assert (own.state, own.sequence.code) == ("finished", "visit_booked")


def test_a_second_walk_writes_nothing(book, now: datetime) -> None:
    row = book()
    before = told()
    assert before == [("booked", None, ""), ("reminder", 72, ""), ("reminder", 24, "")]
    journey.advance([row.lead_id], at=now)
    run(now + MINUTE)
    assert told() == before
    assert Message.objects.count() == 1


def test_it_is_no_act_of_a_person(book, now: datetime) -> None:
    row = book(preferred_channel="sms")
    run(BEGINS - 3 * DAY)
    assert len(templates()) == 2
    tried = [[{"fact": "unanswered_attempts", "op": "gte", "value": 1}]]
    assert criteria.holding(Lead.objects.all(), [tried], at=BEGINS - 3 * DAY) == {row.lead_id: [False]}
    assert list(Milestone.objects.values_list("attempts", "first_attempt_at")) == [(0, None)]


def test_while_no_time_was_agreed_it_is_the_whole_day(book) -> None:
    book(clock=None)
    body = Message.objects.get().body
    assert "Thursday, Dec 10, 2026\n" in body and "The clinic tells you at what time to come" in body
    noon = datetime(2026, 12, 10, 12, tzinfo=AUSTIN)
    assert planned() == {72: noon - 3 * DAY, 24: noon - DAY}


def test_the_time_is_that_on_the_wall_of_the_clinic(ask, scheduler, now: datetime) -> None:
    """A lead in Austin books in El Paso, an hour behind."""
    lead = ask()
    appointments.book(lead.pk, slot(clinic="elp"), by=scheduler, at=now, reason="They live there in winter.")
    run(now)
    assert "9:30 AM MST" in Message.objects.get().body
    assert planned()[24] == datetime(2026, 12, 9, 9, 30, tzinfo=ZoneInfo("America/Denver"))


@pytest.mark.parametrize(
    ("language", "said"),
    [("es", "jueves, 10 de diciembre de 2026, 09:30 CST"), ("fr", "Thursday, Dec 10, 2026, 9:30 AM CST")],
)
def test_it_speaks_the_language_of_the_lead_or_english(book, language: str, said: str) -> None:
    book(language=language, reason="They asked for it.")
    message = Message.objects.get()
    assert said in message.body
    assert (message.subject == "Su cita del 10 de diciembre de 2026") is (language == "es")


def test_on_the_day_the_clocks_change_the_wall_is_right(book) -> None:
    """At two in the night of March 14 it is three in Austin."""
    book(on=date(2027, 3, 14), clock=time(10), at=datetime(2027, 3, 10, 16, tzinfo=UTC), reason="Asked.")
    assert "Sunday, Mar 14, 2027, 10:00 AM CDT" in Message.objects.get().body
    assert planned()[24] == datetime(2027, 3, 13, 15, tzinfo=UTC)  # 24 hours: nine o'clock on a day of 23
    assert run(planned()[24]).delivered >= 1
    assert "10:00 AM CDT" in Message.objects.order_by("-pk")[0].body


def test_who_prefers_texts_gets_one_that_says_how_to_cancel_the_visit(book) -> None:
    book(preferred_channel="sms")
    message = Message.objects.get()
    assert message.step.template_id == "visit_booked_text"
    assert "To move or cancel the visit call 512-555-0110 or reply CHANGE. Reply STOP" in message.body  # [V12]
    assert rendering.segments(message.body) <= 2


def test_where_the_clinic_has_no_number_that_of_the_seller_is_told(book) -> None:
    Clinic.objects.update(phone="")
    book(preferred_channel="sms")
    assert "To move or cancel the visit reply CHANGE." in Message.objects.get().body
    Seller.objects.update(help_contact="512-555-0100")
    book(2, preferred_channel="sms")
    assert "cancel the visit call 512-555-0100 or reply CHANGE." in Message.objects.order_by("-pk")[0].body


def test_every_wording_fits_and_names_no_health(organisation) -> None:
    rows = Wording.objects.filter(template__code__startswith="visit_", status="published")
    assert rows.count() == 16
    assert [row.problems() for row in rows if row.problems()] == []
    assert not any("service" in rendering.names(row.body) | rendering.names(row.subject) for row in rows)
    for row in rows:
        assert trial.show(row).body  # of an invented visit
        if row.template.medium == "sms":
            assert rendering.segments(trial.show(row).body) <= 2


def test_words_of_a_visit_cannot_be_said_without_one(organisation, ask) -> None:
    with pytest.raises(rendering.NotRendered):
        rendering.render(
            "", "{{ visit_day }}", medium="sms", lead=ask(), recipient=rendering.Recipient(0, "", 0), language="en"
        )


def test_a_mail_brings_the_file_for_the_calendar_and_a_reminder_none(book, monkeypatch, now: datetime) -> None:
    parcels: list[Parcel] = []
    monkeypatch.setattr(Sandbox, "send", lambda self, parcel: parcels.append(parcel) or Receipt("sandbox", "", True))
    row = book()
    [booked] = parcels
    assert booked.attachment.name == "visit-2026-12-10-person.ics"
    assert str(row.calendar_uid).encode() in booked.attachment.content
    assert b"METHOD:PUBLISH" in booked.attachment.content and b"rthop" not in booked.attachment.content
    Lead.objects.update(preferred_channel="email")
    run(BEGINS - 3 * DAY)
    assert [parcel.attachment for parcel in parcels[1:]] == [None]


# Without permission, at night, too much


def test_without_permission_the_reason_is_kept_and_said(book) -> None:
    row = book(email="", consent=["voice"])
    assert not Message.objects.exists()
    assert codes() == [("skipped", "NO_ADDRESS"), ("skipped", "CONSENT_CHANNEL_MISMATCH")]
    notice = VisitNotice.objects.get(kind="booked")
    assert (notice.code, notice.due_at) == ("CONSENT_CHANNEL_MISMATCH", None)
    assert [a.code for a in Attempt.objects.filter(automation=visits.AUTOMATION)] == ["CONSENT_CHANNEL_MISMATCH"]
    entry = Interaction.objects.get(lead=row.lead, facts__not_told_of_visit="booked")
    assert (entry.kind, entry.attempt) == ("system", None)


def test_who_withdrew_meanwhile_is_not_reminded(book, now: datetime) -> None:
    row = book(email="")
    assert templates() == ["visit_booked_text"]
    ledger.record(row.lead.phone_id, "inbound", occurred_at=now, at=now, text="CANCEL", facts={"channel": "sms"})
    run(BEGINS - 3 * DAY)
    run(BEGINS - DAY)
    assert templates() == ["visit_booked_text"]
    assert told(kind="reminder") == [("reminder", 72, "REVOKED"), ("reminder", 24, "REVOKED")]
    assert Appointment.objects.get(pk=row.pk).status == "booked"  # CANCEL stops texts, not the visit [V12]


def test_at_night_a_mail_goes_out_and_a_text_alone_waits_for_the_morning(book) -> None:
    book(at=NIGHT)
    book(2, at=NIGHT, email="")
    assert templates() == ["visit_booked_email"]
    assert codes() == [("skipped", "NO_ADDRESS"), ("held", "QUIET_HOURS_POLICY")]
    assert run(MORNING - MINUTE).delivered == 0
    assert run(MORNING).delivered == 1
    assert templates() == ["visit_booked_email", "visit_booked_text"]


def test_a_reminder_that_falls_due_at_night_waits_for_the_morning(book) -> None:
    row = book(clock=time(7))
    due_at = datetime(2026, 12, 9, 7, tzinfo=AUSTIN)
    assert planned()[24] == due_at
    run(due_at - 2 * DAY + 12 * HOUR)
    assert run(due_at).held == 1
    assert planned() == {24: due_at + HOUR}
    assert run(due_at + HOUR).delivered == 1
    assert templates() == ["visit_booked_email", "visit_reminder_text", "visit_reminder_text"]
    assert Message.objects.filter(sent_at__gt=row.starts_at).count() == 0


def test_a_reminder_that_cannot_go_before_the_visit_is_skipped_and_never_sent(book, now: datetime) -> None:
    """Two hours before a visit at eight is night, and eight is too late."""
    VisitReminder.objects.exclude(hours_before=24).update(is_active=False)
    VisitReminder.objects.filter(hours_before=24).update(hours_before=2)
    row = book(clock=time(8))
    due_at = row.starts_at - 2 * HOUR
    assert planned() == {2: due_at}
    assert run(due_at).skipped == 1
    assert codes() == [("skipped", "OUTSIDE_WINDOW"), ("skipped", "OUTSIDE_WINDOW")]
    assert told(kind="reminder") == [("reminder", 2, "OUTSIDE_WINDOW")]
    run(row.starts_at + HOUR)
    assert templates() == ["visit_booked_email"]


def test_what_no_worker_sent_in_time_is_not_sent_after_it(book) -> None:
    row = book()
    assert run(row.starts_at + MINUTE).skipped == 2
    assert told(kind="reminder") == [("reminder", 72, "TOO_LATE"), ("reminder", 24, "TOO_LATE")]
    assert templates() == ["visit_booked_email"]


def test_a_limit_on_information_is_kept_and_one_on_marketing_does_not_count_it(book) -> None:
    FrequencyCap.objects.update(limit=0)
    book()
    assert templates() == ["visit_booked_email"]
    FrequencyCap.objects.create(name="Nothing", purpose="informational", days=1, limit=0)
    book(2)
    assert VisitNotice.objects.filter(kind="booked", code="FREQUENCY_LIMIT").count() == 1


def test_while_all_contact_is_stopped_it_stays_due(ask, scheduler, now: datetime) -> None:
    row = stopping.stop_contact(owner="Compliance", reason="Restored.")
    appointments.book(ask().pk, slot(), by=scheduler, at=now)
    assert run(now).delivered == 0
    assert planned()[None] == now
    row.value = False
    row.save()
    assert run(now + MINUTE).delivered == 1


def test_a_move_is_told_and_planned_anew(book, scheduler, now: datetime) -> None:
    old = book()
    later = now + DAY
    row = appointments.reschedule(old.pk, slot(ON + 7 * DAY, time(14)), by=scheduler, at=later, reason="asked")
    run(later)
    assert told(appointment=old, kind="reminder") == [("reminder", 72, "VISIT_MOVED"), ("reminder", 24, "VISIT_MOVED")]
    assert told(appointment=row) == [("moved", None, ""), ("reminder", 72, ""), ("reminder", 24, "")]
    assert templates() == ["visit_booked_email", "visit_moved_email"]
    assert "Dec 17, 2026, 2:00 PM CST" in Message.objects.order_by("-pk")[0].body
    run(BEGINS - DAY)
    assert "visit_reminder_text" not in templates()


def test_another_time_of_the_same_day_is_told_as_a_move(book, now: datetime) -> None:
    """As a scheduling system says it: the row stays."""
    row = book()
    at, new = now + DAY, BEGINS + 4 * HOUR
    events.record_appointment(row.lead_id, service="ortho", clinic="aus", on=ON, status="booked", starts_at=new, at=at)
    run(at)
    assert templates() == ["visit_booked_email", "visit_moved_email"]
    assert planned() == {72: new - 3 * DAY, 24: new - DAY}
    assert [code for _kind, _hours, code in told()].count("VISIT_MOVED") == 2
    events.record_appointment(row.lead_id, service="ortho", clinic="aus", on=ON, status="confirmed", at=at + HOUR)
    run(at + HOUR)
    assert len(templates()) == 2  # a confirmation by the clinic is no news


def test_a_cancellation_ends_the_reminders_and_is_told(book, scheduler, now: datetime) -> None:
    row = book()
    at = now + DAY
    appointments.settle_appointment(row.pk, "cancelled", by=scheduler, at=at, note="The doctor is away.")
    run(at)
    assert told() == [
        ("booked", None, ""),
        ("reminder", 72, "VISIT_CANCELLED"),
        ("reminder", 24, "VISIT_CANCELLED"),
        ("cancelled", None, ""),
    ]
    assert templates()[:2] == ["visit_booked_email", "visit_cancelled_email"]
    assert "doctor" not in Message.objects.get(step__template="visit_cancelled_email").body
    run(at + HOUR)
    assert templates().count("visit_cancelled_email") == 1


@pytest.mark.parametrize(("disposition", "is_told"), [("needs_to_think", False), ("no_answer", True)])
def test_who_cancelled_on_a_call_is_not_told_again(book, scheduler, now, disposition: str, is_told: bool) -> None:
    row = book()
    at = now + DAY
    lead = Lead.objects.select_related("source").get(pk=row.lead_id)
    attempt = contact.reserve_call(lead, at=at - 10 * MINUTE)
    calls.record_call(lead.pk, CallReport(disposition=disposition), attempt=attempt, at=at - 10 * MINUTE)
    appointments.settle_appointment(row.pk, "cancelled", by=scheduler, at=at)
    run(at)
    assert ("visit_cancelled_email" in templates()) is is_told
    assert told(kind="cancelled") == [("cancelled", None, "" if is_told else "ANSWERED")]


@pytest.mark.parametrize("status", ["attended", "no_show"])
def test_what_is_planned_of_a_visit_that_is_over_ends(book, scheduler, status: str) -> None:
    row = book(on=date(2026, 12, 2), clock=time(15))
    assert list(planned()) == [24]
    appointments.settle_appointment(row.pk, status, by=scheduler, at=row.starts_at)
    journey.advance_due(at=row.starts_at)
    assert told(kind="reminder")[-1] == ("reminder", 24, "VISIT_OVER")


def test_nothing_is_told_of_a_closed_lead_and_again_once_it_is_open(book, now: datetime) -> None:
    row = book()
    Lead.objects.filter(pk=row.lead_id).update(stage="lost")
    visits.plan([row.lead_id], at=now + HOUR)
    assert told(kind="reminder") == [("reminder", 72, "LEAD_CLOSED"), ("reminder", 24, "LEAD_CLOSED")]
    visits.plan([row.lead_id], at=now + HOUR)
    assert len(told()) == 3
    Lead.objects.filter(pk=row.lead_id).update(stage="forwarded")
    visits.plan([row.lead_id], at=now + 2 * HOUR)
    assert set(planned()) == {72, 24}


def test_a_lead_that_converted_is_reminded_of_its_next_visit(book, now: datetime) -> None:
    row = book()
    Lead.objects.filter(pk=row.lead_id).update(stage="converted")
    visits.plan([row.lead_id], at=now + HOUR)
    assert set(planned()) == {72, 24}


def test_nothing_is_told_of_a_forgotten_lead(book, now: datetime) -> None:
    row = book()
    forgetting.close_leads([row.lead_id], at=now + HOUR)
    journey.advance([row.lead_id], at=now + HOUR)
    assert planned() == {}
    assert {code for _kind, _hours, code in told(kind="reminder")} <= {"LEAD_CLOSED", "VISIT_CANCELLED"}


def test_words_of_an_emergency_end_what_is_planned_until_a_person_saw_to_it(book, scheduler, now: datetime) -> None:
    row = book()
    at = now + HOUR
    events.record_activity(row.lead_id, "sms_reply", at=at, text="I have chest pain")
    run(at)
    assert told(kind="reminder") == [("reminder", 72, "EMERGENCY_WAITS"), ("reminder", 24, "EMERGENCY_WAITS")]
    calls.record_call(row.lead_id, CallReport(disposition="needs_to_think"), attempt=None, at=at + HOUR)
    run(at + HOUR)
    assert set(planned()) == {72, 24}


def test_an_incident_ends_what_is_planned_until_it_is_reviewed(book, now: datetime, admin_user) -> None:
    row = book()
    call = Interaction.objects.create(lead=row.lead, kind="inbound_call", direction="inbound", at=now)
    incident = Incident.objects.create(lead=row.lead, call=call, opened_at=now)
    journey.advance([row.lead_id], at=now + HOUR)
    assert {code for _kind, _hours, code in told(kind="reminder")} == {"EMERGENCY_WAITS"}
    incidents.review(incident.pk, "All is well.", by=admin_user, at=now + 2 * HOUR)
    run(now + 2 * HOUR)
    assert set(planned()) == {72, 24}


def test_after_a_merge_the_lead_that_stays_is_told(book, ask, now: datetime) -> None:
    """Two booked leads of one person: the older one stays, with its own number and language."""
    stays = book(2, preferred_channel="sms").lead
    gone = book(1, preferred_clinic="")
    before = Message.objects.count()
    merging.merge(stays.pk, gone.lead_id, by=None, at=now + HOUR)
    run(now + HOUR)
    assert set(VisitNotice.objects.filter(due_at__isnull=False).values_list("lead", flat=True)) == {stays.pk}
    run(BEGINS - 3 * DAY)
    fresh = Message.objects.order_by("pk")[before:]
    assert {message.enrollment.lead_id for message in fresh} == {stays.pk}
    assert {message.attempt.address_id for message in fresh} == {stays.phone_id}


def test_a_visit_of_a_merged_lead_that_is_cancelled_ends_all_the_same(book, scheduler, now: datetime) -> None:
    stays, gone = book(2).lead, book(1)
    merging.merge(stays.pk, gone.lead_id, by=None, at=now + HOUR)
    run(now + HOUR)
    appointments.settle_appointment(gone.pk, "cancelled", by=scheduler, at=now + DAY)
    run(now + DAY)
    assert told(appointment=gone)[-1] == ("cancelled", None, "")
    assert VisitNotice.objects.get(kind="cancelled").lead_id == stays.pk
    assert not VisitNotice.objects.filter(appointment=gone, due_at__isnull=False).exists()


def test_a_lead_that_changed_since_the_claim_walks_the_road_first(book, now: datetime) -> None:
    row = book()
    due_at = BEGINS - DAY
    ids = visits.claim_due(at=due_at, limit=10)
    Lead.objects.filter(pk=row.lead_id).update(advance_due_at=due_at)
    assert notices.take(visits.Taking, ids, claimed_at=due_at, at=due_at) == ([], {})
    assert not VisitNotice.objects.filter(claimed_at__isnull=False).exists()
    assert set(planned()) == {72, 24}


def test_queries_are_as_many_for_one_lead_as_for_twenty(ask, scheduler, now: datetime) -> None:
    def cost(numbers: range) -> tuple[int, int, int]:
        ids = [ask(number).pk for number in numbers]
        for pk in ids:
            appointments.book(pk, slot(), by=scheduler, at=now)
        Lead.objects.update(advance_due_at=None)
        with CaptureQueriesContext(connection) as planning:
            assert visits.plan(ids, at=now) == sorted(ids)
        with CaptureQueriesContext(connection) as sending:
            assert dispatch.dispatch_due(at=now).delivered == len(ids)
        with CaptureQueriesContext(connection) as again:
            assert visits.plan(ids, at=now) == []
        VisitNotice.objects.update(due_at=None)
        return len(planning), len(sending), len(again)

    assert cost(range(1, 2)) == cost(range(2, 22))
