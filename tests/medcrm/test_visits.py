"""Who has a visit booked hears so at once and is reminded; what changes is told, what cannot go keeps its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from consent import gate, ledger, stopping
from consent.models import Attempt, ConsentEvent, Seller
from leads import contact, criteria
from leads.models import Appointment, Availability, Clinic, Incident, Interaction, Lead, Milestone, Offering
from leads.services import appointments, calls, events, forgetting, incidents, merging
from leads.services.appointments import Booking
from leads.services.calls import CallReport
from medcrm import journey, reference, roles
from medcrm.lib.errors import RuleError
from nurture import confirming, dispatch, inbound, notices, outbox, publishing, rendering, trial, visits
from nurture.channels import Parcel, Receipt
from nurture.channels.sandbox import Sandbox
from nurture.inbound import Reply
from nurture.models import Enrollment, FrequencyCap, Message, Sequence, Skip, VisitNotice, VisitReminder, Wording
from nurture.querysets import LEASE

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AUSTIN = ZoneInfo("America/Chicago")
ON = date(2026, 12, 10)  # a Thursday; the reference organisation has orthopedic slots in Austin then
BEGINS = datetime(2026, 12, 10, 9, 30, tzinfo=AUSTIN)
NIGHT = datetime(2026, 12, 2, 4, tzinfo=UTC)  # 22:00 on Tuesday in Austin
MORNING = datetime(2026, 12, 2, 14, tzinfo=UTC)  # 8:00: texts may go out


@pytest.fixture
def scheduler(organisation: None) -> object:
    return get_user_model().objects.get(username="scheduling1")


@pytest.fixture
def ask(organisation: None, submit: Callable[..., Lead], now: datetime) -> Callable[..., Lead]:
    """A lead by a source that acknowledges nothing, so that every message is about its visit."""

    def send(number: int = 1, *, at: datetime = now, **fields: object) -> Lead:
        own = {"phone": f"+1512555{number:04d}", "email": f"alpha{number}@example.org", "last_name": f"Alpha {number}"}
        lead = submit("phone", at=at, **{**own, **fields})
        journey.advance([lead.pk], at=at)
        return lead

    return send


@pytest.fixture
def book(ask: Callable[..., Lead], scheduler: object, now: datetime) -> Callable[..., Appointment]:
    """A visit by the real service, then everything that is due at that moment; keywords replace fields of the form."""

    def take(
        number: int = 1,
        *,
        at: datetime = now,
        on: date = ON,
        clock: time | None = time(9, 30),
        reason: str = "",
        **fields: object,
    ) -> Appointment:
        lead = ask(number, at=at, **fields)
        row = appointments.book(lead.pk, slot(on, clock), by=scheduler, at=at, reason=reason)
        run(at)
        return row

    return take


def slot(on: date = ON, clock: time | None = time(9, 30), clinic: str = "aus") -> Booking:
    offering = Offering.objects.get(service="ortho", clinic=clinic)
    Availability.objects.update_or_create(offering=offering, date=on, defaults={"open_slots": 30})
    return Booking(offering.pk, on, clock)


def run(at: datetime) -> dispatch.DispatchReport:
    journey.advance_due(at=at)
    return dispatch.dispatch_due(at=at)


def told(**among: object) -> list[tuple[str, int | None, str]]:
    """What was planned of visits, in order, and why it came to nothing; blank: it went out or is still to come."""
    return list(VisitNotice.objects.filter(**among).order_by("pk").values_list("kind", "hours_before", "code"))


def planned() -> dict[int | None, datetime]:
    return dict(VisitNotice.objects.filter(due_at__isnull=False).values_list("hours_before", "due_at"))


def templates() -> list[str]:
    about_visits = Message.objects.filter(step__sequence__code__startswith="visit_")
    return list(about_visits.order_by("pk").values_list("step__template", flat=True))


def codes() -> list[tuple[str, str]]:
    about_visits = Skip.objects.filter(enrollment__sequence__code__startswith="visit_")
    return list(about_visits.order_by("pk").values_list("kind", "code"))


# What is told at once


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


# Reminders


def test_they_are_reminded_as_often_as_the_rows_say_by_text_first(book) -> None:
    row = book()
    assert planned() == {72: BEGINS - 3 * DAY, 24: BEGINS - DAY}
    assert run(BEGINS - 3 * DAY - MINUTE).delivered == 0
    assert run(BEGINS - 3 * DAY).delivered == 1
    assert run(BEGINS - DAY).delivered == 1
    assert templates() == ["visit_booked_email", "visit_reminder_text", "visit_reminder_text"]
    body = Message.objects.order_by("-pk")[0].body
    assert "Dec 10, 2026 at 9:30 AM CST" in body and "Reply C to confirm" in body
    assert [facts["told_of_visit"] for facts in entries(row)] == ["booked", "reminder", "reminder"]
    assert planned() == {}


def entries(row: Appointment) -> list[dict[str, str]]:
    rows = Interaction.objects.filter(lead=row.lead, facts__has_key="told_of_visit").order_by("pk")
    return list(rows.values_list("facts", flat=True))


def test_who_books_for_soon_is_not_reminded_of_what_they_just_heard(book, now: datetime) -> None:
    """A visit in 27 hours: the day-before reminder would come three hours after the confirmation."""
    book(on=date(2026, 12, 2), clock=time(13))
    assert told() == [("booked", None, ""), ("reminder", 72, "TOLD_JUST_NOW"), ("reminder", 24, "TOLD_JUST_NOW")]
    assert planned() == {}
    book(2, on=date(2026, 12, 2), clock=time(15))  # five hours after it
    assert list(planned()) == [24]


def test_a_reminder_right_after_a_confirmation_that_waited_is_none(book) -> None:
    """Booked at night for the next afternoon, text alone: both would go out in the morning."""
    VisitReminder.objects.filter(hours_before=24).update(hours_before=6)
    book(at=NIGHT, email="", on=date(2026, 12, 2), clock=time(15))
    assert planned()[6] == MORNING + HOUR
    run(MORNING)
    run(MORNING + HOUR)
    assert templates() == ["visit_booked_text"]
    assert told(kind="reminder") == [("reminder", 72, "TOLD_JUST_NOW"), ("reminder", 6, "TOLD_JUST_NOW")]


def test_rows_decide_and_a_change_is_planned_anew(book, now: datetime) -> None:
    book()
    VisitReminder.objects.filter(hours_before=72).update(is_active=False)
    VisitReminder.objects.create(hours_before=48)
    assert visits.replan(at=now + HOUR) == 1
    run(now + HOUR)
    assert planned() == {24: BEGINS - DAY, 48: BEGINS - 2 * DAY}
    assert ("reminder", 72, "SWITCHED_OFF") in told()
    VisitReminder.objects.filter(hours_before=72).update(is_active=True)
    visits.replan(at=now + 2 * HOUR)
    run(now + 2 * HOUR)
    assert set(planned()) == {24, 48, 72}


@pytest.mark.parametrize("change", [{"is_active": False}, {"status": "retired"}])
def test_without_its_sequence_nothing_is_told_and_the_reason_stands(book, change: dict[str, object]) -> None:
    Sequence.objects.filter(code="visit_booked").update(**change)
    row = book()
    assert not Message.objects.exists()
    assert told(kind="booked") == [("booked", None, "SWITCHED_OFF")]
    journey.advance([row.lead_id], at=row.created_at)
    assert len(told(kind="booked")) == 1


def test_one_switched_off_meanwhile_ends_with_its_reason(book) -> None:
    book()
    Sequence.objects.filter(code="visit_reminder").update(is_active=False)
    dispatch.dispatch_due(at=BEGINS - DAY)
    assert told(kind="reminder") == [("reminder", 72, "SWITCHED_OFF"), ("reminder", 24, "SWITCHED_OFF")]


def test_its_criteria_may_narrow_whom_it_means(ask, book, now: datetime) -> None:
    ask(2, language="es")
    draft = Sequence.objects.get(code="visit_booked")
    steps = list(draft.steps.all())
    draft.pk, draft.version, draft.status = None, 2, "draft"
    draft.criteria = [[{"fact": "language", "op": "is", "value": "es"}]]
    draft.save()
    for step in steps:
        step.pk, step.sequence = None, draft
        step.save()
    publishing.publish_sequence(draft.pk, at=now)
    assert not Lead.objects.filter(advance_due_at__isnull=False).exists()  # nobody is planned anew for it
    book()
    assert told(kind="booked") == [("booked", None, "CONDITION_NOT_MET")]


def test_visits_booked_long_ago_are_reminded_of_and_not_confirmed(book, now: datetime) -> None:
    """What an organisation has booked when it takes this in, or a scheduling system brings along."""
    row = book()
    VisitNotice.objects.all().delete()
    journey.advance([row.lead_id], at=now + DAY)
    assert told() == [("booked", None, "TOO_LATE"), ("reminder", 72, ""), ("reminder", 24, "")]


# Moved, cancelled, kept, closed, merged


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


# The answer


def reply(text: str, row: Appointment, *, at: datetime, key: str = "1", **named: str) -> None:
    by_mail = named.get("channel") == "email"
    sender = row.lead.email.value if by_mail else row.lead.phone.value
    named = {"provider": "sandbox", "channel": "sms", **named}
    inbound.receive_reply(Reply(key=key, sender=sender, text=text, **named), at=at)


@pytest.fixture
def reminded(book: Callable[..., Appointment]) -> Appointment:
    """Reminded by text a day before."""
    row = book(language="es")
    run(BEGINS - 3 * DAY)
    run(BEGINS - DAY)
    return Appointment.objects.select_related("lead__phone", "lead__email").get(pk=row.pk)


@pytest.mark.parametrize("text", ["C", "c", "Yes", "YES!", "sí", "Si.", "Confirm", " confirmo "])
def test_a_plain_yes_confirms_the_visit(reminded: Appointment, text: str) -> None:
    at = BEGINS - DAY + HOUR
    reply(text, reminded, at=at)
    reminded.refresh_from_db()
    assert reminded.status == "confirmed"
    entry = Interaction.objects.filter(lead=reminded.lead, kind="appointment").order_by("-pk")[0]
    assert (entry.facts["status"], entry.at, entry.by) == ("confirmed", at, None)
    assert text.strip() in entry.facts["note"]
    assert Message.objects.order_by("-pk")[0].state == "replied"
    assert ConsentEvent.objects.filter(kind="inbound", address=reminded.lead.phone).count() == 1
    assert not Interaction.objects.filter(kind="sms_reply").exists()  # nothing for a person to answer
    run(at)
    assert Lead.objects.get(pk=reminded.lead_id).next_action_due_at is None


def test_who_has_confirmed_is_reminded_without_being_asked_again(book) -> None:
    row = book()
    run(BEGINS - 3 * DAY)
    reply("C", Appointment.objects.select_related("lead__phone").get(pk=row.pk), at=BEGINS - 2 * DAY)
    run(BEGINS - DAY)
    reminders = Message.objects.filter(step__template="visit_reminder_text").order_by("pk")
    assert ["Reply C" in message.body for message in reminders] == [True, False]


def test_a_second_yes_changes_nothing(reminded: Appointment) -> None:
    at = BEGINS - DAY + HOUR
    reply("C", reminded, at=at)
    reply("C", reminded, at=at + MINUTE, key="2")
    assert Interaction.objects.filter(kind="appointment", facts__status="confirmed").count() == 1
    assert not Interaction.objects.filter(kind="sms_reply").exists()


@pytest.mark.parametrize("text", ["Yes but can I come at 11?", "CHANGE", "no", "what is the address?"])
def test_anything_else_is_a_reply_as_ever(reminded: Appointment, text: str) -> None:
    reply(text, reminded, at=BEGINS - DAY + HOUR)
    reminded.refresh_from_db()
    assert reminded.status == "booked"
    assert Interaction.objects.get(kind="sms_reply").text == text


def test_cancel_stops_texts_and_leaves_the_visit(reminded: Appointment) -> None:
    reply("CANCEL", reminded, at=BEGINS - DAY + HOUR)
    reminded.refresh_from_db()
    assert reminded.status == "booked"
    assert ConsentEvent.objects.filter(kind="inbound", verdict="revoke", address=reminded.lead.phone).exists()


def test_a_yes_to_the_confirmation_is_read_by_a_person(book, now: datetime) -> None:
    row = book(preferred_channel="sms")
    reply("yes", row, at=now + HOUR)
    row.refresh_from_db()
    assert row.status == "booked"
    assert Interaction.objects.filter(kind="sms_reply").count() == 1


def test_a_yes_to_a_visit_that_was_called_off_is_read_by_a_person(reminded, scheduler) -> None:
    at = BEGINS - DAY + HOUR
    appointments.settle_appointment(reminded.pk, "cancelled", by=scheduler, at=at)
    reply("yes", reminded, at=at + MINUTE)
    reminded.refresh_from_db()
    assert reminded.status == "cancelled"
    assert Interaction.objects.filter(kind="sms_reply").count() == 1


def test_a_yes_above_what_a_mail_quotes_confirms(book) -> None:
    row = book(preferred_channel="email")
    run(BEGINS - DAY)
    message = Message.objects.order_by("-pk")[0]
    assert message.step.template_id == "visit_reminder_email"
    quoted = "Sí\n\nOn Wed, Dec 9, 2026 at 9:30 AM Harbor Health wrote:\n> You will come? Answer with “yes”.\n"
    reply(quoted, row, at=BEGINS - DAY + HOUR, channel="email")
    row.refresh_from_db()
    assert row.status == "confirmed"


# What staff see and change


@pytest.fixture
def at_work(organisation: None, client: Client, settings: object) -> Callable[[str], Client]:
    """The admin, as somebody of this role sees it."""
    settings.SECURE_SSL_REDIRECT = False
    roles.sync()

    def sign_in(role: str) -> Client:
        user, _is_new = get_user_model().objects.get_or_create(username=f"{role}7", defaults={"is_staff": True})
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return sign_in


def test_the_page_of_a_visit_says_what_was_told_and_why_not_at_the_same_cost(book, at_work, now: datetime) -> None:
    row = book()
    page = reverse("admin:leads_appointment_change", args=[row.pk])
    viewer = at_work("supervisor")
    viewer.get(page)
    with CaptureQueriesContext(connection) as few:
        said = viewer.get(page).content.decode()
    assert "What they were told" in said and "Delivered" in said and "planned" in said
    Lead.objects.update(preferred_channel="sms")
    ledger.record(row.lead.phone_id, "inbound", occurred_at=now, at=now, text="STOP", facts={"channel": "sms"})
    ledger.record(row.lead.email_id, "email_hard_bounce", occurred_at=now, at=now)
    run(BEGINS - 3 * DAY)
    VisitNotice.objects.filter(hours_before=24).update(due_at=None, code="TOO_LATE", why="Its time has passed.")
    with CaptureQueriesContext(connection) as many:
        said = viewer.get(page).content.decode()
    assert "not told" in said and "Its time has passed." in said
    assert escape(VisitNotice.objects.get(hours_before=72).why) in said
    assert len(many) == len(few)


def test_marketing_says_how_long_before_and_what_is_planned_follows(book, at_work, now: datetime) -> None:
    row = book()
    add = reverse("admin:nurture_visitreminder_add")
    with time_machine.travel(now + HOUR, tick=False):
        marketing = at_work("marketing")
        for wrong in ("1", "0", "1441", "24"):
            assert marketing.post(add, {"hours_before": wrong, "is_active": "on"}).status_code == 200
        assert VisitReminder.objects.count() == 2
        assert marketing.post(add, {"hours_before": "48", "is_active": "on"}).status_code == 302
        assert Lead.objects.get(pk=row.lead_id).advance_due_at == now + HOUR
        run(now + HOUR)
        assert set(planned()) == {72, 48, 24}
        gone = VisitReminder.objects.get(hours_before=72)
        delete = reverse("admin:nurture_visitreminder_delete", args=[gone.pk])
        assert marketing.post(delete, {"post": "yes"}).status_code == 302
        run(now + HOUR)
    assert set(planned()) == {48, 24}
    assert at_work("caller").get(add).status_code == 403


# The worker dies; many at once


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[object, str, datetime], None]]:
    """A worker that ends at a call."""

    def die(*args: object, **kwargs: object) -> None:
        raise SystemExit

    def at(module: object, name: str, when: datetime) -> None:
        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            patch.setattr(module, name, die)
            dispatch.dispatch_due(at=when)

    return at


def test_before_the_reservation_the_claim_runs_out(book, dying) -> None:
    book()
    due_at = BEGINS - DAY
    VisitNotice.objects.filter(hours_before=72).update(due_at=None)
    dying(gate, "reserve_many", due_at)
    assert dispatch.dispatch_due(at=due_at + MINUTE) == dispatch.DispatchReport()
    assert dispatch.dispatch_due(at=due_at + LEASE + MINUTE).delivered == 1
    assert templates().count("visit_reminder_text") == 1


def test_between_reservation_and_hand_over_it_is_tried_under_a_new_reservation(book, dying) -> None:
    book()
    due_at = BEGINS - DAY
    VisitNotice.objects.filter(hours_before=72).update(due_at=None)
    dying(outbox, "send_many", due_at)
    later = due_at + outbox.FORGOTTEN_AFTER + MINUTE
    assert dispatch.dispatch_due(at=later) == dispatch.DispatchReport(failed=1)
    assert dispatch.dispatch_due(at=later + outbox.RETRY_AFTER).delivered == 1
    states = Message.objects.filter(step__sequence__code="visit_reminder").values_list("state", flat=True)
    assert sorted(states) == ["delivered", "failed"]
    assert dispatch.dispatch_due(at=BEGINS - 2 * HOUR) == dispatch.DispatchReport()


def test_after_the_hand_over_it_is_unknown_and_never_sent_again(book, dying) -> None:
    book()
    due_at = BEGINS - DAY
    VisitNotice.objects.filter(hours_before=72).update(due_at=None)
    dying(outbox, "_hand_over", due_at)
    assert dispatch.dispatch_due(at=due_at + outbox.FORGOTTEN_AFTER + MINUTE).unknown == 1
    assert dispatch.dispatch_due(at=BEGINS - 2 * HOUR) == dispatch.DispatchReport()
    assert list(Message.objects.order_by("-pk").values_list("state", flat=True)[:1]) == ["unknown"]


def test_one_that_failed_before_the_visit_was_cancelled_is_not_tried_again(book, dying, scheduler) -> None:
    row = book()
    due_at = BEGINS - DAY
    VisitNotice.objects.filter(hours_before=72).update(due_at=None)
    dying(outbox, "send_many", due_at)
    appointments.settle_appointment(row.pk, "cancelled", by=scheduler, at=due_at + MINUTE)
    run(due_at + outbox.FORGOTTEN_AFTER + MINUTE)
    run(due_at + HOUR)
    assert told(hours_before=24) == [("reminder", 24, "VISIT_CANCELLED")]
    delivered = Message.objects.filter(state="delivered").values_list("step__sequence__code", flat=True)
    assert "visit_reminder" not in delivered


def test_what_failed_before_it_was_moved_twice_is_told_once_as_it_is_now(book, dying, now: datetime) -> None:
    """The first move was reserved and never left; the second is planned when the first comes back."""
    row = book()

    def move(hours: int, at: datetime) -> None:
        starts_at = BEGINS + hours * HOUR
        events.record_appointment(
            row.lead_id, service="ortho", clinic="aus", on=ON, status="booked", starts_at=starts_at, at=at
        )
        journey.advance_due(at=at)

    move(1, now + HOUR)
    dying(outbox, "send_many", now + HOUR)
    move(2, now + HOUR + 20 * MINUTE)
    run(now + HOUR + 20 * MINUTE)
    run(now + 2 * HOUR)
    moved = Message.objects.filter(step__sequence__code="visit_moved", state="delivered")
    assert [("11:30 AM" in message.body) for message in moved] == [True]
    assert told(kind="moved") == [("moved", None, ""), ("moved", None, "")]


def test_an_answer_that_cannot_confirm_the_visit_is_read_by_a_person(reminded: Appointment, monkeypatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise RuleError("NO", "It cannot be.")

    monkeypatch.setattr(confirming.appointments, "settle_appointment", refuse)
    reply("C", reminded, at=BEGINS - DAY + HOUR)
    assert Interaction.objects.get(kind="sms_reply").text == "C"


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


def test_an_organisation_that_takes_this_in_reminds_of_what_is_booked(book, now: datetime) -> None:
    row = book()
    VisitNotice.objects.all().delete()
    VisitReminder.objects.all().delete()
    with time_machine.travel(now + DAY, tick=False):
        reference.load(at=now + DAY)
        run(now + DAY)
    assert Lead.objects.get(pk=row.lead_id).advance_due_at is None
    assert set(planned()) == {72, 24}


def test_loading_again_keeps_what_staff_changed_and_adds_what_is_new(organisation, now: datetime) -> None:
    VisitReminder.objects.filter(hours_before=72).delete()
    Sequence.objects.filter(code="visit_booked").update(is_active=False)
    reference.load(at=now)
    assert list(VisitReminder.objects.values_list("hours_before", "is_active")) == [(24, True)]
    assert Sequence.objects.filter(code="visit_booked").values_list("is_active", flat=True).get() is False
