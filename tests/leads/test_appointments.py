"""A visit takes a slot, moves, is called off, kept or missed; each changes what the lead is owed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from leads import ical
from leads.admin.appointments import open_days
from leads.models import Appointment, Availability, Lead, Offering
from leads.services import appointments, calls, events
from leads.services.appointments import Booking, NoSlot
from leads.services.calls import CallReport
from medcrm import journey, roles
from medcrm.lib.errors import InvalidTransition, RuleError
from routing.models import Agent

pytestmark = pytest.mark.usefixtures("organisation")

ON = date(2026, 12, 3)  # the reference organisation has three orthopedic slots in Austin then


@pytest.fixture
def scheduler(organisation: None) -> object:
    roles.sync()
    user = get_user_model().objects.get(username="scheduling1")
    user.groups.add(roles.Group.objects.get(name="scheduler"))
    return user


@pytest.fixture
def lead(submit, organisation: None, now: datetime) -> Lead:
    lead = submit()
    journey.advance([lead.pk], at=now)
    lead.refresh_from_db()
    return lead


@pytest.fixture
def booking(organisation: None) -> Booking:
    return Booking(Offering.objects.get(service="ortho", clinic="aus").pk, ON, time(9, 30))


def slots(on: date = ON) -> int:
    return Availability.objects.get(offering__service="ortho", offering__clinic="aus", date=on).open_slots


def walk(lead: Lead, at: datetime) -> Lead:
    journey.advance([lead.pk], at=at)
    lead.refresh_from_db()
    return lead


def test_booking_takes_a_slot_pays_the_clock_and_is_the_outcome(lead, booking, scheduler, now):
    at = now + timedelta(minutes=20)
    row = appointments.book(lead.pk, booking, by=scheduler, at=at)
    assert slots() == 2
    assert row.starts_at == datetime(2026, 12, 3, 9, 30, tzinfo=ZoneInfo("America/Chicago"))
    walk(lead, at)
    assert (lead.next_action_due_at, lead.next_step) == (None, "appointment")
    assert lead.clocks.get(owed="booking").met_by == scheduler
    cycle = lead.qualifications.get(closed_at=None)
    assert (cycle.outcome, cycle.decided_by) == ("appointment_set", scheduler)
    entry = lead.interactions.filter(kind="appointment").get()
    assert (entry.facts["status"], entry.by) == ("booked", scheduler)


def test_last_slot_is_not_given_twice(submit, lead, booking, scheduler, now):
    Availability.objects.filter(offering=booking.offering_id, date=ON).update(open_slots=1)
    other = submit(phone="+15125550102", email="beta@example.org", last_name="Beta")
    walk(other, now)
    appointments.book(lead.pk, booking, by=scheduler, at=now)
    with pytest.raises(NoSlot):
        appointments.book(other.pk, booking, by=scheduler, at=now)
    assert slots() == 0


def test_what_took_the_last_slot_stays_booked_when_the_road_is_walked_again(lead, booking, scheduler, now):
    Availability.objects.exclude(offering=booking.offering_id, date=ON).delete()
    Availability.objects.update(open_slots=1)
    appointments.book(lead.pk, booking, by=scheduler, at=now)
    walk(lead, now + timedelta(hours=1))
    assert (lead.decision, lead.stage) == ("forward", "forwarded")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"stage": "stopped", "stop_reason_id": "not_interested", "decision": "stop"}, "LEAD_CLOSED"),
        ({"service_id": "derm"}, "OTHER_SERVICE"),
        ({"capacity_check": "fail"}, "REASON_MISSING"),
    ],
)
def test_what_may_not_be_booked_is_refused_and_takes_no_slot(lead, booking, scheduler, now, change, code):
    Lead.objects.filter(pk=lead.pk).update(**change)
    with pytest.raises(RuleError) as refusal:
        appointments.book(lead.pk, booking, by=scheduler, at=now)
    assert refusal.value.code == code
    assert slots() == 3


def test_second_visit_for_the_same_service_and_a_day_that_is_over_are_refused(lead, booking, scheduler, now):
    appointments.book(lead.pk, booking, by=scheduler, at=now)
    with pytest.raises(RuleError, match="booked already"):
        appointments.book(lead.pk, booking, by=scheduler, at=now)
    row = Appointment.objects.get()
    with pytest.raises(RuleError, match="over"):
        appointments.reschedule(row.pk, Booking(booking.offering_id, date(2026, 11, 30)), by=scheduler, at=now)


def test_against_a_failed_check_a_reason_is_kept_for_review(lead, booking, scheduler, now):
    Lead.objects.filter(pk=lead.pk).update(capacity_check="fail")
    appointments.book(lead.pk, booking, by=scheduler, at=now, reason="The clinic squeezed her in.")
    assert lead.qualifications.get(closed_at=None).override_reason == "The clinic squeezed her in."


@pytest.fixture
def far(organisation: None) -> Booking:
    return Booking(Offering.objects.get(service="ortho", clinic="elp").pk, ON)


def test_a_clinic_that_is_not_offered_is_booked_with_a_reason_that_is_kept_for_review(lead, far, scheduler, now):
    with pytest.raises(RuleError) as refusal:
        appointments.book(lead.pk, far, by=scheduler, at=now)
    assert (refusal.value.code, refusal.value.field) == ("NOT_OFFERED", "reason")
    appointments.book(lead.pk, far, by=scheduler, at=now, reason="Stays with her sister there.")
    assert lead.qualifications.get(closed_at=None).override_reason == "Stays with her sister there."


def test_a_clinic_without_the_payer_is_not_moved_to_without_a_reason(lead, booking, scheduler, now):
    row = appointments.book(lead.pk, booking, by=scheduler, at=now)
    near = Offering.objects.get(service="ortho", clinic="rrk")
    near.payer_terms.filter(payer="ppo").delete()
    with pytest.raises(RuleError) as refusal:
        appointments.reschedule(row.pk, Booking(near.pk, ON), by=scheduler, at=now)
    assert refusal.value.code == "NOT_OFFERED"
    assert Appointment.objects.live().get() == row
    moved = appointments.reschedule(row.pk, Booking(near.pk, ON), by=scheduler, at=now, reason="Pays herself there.")
    assert moved.clinic_id == "rrk"
    assert lead.qualifications.get(closed_at=None).override_reason == "Pays herself there."


def test_days_to_choose_from_are_what_is_offered_then_what_takes_a_reason(lead, now, django_assert_num_queries):
    near = Offering.objects.get(service="ortho", clinic="rrk")
    near.payer_terms.filter(payer="ppo").delete()
    Lead.objects.filter(pk=lead.pk).update(preferred_clinic=None)
    lead.refresh_from_db()
    clinics = dict(Offering.objects.filter(service="ortho").values_list("pk", "clinic"))
    with django_assert_num_queries(3):
        (_offered, ours), (_elsewhere, others) = open_days(lead, "ortho", first=None, at=now)
    assert [{clinics[int(key.partition(":")[0])] for key, _words in group} for group in (ours, others)] == [
        {"aus"},
        {"elp", "rrk"},
    ]
    assert [key.partition(":")[2] for key, _words in ours][:2] == ["2026-12-03", "2026-12-06"]


def test_the_next_day_after_the_wanted_dates_is_named_and_may_be_booked(submit, scheduler, now):
    lead = walk(submit(service="derm", timing="two_weeks"), now)
    [reason] = lead.qualifications.get().explanation["capacity"]
    assert (lead.hold_reason_id, reason["code"]) == ("no_capacity", "no_slot")
    assert reason["sentence"].endswith("The next one is on Dec 22, 2026.")
    [(_offered, days), *_elsewhere] = open_days(lead, "derm", first="aus", at=now)
    key = days[0][0]
    assert key.endswith(":2026-12-22")
    later = Booking(int(key.partition(":")[0]), date(2026, 12, 22))
    appointments.book(lead.pk, later, by=scheduler, at=now, reason="Comes on the first free day.")
    assert walk(lead, now).next_step == "appointment"


def test_no_later_day_is_named_where_none_is_open(submit, now):
    Availability.objects.filter(offering__service="derm").update(open_slots=0)
    lead = walk(submit(service="derm", timing="two_weeks"), now)
    [reason] = lead.qualifications.get().explanation["capacity"]
    assert (reason["code"], "next" in reason["sentence"]) == ("no_slot", False)


@pytest.fixture
def therapy(submit, organisation: None, now: datetime) -> Lead:
    """All is here, but the payer's approval and the letter end before the later days."""
    lead = submit(service="pt", payer="hmo", documents=["referral_letter"])
    events.record_authorization(lead.pk, "pt", "approved", at=now, expires_on=date(2026, 12, 5))
    events.record_document(lead.pk, "referral_letter", at=now, expires_on=date(2026, 12, 8))
    return walk(lead, now)


def test_a_visit_after_the_approval_has_run_out_needs_a_reason_that_is_kept_for_review(therapy, scheduler, now):
    offering = Offering.objects.get(service="pt", clinic="aus").pk
    late = Booking(offering, date(2026, 12, 9))
    with pytest.raises(RuleError, match="Prior authorization: valid until Dec.5,.2026 only") as refusal:
        appointments.book(therapy.pk, late, by=scheduler, at=now)
    assert (refusal.value.code, refusal.value.field) == ("RUNS_OUT", "reason")
    row = appointments.book(therapy.pk, Booking(offering, date(2026, 12, 4)), by=scheduler, at=now)
    assert therapy.qualifications.get(closed_at=None).override_reason == ""
    with pytest.raises(RuleError, match="valid until"):
        appointments.reschedule(row.pk, late, by=scheduler, at=now)
    appointments.reschedule(row.pk, late, by=scheduler, at=now, reason="The payer renews it.")
    assert therapy.qualifications.get(closed_at=None).override_reason == "The payer renews it."


def test_moving_frees_the_old_slot_keeps_the_cycle_and_owes_nothing_new(lead, booking, scheduler, now):
    row = appointments.book(lead.pk, booking, by=scheduler, at=now)
    later = Booking(booking.offering_id, date(2026, 12, 6))
    moved = appointments.reschedule(row.pk, later, by=scheduler, at=now, reason="asked for it")
    row.refresh_from_db()
    assert (row.status, moved.status, moved.replaces) == ("rescheduled", "booked", row)
    assert (slots(), slots(later.on)) == (3, 3)
    assert (moved.calendar_uid, moved.revision) == (row.calendar_uid, row.revision + 1)
    walk(lead, now + timedelta(hours=1))
    assert (lead.cycle, lead.next_action_due_at) == (1, None)


def test_moving_to_another_time_of_a_full_day_keeps_its_own_slot(lead, booking, scheduler, now):
    Availability.objects.filter(offering=booking.offering_id, date=ON).update(open_slots=1)
    row = appointments.book(lead.pk, booking, by=scheduler, at=now)
    appointments.reschedule(row.pk, Booking(booking.offering_id, ON, time(14)), by=scheduler, at=now)
    assert slots() == 0
    assert Appointment.objects.live().get().starts_at.astimezone(ZoneInfo("America/Chicago")).hour == 14


def test_cancelling_frees_the_slot_opens_the_next_cycle_and_owes_a_booking(lead, booking, scheduler, now):
    row = appointments.book(lead.pk, booking, by=scheduler, at=now)
    walk(lead, now)
    appointments.settle_appointment(row.pk, "cancelled", by=scheduler, at=now + timedelta(hours=1), note="ill")
    assert slots() == 3
    walk(lead, now + timedelta(hours=1))
    assert lead.cycle == 2
    assert lead.triggers.filter(kind="appointment_cancelled", fired_at__isnull=False).exists()
    assert lead.clocks.open().get().owed == "booking"


def test_slot_that_a_cancellation_frees_wakes_who_waits_for_one(submit, lead, booking, scheduler, now):
    Availability.objects.exclude(offering=booking.offering_id, date=ON).delete()
    Availability.objects.update(open_slots=1)
    row = appointments.book(lead.pk, booking, by=scheduler, at=now)
    waiting = walk(submit(phone="+15125550102", email="beta@example.org", last_name="Beta"), now)
    assert waiting.hold_reason_id == "no_capacity"
    appointments.settle_appointment(row.pk, "cancelled", by=scheduler, at=now + timedelta(hours=1))
    walk(waiting, now + timedelta(hours=1))
    assert (waiting.cycle, waiting.decision) == (2, "forward")


@pytest.mark.parametrize(("status", "stage", "cycle"), [("attended", "converted", 1), ("no_show", "forwarded", 2)])
def test_how_a_visit_went_is_told_on_its_day_only_and_moves_the_lead(
    lead, booking, scheduler, now, status, stage, cycle
):
    row = appointments.book(lead.pk, booking, by=scheduler, at=now)
    with pytest.raises(RuleError, match="how it went"):
        appointments.settle_appointment(row.pk, status, by=scheduler, at=now)
    after = now + timedelta(days=2)
    appointments.settle_appointment(row.pk, status, by=scheduler, at=after)
    walk(lead, after)
    assert (lead.stage, lead.cycle) == (stage, cycle)
    assert slots() == 2
    with pytest.raises(InvalidTransition):
        appointments.settle_appointment(row.pk, "cancelled", by=scheduler, at=after)


def test_what_a_scheduling_system_books_takes_no_slot_of_ours(lead, scheduler, now):
    booking = {"service": "ortho", "clinic": "aus", "on": ON}
    events.record_appointment(lead.pk, status="booked", at=now, **booking)
    events.record_appointment(lead.pk, status="cancelled", at=now, **booking)
    assert slots() == 3


def test_call_that_books_afterwards_agrees_with_the_visit(lead, booking, scheduler, now):
    appointments.book(lead.pk, booking, by=scheduler, at=now)
    calls.record_call(lead.pk, CallReport("appointment_set", outcome="appointment_set"), by=scheduler, at=now)
    assert walk(lead, now).next_action_due_at is None


def event_of(row: Appointment, reader: ical.Reader) -> tuple[Calendar, object]:
    calendar = Calendar.from_ical(ical.calendar_file(row, reader))
    return calendar, calendar.walk("VEVENT")[0]


def test_calendar_file_says_when_in_the_clinics_zone_and_keeps_the_service_from_the_persons(
    lead, booking, scheduler, now
):
    row = appointments.book(lead.pk, booking, by=scheduler, at=now)
    _calendar, own = event_of(row, ical.Reader.PERSON)
    _calendar, clinics = event_of(row, ical.Reader.CLINIC)
    assert own.decoded("dtstart") == row.starts_at
    assert own["dtstart"].params["TZID"] == "America/Chicago"
    assert "Orthopedic" not in str(own["summary"])
    assert str(clinics["summary"]) == "Orthopedic consult: Test Alpha"


def test_calendar_entry_of_a_person_is_in_their_language(lead, booking, scheduler, now):
    row = appointments.book(lead.pk, booking, by=scheduler, at=now)
    summaries = {}
    for language in ("es", "en", ""):
        row.lead.language = language
        summaries[language] = [str(event_of(row, reader)[1]["summary"]) for reader in ical.Reader]
    clinic = row.clinic.name
    assert [person for person, _clinics in summaries.values()] == [f"Cita en {clinic}", *[f"Visit at {clinic}"] * 2]
    assert {clinics for _person, clinics in summaries.values()} == {"Orthopedic consult: Test Alpha"}


def test_calendar_entry_moves_and_goes_away_with_the_visit(lead, booking, scheduler, now):
    row = appointments.book(lead.pk, Booking(booking.offering_id, ON), by=scheduler, at=now)
    _calendar, first = event_of(row, ical.Reader.PERSON)
    assert first.decoded("dtstart") == ON  # the whole day while no time was agreed
    moved = appointments.reschedule(row.pk, booking, by=scheduler, at=now)
    _calendar, second = event_of(moved, ical.Reader.PERSON)
    assert (second["uid"], second["sequence"]) == (first["uid"], first["sequence"] + 1)
    gone = appointments.settle_appointment(moved.pk, "cancelled", by=scheduler, at=now)
    calendar, last = event_of(gone, ical.Reader.PERSON)
    assert (calendar["method"], last["status"], last["uid"]) == ("CANCEL", "CANCELLED", first["uid"])


def test_scheduler_books_moves_and_downloads_from_the_pages(lead, booking, scheduler, now):
    client = Client()
    client.force_login(scheduler)
    url = reverse("admin:leads_lead_book_visit", args=[lead.pk])
    slot = f"{booking.offering_id}:{ON.isoformat()}"
    assert client.get(url).status_code == 200
    assert not Appointment.objects.exists()
    client.post(url, {"slot": slot, "time": "09:30"})
    row = Appointment.objects.get()
    file = client.get(reverse("admin:leads_appointment_calendar", args=[row.pk, "person"]))
    assert file["Content-Type"].startswith("text/calendar")
    assert client.get(reverse("admin:leads_appointment_calendar", args=[row.pk, "stranger"])).status_code == 404
    move = reverse("admin:leads_appointment_move", args=[row.pk])
    client.post(move, {"slot": f"{booking.offering_id}:2026-12-06", "reason": "asked for it"})
    assert Appointment.objects.live().get().date == date(2026, 12, 6)


def test_stranger_gets_neither_the_form_nor_the_file(lead, booking, scheduler, now):
    row = appointments.book(lead.pk, booking, by=scheduler, at=now)
    other = Agent.objects.get(user__username="quotes1").user
    other.groups.add(roles.Group.objects.get(name="sales"))
    client = Client()
    client.force_login(other)
    assert client.get(reverse("admin:leads_appointment_calendar", args=[row.pk, "clinic"])).status_code == 404
    assert client.post(reverse("admin:leads_lead_book_visit", args=[lead.pk])).status_code in (403, 404)
