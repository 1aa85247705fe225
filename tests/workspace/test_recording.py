"""A call from the workspace is reserved before it is dialled, recorded once, and what is typed is never lost."""

from __future__ import annotations

import re
from datetime import timedelta

import pgtrigger
import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from consent import addresses, gate, ledger
from consent.models import Attempt, ConsentEvent
from leads import contact
from leads.models import Appointment, Availability, Disposition, Inquiry, Interaction, Lead, MissingItem, Trigger
from leads.services import checklist, due, events, merging
from medcrm import journey
from medcrm.workspace.models import Draft
from routing import worklist
from routing.models import Lease, Team
from tests.rows import make

pytestmark = pytest.mark.django_db


def record(client, lead: Lead, **fields: object):
    """Post the result; who was reached is confirmed before, and something was written down."""
    if Disposition.objects.filter(pk=fields.get("disposition"), needs_identity=True).exists():
        confirm(client, lead)
    return client.post(f"/admin/work/{lead.pk}/record/", {"requested": "A morning slot", **fields})


def confirm(client, lead: Lead) -> None:
    client.post(f"/admin/work/{lead.pk}/answer/", {"code": "identity", "value": "yes"})


def book(client, lead: Lead, **fields: str) -> Appointment:
    """Take the first open day, in the dialog that the workspace opens."""
    path = f"/admin/leads/lead/{lead.pk}/book-visit/"
    [slot, *_others] = re.findall(r'value="(\d+:[\d-]+)"', client.get(path).content.decode())
    back = f"http://testserver/admin/work/{lead.pk}/"
    done = client.post(path, {"slot": slot, **fields}, headers={"HX-Request": "true", "HX-Current-URL": back})
    assert done["HX-Redirect"] == f"/admin/work/{lead.pk}/"
    return Appointment.objects.get(lead=lead)


def test_a_call_is_reserved_recorded_under_its_reservation_and_the_lead_is_free_again(client, lead, caller):
    client.post(f"/admin/work/{lead.pk}/call/")
    attempt = Attempt.objects.get()
    assert (attempt.state, attempt.by) == ("handed_over", caller)
    assert Lease.objects.get().user == caller
    record(client, lead, disposition="no_answer", requested="A morning slot", then="stay")
    call = Interaction.objects.get(kind="call")
    assert (call.attempt, call.disposition_id, call.by) == (attempt, "no_answer", caller)
    assert call.facts["requested"] == "A morning slot"
    attempt.refresh_from_db()
    assert (attempt.state, attempt.outcome) == ("sent", "no_answer")
    assert not Draft.objects.exists() and not Lease.objects.exists()


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("follow_up_on", {"disposition": "missing_information", "missing": ["payer"], "follow_up_on": "2062-12-02"}),
        ("follow_up_on", {"disposition": "missing_information", "missing": ["payer"], "follow_up_on": "9999-12-31"}),
        ("callback_at", {"disposition": "callback_requested", "callback_at": "2036-12-02T10:00"}),
    ],
)
def test_a_slip_in_the_year_is_said_beside_its_field(client, lead, field, fields):
    client.post(f"/admin/work/{lead.pk}/call/")
    assert list(record(client, lead, **fields).context["form"].errors) == [field]
    assert not Interaction.objects.filter(kind="call").exists()


def test_a_call_is_kept_though_what_follows_cannot_be_worked_out(client, lead, now):
    client.post(f"/admin/work/{lead.pk}/call/")
    Team.objects.filter(pk=lead.team).update(hours={})
    assert record(client, lead, disposition="no_answer").status_code == 302
    assert Interaction.objects.get(kind="call").disposition_id == "no_answer"
    assert list(due.put_off_leads(at=now)) == [lead]


def test_pressing_call_twice_reserves_once(client, lead):
    client.post(f"/admin/work/{lead.pk}/call/")
    client.post(f"/admin/work/{lead.pk}/call/")
    assert Attempt.objects.count() == 1


@pytest.fixture
def later(morning):
    """Moves the clock on; signed in all the while."""
    return lambda **step: morning.shift(timedelta(**step))


def test_a_reservation_is_dialled_within_minutes_or_asked_for_anew(client, lead, later):
    client.post(f"/admin/work/{lead.pk}/call/")
    assert f"tel:{lead.phone.value}" in client.get(f"/admin/work/{lead.pk}/").content.decode()
    later(minutes=3)
    assert "tel:" not in client.get(f"/admin/work/{lead.pk}/").content.decode()
    client.post(f"/admin/work/{lead.pk}/call/")
    first, second = Attempt.objects.order_by("pk")
    assert (first.state, first.outcome, second.state) == ("unknown", "not_recorded", "handed_over")
    record(client, lead, disposition="no_answer")
    assert Interaction.objects.get(kind="call").attempt == second


def test_who_stops_after_the_reservation_is_not_dialled(client, lead, now, later):
    client.post(f"/admin/work/{lead.pk}/call/")
    later(seconds=30)
    ledger.record(lead.phone_id, "inbound", occurred_at=now, at=now, text="STOP")
    assert "tel:" not in client.get(f"/admin/work/{lead.pk}/").content.decode()
    answer = client.post(f"/admin/work/{lead.pk}/call/", headers={"HX-Request": "true"}).content.decode()
    assert "tel:" not in answer
    assert [a.code for a in Attempt.objects.filter(state="refused")] == ["REVOKED"]
    record(client, lead, disposition="no_answer")  # it may have rung before: that stays to be recorded
    assert Interaction.objects.get(kind="call").attempt.state == "sent"


def test_another_number_is_reserved_anew(client, lead):
    client.post(f"/admin/work/{lead.pk}/call/")
    [other] = addresses.lock_addresses([("phone", "+15125550188")]).values()
    Lead.objects.filter(pk=lead.pk).update(phone=other)
    assert "tel:" not in client.get(f"/admin/work/{lead.pk}/").content.decode()
    client.post(f"/admin/work/{lead.pk}/call/")
    assert list(Attempt.objects.order_by("pk").values_list("address", flat=True)) == [lead.phone_id, other.pk]
    assert f"tel:{other.value}" in client.get(f"/admin/work/{lead.pk}/").content.decode()


def test_a_number_and_a_mailbox_said_on_the_call_are_noted_with_its_result(client, lead, caller):
    client.post(f"/admin/work/{lead.pk}/call/")
    client.post(f"/admin/work/{lead.pk}/draft/", {"phone": "512-555-01"})
    assert 'value="512-555-01"' in client.get(f"/admin/work/{lead.pk}/").content.decode()
    wrong = record(client, lead, disposition="no_answer", phone="512-555-01", email="ana")
    assert set(wrong.context["form"].errors) == {"phone", "email"}
    assert not Interaction.objects.filter(kind="call").exists()
    called = lead.phone_id
    record(client, lead, disposition="wrong_number", phone="512-555-0188", email="New@example.org")
    lead.refresh_from_db()
    assert (lead.phone.value, lead.email.value) == ("+15125550188", "new@example.org")
    assert Interaction.objects.get(kind="call").attempt.address_id == called
    assert not MissingItem.objects.filter(lead=lead, kind="contact_channel", settled_at=None).exists()


def test_the_dialog_of_facts_masks_the_number_for_whoever_may_not_see_all(client, lead, caller):
    path = f"/admin/leads/lead/{lead.pk}/correct-facts/"
    page = client.get(path, headers={"HX-Request": "true"}).content.decode()
    assert f"(512) •••-{lead.phone.value[-4:]}" in page
    assert lead.phone.value not in page and lead.email.value not in page
    back = f"http://testserver/admin/work/{lead.pk}/"
    done = client.post(path, {"phone": "512-555-0188"}, headers={"HX-Request": "true", "HX-Current-URL": back})
    assert done["HX-Redirect"] == f"/admin/work/{lead.pk}/"
    lead.refresh_from_db()
    assert lead.phone.value == "+15125550188"


def test_a_blocked_channel_is_refused_in_words_and_the_button_is_off(client, lead, now):
    ledger.record(lead.phone_id, "internal_dnc", occurred_at=now, at=now, source="call")
    page = client.get(f"/admin/work/{lead.pk}/").content.decode()
    assert 'aria-keyshortcuts="c" aria-describedby="ws-voice" disabled' in page
    answer = client.post(f"/admin/work/{lead.pk}/call/", headers={"HX-Request": "true"})
    refused = Attempt.objects.get()
    assert refused.state == "refused"
    assert refused.sentence in answer.content.decode()
    record(client, lead, disposition="no_answer")
    assert not Interaction.objects.filter(kind="call").exists()


@pytest.mark.parametrize(
    ("disposition", "fields", "wrong"),
    [
        ("price", {"note": "Asked what it costs."}, "__all__"),  # with whom
        ("price", {}, "note"),
        ("price", {"told": "A colleague calls with the price."}, None),
        ("no_answer", {}, None),
        ("do_not_call", {}, None),  # a wish for no more calls is kept at once
    ],
)
def test_who_was_reached_is_confirmed_and_written_about_before_the_call_is_closed(
    client, lead, disposition, fields, wrong
):
    """[2.10, 2.19]"""
    client.post(f"/admin/work/{lead.pk}/call/")
    if wrong != "__all__":
        confirm(client, lead)
    answer = client.post(f"/admin/work/{lead.pk}/record/", {"disposition": disposition, **fields})
    if wrong is None:
        assert Interaction.objects.get(disposition__isnull=False).disposition_id == disposition
        return
    assert answer.context["form"].errors.keys() == {wrong}
    assert not Interaction.objects.filter(disposition__isnull=False).exists()


ASKED_NOTHING, MAY_SAY_OUR_NAME, WANTS_NONE = (
    "not been asked about voicemail",
    "may give our name",
    "Do not leave a voicemail",
)


def test_what_was_said_of_messages_stands_beside_the_number_and_follows_the_answer(client, lead):
    """[X57]"""
    path = f"/admin/work/{lead.pk}/"

    def told(html: str) -> list[str]:
        return [words for words in (ASKED_NOTHING, MAY_SAY_OUR_NAME, WANTS_NONE) if words in html]

    assert told(client.get(path).content.decode()) == [ASKED_NOTHING]
    for value, words in (("yes", MAY_SAY_OUR_NAME), ("no", WANTS_NONE), ("unknown", ASKED_NOTHING), ("no", WANTS_NONE)):
        said = {"code": "safe_to_leave_message", "value": value}
        answer = client.post(f"{path}answer/", said, headers={"HX-Request": "true"})
        assert told(answer.content.decode()) == [words]
    assert told(client.get(path).content.decode()) == [WANTS_NONE]
    reach = client.post(f"{path}call/", headers={"HX-Request": "true"})
    assert told(reach.content.decode()) == [WANTS_NONE]


def test_a_message_that_was_not_wanted_is_recorded_only_with_what_it_said(client, lead, caller, now):
    """[X57] What happened stays true: it is kept, with its words."""
    merged = make(Lead, lead_type="patient", merged_into=lead)
    checklist.answer_question(merged.pk, "safe_to_leave_message", "no", by=caller, at=now)
    client.post(f"/admin/work/{lead.pk}/call/")
    result = {"disposition": "voicemail_left"}
    refused = client.post(f"/admin/work/{lead.pk}/record/", {**result, "requested": "A morning slot"})
    assert refused.context["form"].errors.keys() == {"disposition"}
    assert "no voicemail" in refused.content.decode()
    assert not Interaction.objects.filter(disposition__isnull=False).exists()
    client.post(f"/admin/work/{lead.pk}/record/", {**result, "told": "My name and the number."})
    assert Interaction.objects.get(kind="voicemail").facts["told"] == "My name and the number."


@pytest.mark.parametrize("said", ["yes", "unknown", ""])
def test_who_does_not_mind_a_message_gets_one_without_a_note(client, lead, caller, now, said):
    if said:
        checklist.answer_question(lead.pk, "safe_to_leave_message", said, by=caller, at=now)
    client.post(f"/admin/work/{lead.pk}/call/")
    client.post(f"/admin/work/{lead.pk}/record/", {"disposition": "voicemail_left"})
    assert Interaction.objects.get(kind="voicemail").disposition_id == "voicemail_left"


INFORMS = {"purpose": "informational"}


def test_who_stopped_may_still_be_called_by_hand_about_their_visit_and_nothing_else(client, lead, now):
    """CC-057 and V09: the flag stays in sight, the call that sells stays off, the other is reserved as what it is."""
    ledger.record(lead.phone_id, "inbound", occurred_at=now, at=now, text="STOP")
    Lead.objects.update(request="")
    make(Appointment, lead=lead, date=now.date(), status="booked", created_at=now, changed_at=now)
    page = client.get(f"/admin/work/{lead.pk}/")
    voice = page.context["ws"].page.contacts[0]
    assert (voice.is_allowed, voice.code, "booked visit" in voice.informs) == (False, "REVOKED", True)
    assert 'aria-keyshortcuts="c" aria-describedby="ws-voice" disabled' in page.content.decode()
    answer = client.post(f"/admin/work/{lead.pk}/call/", INFORMS, headers={"HX-Request": "true"}).content.decode()
    assert "tel:" in answer and "do not sell" in answer
    client.post(f"/admin/work/{lead.pk}/call/", INFORMS)
    attempt = Attempt.objects.get()
    assert (attempt.purpose, attempt.code) == ("informational", "OK_MANUAL_INFORMATIONAL")
    assert attempt.basis["request"]["content"]["has_marketing"] is False
    assert "tel:" in client.get(f"/admin/work/{lead.pk}/").content.decode()
    record(client, lead, disposition="no_answer")
    assert Interaction.objects.get(kind="call").attempt == attempt
    assert "tel:" not in client.post(f"/admin/work/{lead.pk}/call/", follow=True).content.decode()
    assert Attempt.objects.latest("pk").code == "REVOKED"


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ({"request": "appointment"}, True),
        ({"request": "info"}, False),
        ({"request": ""}, False),
        ({"request": "appointment", "stage": "nurturing"}, False),
        ({"request": "appointment", "source_id": "purchased"}, False),
    ],
)
def test_only_a_request_of_their_own_that_is_open_may_be_called_about(fields, offered, client, lead, now):
    ledger.record(lead.phone_id, "internal_dnc", occurred_at=now, at=now, scope="all", source="call")
    Lead.objects.filter(pk=lead.pk).update(**fields)
    assert bool(client.get(f"/admin/work/{lead.pk}/").context["ws"].page.contacts[0].informs) == offered
    client.post(f"/admin/work/{lead.pk}/call/", INFORMS)
    assert list(Attempt.objects.values_list("code", flat=True)) == ["OK_MANUAL_INFORMATIONAL"] * offered


def test_a_request_is_no_way_around_the_limit_of_calls_but_a_visit_may_not_wait(client, lead, now):
    for minutes in (3, 2, 1):
        gate.reserve(contact.request_for(lead, "voice"), at=now - timedelta(minutes=minutes))
    voice = client.get(f"/admin/work/{lead.pk}/").context["ws"].page.contacts[0]
    assert (voice.code, voice.informs) == ("FREQ_CAP_POLICY", "")
    client.post(f"/admin/work/{lead.pk}/call/", INFORMS)
    assert not Attempt.objects.filter(purpose="informational").exists()
    make(Appointment, lead=lead, date=now.date(), status="booked", created_at=now, changed_at=now)
    assert client.get(f"/admin/work/{lead.pk}/").context["ws"].page.contacts[0].informs
    client.post(f"/admin/work/{lead.pk}/call/", INFORMS)
    assert Attempt.objects.get(purpose="informational").code == "OK_MANUAL_INFORMATIONAL"


def test_nothing_to_call_about_by_hand_where_every_contact_is_refused(client, lead, now):
    ledger.record(lead.phone_id, "revoke", occurred_at=now, at=now, scope="everything", source="letter")
    assert not client.get(f"/admin/work/{lead.pk}/").context["ws"].page.contacts[0].informs
    client.post(f"/admin/work/{lead.pk}/call/", INFORMS)
    assert [(a.state, a.code) for a in Attempt.objects.all()] == [("refused", "REVOKED")]


def test_a_message_of_theirs_may_be_answered_once_where_nothing_else_may_be_sent(client, lead, now, later):
    """A person who unsubscribed asks when their visit is: that is answered, and the answer sells nothing."""
    ledger.record(lead.email_id, "email_unsub", occurred_at=now, at=now)
    path, words = f"/admin/work/{lead.pk}/write/email/", {"subject": "Your visit", "body": "On Thursday at nine."}
    client.post(path, words)
    later(minutes=1)
    events.record_activity(lead.pk, "email_reply", text="When is my appointment?", at=timezone.now())
    mail = client.get(f"/admin/work/{lead.pk}/").context["ws"].page.contacts[2]
    assert (mail.is_allowed, mail.is_reply, mail.code) == (True, True, "OK_REPLY")
    later(minutes=1)
    client.post(path, words)
    later(minutes=1)
    client.post(path, words)
    tried = [(a.purpose, a.code) for a in Attempt.objects.order_by("pk")]
    refused = ("marketing", "EMAIL_UNSUBSCRIBED")
    assert tried == [refused, ("conversational_reply", "OK_REPLY"), refused]
    assert Attempt.objects.get(state="sent").basis["request"]["content"]["has_marketing"] is False
    assert not client.get(f"/admin/work/{lead.pk}/").context["ws"].page.contacts[2].is_allowed


def test_nothing_is_recorded_before_anybody_spoke(client, lead):
    answer = record(client, lead, disposition="no_answer")
    assert answer.context["form"].errors.keys() == {"disposition"}
    client.post(f"/admin/work/{lead.pk}/called-us/")
    record(client, lead, disposition="needs_to_think")
    assert Interaction.objects.get(disposition__isnull=False).kind == "inbound_call"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "disposition"),
        ({"disposition": "callback_requested"}, "callback_at"),
        ({"disposition": "callback_requested", "callback_at": "2026-11-30T09:00"}, "callback_at"),
        ({"disposition": "missing_information"}, "missing"),
        ({"disposition": "missing_information", "missing": ["payer"]}, "follow_up_on"),
        ({"disposition": "needs_to_think", "outcome": "hold"}, "hold_reason"),
        ({"disposition": "needs_to_think", "outcome": "disqualified"}, "stop_reason"),
    ],
)
def test_an_error_stands_next_to_its_field_and_what_was_typed_stays(fields, wrong, client, lead):
    client.post(f"/admin/work/{lead.pk}/call/")
    answer = record(client, lead, **fields, note="Wants a morning.")
    assert wrong in answer.context["form"].errors
    assert "Wants a morning." in answer.content.decode()
    assert not Interaction.objects.filter(disposition__isnull=False).exists()
    assert Draft.objects.get().attempt is not None


def test_an_outcome_against_a_failed_check_needs_a_reason_next_to_it(client, lead):
    Availability.objects.update(open_slots=0)
    client.post(f"/admin/work/{lead.pk}/call/")
    fields = {"disposition": "appointment_set", "outcome": "appointment_set"}
    assert record(client, lead, **fields).context["form"].errors.keys() == {"override"}
    record(client, lead, **fields, override="The clinic opened a slot by phone.")
    cycle = lead.qualifications.get(closed_at=None)
    assert cycle.override_reason == "The clinic opened a slot by phone."


SET = {"disposition": "appointment_set", "outcome": "appointment_set"}


@pytest.mark.parametrize("fields", [SET, {"disposition": "appointment_set"}])
def test_an_appointment_that_the_team_owes_is_set_by_booking_its_day(fields, client, lead):
    client.post(f"/admin/work/{lead.pk}/call/")
    refused = record(client, lead, **fields, requested="A morning slot")
    assert set(refused.context["form"].errors) == {"outcome"}
    assert not Interaction.objects.filter(kind="call").exists() and Draft.objects.exists()
    visit = book(client, lead)
    assert 'value="A morning slot"' in client.get(f"/admin/work/{lead.pk}/").content.decode()
    assert record(client, lead, **fields).status_code == 302
    assert Interaction.objects.get(kind="call").disposition_id == "appointment_set"
    visit.refresh_from_db()
    assert visit.status == "booked"


@pytest.mark.parametrize("why", ["no day is open", "nobody owes it", "may not book"])
def test_no_day_is_asked_of_whoever_cannot_name_one(why, client, lead, caller):
    if why == "no day is open":
        Availability.objects.update(open_slots=0)
    elif why == "nobody owes it":  # handed on to those who book
        lead.clocks.update(owed="first_attempt")
    else:
        caller.groups.set([Group.objects.get(name="documents")])
    client.post(f"/admin/work/{lead.pk}/call/")
    assert record(client, lead, **SET, override="They gave us a morning by phone.").status_code == 302
    assert Interaction.objects.get(kind="call").disposition_id == "appointment_set"


@pytest.mark.parametrize(("field", "most"), [("note", 2000), ("requested", 500)])
def test_what_is_too_long_is_refused_in_words_and_kept_instead_of_cut_by_the_browser(client, lead, field, most):
    page = client.get(f"/admin/work/{lead.pk}/").content.decode()
    [box] = re.findall(rf'<(?:input|textarea)[^>]*name="{field}"[^>]*>', page)
    assert "maxlength" not in box
    client.post(f"/admin/work/{lead.pk}/call/")
    answer = record(client, lead, disposition="no_answer", **{field: "x" * (most + 1)})
    assert answer.context["form"].errors.keys() == {field}
    assert f"{most + 1}" in answer.context["form"].errors[field][0] and "x" * (most + 1) in answer.content.decode()


def test_no_day_of_a_visit_is_chosen_before_somebody_chose_it(client, lead):
    path = f"/admin/leads/lead/{lead.pk}/book-visit/"
    assert "No day is open" not in client.get(path).content.decode()
    refused = client.post(path, {"slot": ""}, headers={"HX-Request": "true"})
    assert "Choose the day they agreed to." in refused.content.decode()
    assert re.search(r'<option value=""[^>]*selected|<option value="" *>choose', client.get(path).content.decode())
    assert not Appointment.objects.exists()
    Availability.objects.update(open_slots=0)
    assert "No day is open for this service." in client.get(path).content.decode()


def test_the_dialog_that_books_is_offered_to_who_may_and_for_a_visit(client, lead, lead_of, caller):
    page = client.get(f"/admin/work/{lead.pk}/").content.decode()
    assert page.count(f"/admin/leads/lead/{lead.pk}/book-visit/") == 4  # each link by its address and for htmx
    assert page.count('aria-keyshortcuts="b"') == 1
    Lead.objects.filter(pk=lead.pk).update(lead_type="b2b")
    assert "/book-visit/" not in client.get(f"/admin/work/{lead.pk}/").content.decode()
    Lead.objects.filter(pk=lead.pk).update(lead_type="patient")
    caller.groups.set([Group.objects.get(name="documents")])
    assert "/book-visit/" not in client.get(f"/admin/work/{lead.pk}/").content.decode()


@pytest.fixture
def sensitive(lead, caller) -> Lead:
    """A lead whose script asks for permission to talk, in the hands of somebody trained."""
    caller.agent.trainings = ["behavioral_health"]
    caller.agent.save(update_fields=["trainings"])
    Lead.objects.filter(pk=lead.pk).update(service="bh")
    lead.handoffs.all().delete()
    return lead


def test_what_a_sensitive_script_asks_first_is_demanded_with_the_call(client, sensitive):
    page = client.get(f"/admin/work/{sensitive.pk}/").content.decode()
    assert page.count("May I speak with you about the visit") == 2  # in the script, and where the answer is recorded
    client.post(f"/admin/work/{sensitive.pk}/call/")
    fields = {"disposition": "appointment_set", "outcome": "appointment_set", "override": "They agreed by phone."}
    for answer in ("", "perhaps", "no"):
        shown = record(client, sensitive, **fields, consent_step=answer)
        assert shown.context["form"].errors.keys() == {"consent_step"}, answer
    assert not Interaction.objects.filter(kind="call").exists()
    record(client, sensitive, **fields, consent_step="yes")
    assert Interaction.objects.get(kind="call").facts["consent_step"] == "yes"


@pytest.mark.parametrize(
    ("disposition", "answer", "kept"),
    [("no_answer", "", None), ("do_not_call", "", None), ("needs_to_think", "no", "no"), ("price", "no", "no")],
)
def test_who_was_not_asked_or_says_no_is_recorded_all_the_same(disposition, answer, kept, client, sensitive):
    client.post(f"/admin/work/{sensitive.pk}/call/")
    record(client, sensitive, disposition=disposition, consent_step=answer)
    assert Interaction.objects.get(kind="call").facts.get("consent_step") == kept


def test_nothing_is_asked_first_where_the_script_does_not_say_so(client, lead):
    client.post(f"/admin/work/{lead.pk}/call/")
    record(client, lead, disposition="price", consent_step="yes")
    assert "consent_step" not in Interaction.objects.get(kind="call").facts


def test_a_call_back_is_promised_on_the_leads_own_clock(client, lead):
    Lead.objects.update(timezone="America/Denver")
    client.post(f"/admin/work/{lead.pk}/call/")
    record(client, lead, disposition="callback_requested", callback_at="2026-12-01T15:30")
    assert Interaction.objects.get(kind="call").facts["callback_at"] == "2026-12-01T15:30:00-07:00"


def test_missing_items_are_noted_with_their_date(client, lead):
    client.post(f"/admin/work/{lead.pk}/call/")
    record(
        client, lead, disposition="missing_information", missing=["payer", "insurance_card"], follow_up_on="2026-12-03"
    )
    found = MissingItem.objects.filter(lead=lead, origin="call")
    assert {(item.kind_id, str(item.follow_up_on)) for item in found} == {
        ("payer", "2026-12-03"),
        ("insurance_card", "2026-12-03"),
    }


def test_what_was_typed_is_there_after_signing_in_again(client, lead, caller):
    client.post(
        f"/admin/work/{lead.pk}/draft/", {"note": "Half a senten", "disposition": "price", "missing": ["payer"]}
    )
    client.logout()
    client.force_login(caller)
    page = client.get(f"/admin/work/{lead.pk}/")
    form = page.context["form"]
    assert (form["note"].value(), form["disposition"].value(), form["missing"].value()) == (
        "Half a senten",
        "price",
        ["payer"],
    )


def test_a_second_editor_is_warned_and_sees_nothing_of_what_the_first_typed(client, lead, caller):
    client.post(f"/admin/work/{lead.pk}/draft/", {"note": "Mine"})
    other = User.objects.get(username="scheduling2")
    other.groups.add(Group.objects.get(name="scheduler"))
    client.force_login(other)
    page = client.get(f"/admin/work/{lead.pk}/")
    assert [editor.name for editor in page.context["ws"].editors] == [caller.get_full_name() or caller.username]
    assert page.context["form"]["note"].value() is None
    assert f"{caller.get_full_name()} has this lead open." in page.content.decode()


def test_save_and_next_goes_to_the_next_lead(client, lead_of):
    first, second = lead_of(), lead_of()
    client.post(f"/admin/work/{first.pk}/call/")
    answer = record(client, first, disposition="no_answer", then="next")
    assert answer["Location"] == f"/admin/work/{second.pk}/"


def test_a_mail_is_reserved_noted_and_sent_with_the_way_out(client, lead):
    answer = client.post(
        f"/admin/work/{lead.pk}/write/email/", {"subject": "Your visit", "body": "See you then."}, follow=True
    )
    assert answer.status_code == 200
    note = Interaction.objects.get(kind="note", direction="outbound")
    assert note.text.startswith("See you then.") and "/u/" in note.text
    assert note.attempt.state == "sent"


def test_an_empty_mail_and_one_that_is_refused_say_why(client, lead, now):
    path, partial = f"/admin/work/{lead.pk}/write/email/", {"HX-Request": "true"}
    answer = client.post(path, {}, headers=partial)
    assert answer.context["errors"].keys() == {"subject", "body"}
    ledger.record(lead.email_id, "email_unsub", occurred_at=now, at=now, source="test")
    refused = client.post(path, {"subject": "x", "body": "y"}, headers=partial)
    assert refused.context["errors"].keys() == {""}
    assert not Interaction.objects.filter(kind="note", direction="outbound").exists()


def test_no_more_e_mail_is_recorded_by_the_page_of_the_call_and_by_no_other(client, lead, caller):
    client.post(f"/admin/work/{lead.pk}/call/")
    Lead.objects.filter(pk=lead.pk).update(email=None)
    asked = record(client, lead, disposition="revoked_email", then="stay")
    assert asked.context["form"].errors.keys() == {"email"}
    record(client, lead, disposition="revoked_email", email="ana@example.org", then="stay")
    event = ConsentEvent.objects.get(kind="email_unsub")
    assert (event.address.value, event.by, event.source) == ("ana@example.org", caller, "call")
    assert Interaction.objects.get(kind="call").disposition_id == "revoked_email"


def test_a_lead_that_goes_to_another_team_in_the_middle_of_a_call_is_recorded_by_who_called(client, lead, caller, now):
    client.post(f"/admin/work/{lead.pk}/call/")
    Lead.objects.filter(pk=lead.pk).update(team="sales", owner=None)
    assert client.get(f"/admin/work/{lead.pk}/").status_code == 200
    client.post(f"/admin/work/{lead.pk}/draft/", {"note": "Wants the Tuesday."})
    done = record(client, lead, disposition="do_not_call", outcome="disqualified", stop_reason="not_interested")
    assert done["Location"] == "/admin/work/", "the lead is out of sight again"
    assert Interaction.objects.get(kind="call").disposition_id == "do_not_call"
    assert client.get(f"/admin/work/{lead.pk}/").status_code == 404


def test_a_lead_that_is_out_of_sight_does_not_open_by_a_mere_draft(client, lead, now):
    client.post(f"/admin/work/{lead.pk}/draft/", {"note": "Half"})
    Lead.objects.filter(pk=lead.pk).update(team="sales", owner=None)
    assert client.get(f"/admin/work/{lead.pk}/").status_code == 404


def test_the_road_waits_while_a_lead_is_in_somebodys_hands(client, lead, now):
    client.post(f"/admin/work/{lead.pk}/call/")
    client.post(f"/admin/work/{lead.pk}/answer/", {"code": "payer", "value": "ppo"})
    lead.refresh_from_db()
    assert lead.advance_due_at == now
    assert journey.advance_batch(at=now) == 0
    assert journey.advance_batch(at=now + worklist.LEASE) == 1


def test_a_lead_merged_in_the_middle_of_a_call_keeps_the_call_and_what_was_typed(client, lead_of, caller, now):
    kept, gone = lead_of(), lead_of()
    client.post(f"/admin/work/{gone.pk}/call/")
    client.post(f"/admin/work/{gone.pk}/draft/", {"note": "Half a senten"})
    merging.merge(kept.pk, gone.pk, at=now, by=caller)
    stays = Lead.objects.get(merged_into=None, pk__in=[kept.pk, gone.pk])
    old = gone if stays == kept else kept
    assert client.get(f"/admin/work/{old.pk}/")["Location"] == f"/admin/work/{stays.pk}/"
    page = client.get(f"/admin/work/{stays.pk}/")
    assert page.context["form"]["note"].value() == "Half a senten"
    record(client, old, disposition="no_answer", then="stay")
    assert Interaction.objects.get(kind="call").lead == stays
    assert not Draft.objects.exists() and not Lease.objects.exists()


def test_a_talk_that_turned_to_a_sensitive_service_is_recorded_by_who_held_it_and_its_story_is_shut(
    client, lead_of, caller
):
    lead = lead_of(question="Panic attacks")
    client.post(f"/admin/work/{lead.pk}/call/")
    Lead.objects.filter(pk=lead.pk).update(service="bh")
    page = client.get(f"/admin/work/{lead.pk}/")
    assert page.status_code == 200 and page.context["form"]
    assert "Panic attacks" not in page.content.decode()
    for path, typed in [("call/", {}), ("answer/", {"code": "payer", "value": "ppo"}), ("write/sms/", {"body": "Hi"})]:
        assert client.post(f"/admin/work/{lead.pk}/{path}", typed).status_code == 404, path
    assert client.get(f"/admin/leads/lead/{lead.pk}/change/").status_code == 302
    client.post(f"/admin/work/{lead.pk}/draft/", {"note": "Half a senten"})
    again = record(client, lead, disposition="", note="Half a senten")
    assert "Panic attacks" not in again.content.decode() and "Half a senten" in again.content.decode()
    assert record(client, lead, disposition="no_answer", then="stay")["Location"] == "/admin/work/"
    assert Interaction.objects.get(kind="call").by == caller
    assert client.get(f"/admin/work/{lead.pk}/").status_code == 404


def test_a_second_click_on_save_and_a_draft_that_comes_late_change_nothing(client, lead, now):
    opened = client.get(f"/admin/work/{lead.pk}/").context["opened_at"]
    client.post(f"/admin/work/{lead.pk}/call/")
    record(client, lead, disposition="no_answer", then="stay", opened_at=opened)
    again = record(client, lead, disposition="no_answer", then="stay", opened_at=opened)
    assert again["Location"] == f"/admin/work/{lead.pk}/"
    late = client.post(f"/admin/work/{lead.pk}/draft/", {"note": "Late", "opened_at": opened})
    assert "This call is recorded." in late.content.decode()
    assert Interaction.objects.filter(kind="call").count() == 1
    assert not Draft.objects.exists() and not Lease.objects.exists()
    client.post(f"/admin/work/{lead.pk}/called-us/")  # another call, in the same window
    client.post(f"/admin/work/{lead.pk}/draft/", {"note": "They rang back", "opened_at": opened})
    assert Draft.objects.get().fields == {"note": ["They rang back"]}


@pytest.mark.parametrize("opened", ["", "yesterday", "2026-12-01T10:00:00"])
def test_a_page_that_says_no_moment_is_taken_as_it_is(opened, client, lead):
    client.post(f"/admin/work/{lead.pk}/call/")
    record(client, lead, disposition="no_answer", then="stay", opened_at=opened)
    answer = record(client, lead, disposition="no_answer", opened_at=opened)
    assert answer.context["form"].errors.keys() == {"disposition"}


@pytest.mark.parametrize("body", ["", "\ufeff{}", "half of a {"])
def test_a_lead_can_be_worked_when_the_words_of_its_inquiry_are_gone_or_not_readable(body, client, lead):
    with transaction.atomic(), pgtrigger.ignore("leads.Inquiry:raw_is_kept"):
        Inquiry.objects.update(raw_body=body)
    assert client.get(f"/admin/work/{lead.pk}/").status_code == 200


def test_a_wait_is_given_the_day_on_which_it_ends(client, lead):
    client.post(f"/admin/work/{lead.pk}/call/")
    fields = {"disposition": "needs_to_think", "outcome": "hold", "hold_reason": "timing_later"}
    record(client, lead, **fields, follow_up_on="2027-03-01")
    wakes = Trigger.objects.get(lead=lead, kind="date_reached", disarmed_at=None)
    assert str(wakes.due_at) == "2027-03-01 06:00:00+00:00"  # midnight in Austin
    assert not lead.clocks.open().exists(), "the trigger keeps the day; nobody owes anything before"


def test_a_call_back_promised_to_a_lead_in_nurture_is_in_the_list_of_whoever_promised_it(client, lead, caller):
    Lead.objects.filter(pk=lead.pk).update(decision="hold", next_step="nurture", stage="nurturing", request="info")
    lead.qualifications.update(decided_at="2026-12-01T15:00Z", decision="hold", next_step="nurture")
    client.post(f"/admin/work/{lead.pk}/called-us/")
    record(client, lead, disposition="callback_requested", callback_at="2026-12-03T15:00")
    rows = client.get("/admin/work/").context["work"].rows
    assert [(row.lead, row.clock.owed, row.clock.is_promise) for row in rows] == [(lead, "follow_up", True)]
    assert rows[0].due
    lead.refresh_from_db()
    assert lead.stage == "nurturing"


def test_a_lead_is_decided_from_the_page_without_a_call(client, lead, caller):
    Lead.objects.filter(pk=lead.pk).update(phone=None)
    assert 'aria-keyshortcuts="v"' in client.get(f"/admin/work/{lead.pk}/").content.decode()
    path = f"/admin/leads/lead/{lead.pk}/decide/"
    htmx = {"HX-Request": "true", "HX-Current-URL": f"http://testserver/admin/work/{lead.pk}/"}
    wrong = client.post(path, {"outcome": "disqualified", "reason": "no_capacity", "note": "x"}, headers=htmx)
    assert wrong.context["form"].errors.keys() == {"reason"}
    wrong = client.post(path, {"outcome": "hold", "reason": "timing_later"}, headers=htmx)
    assert wrong.context["form"].errors.keys() == {"note"}
    done = client.post(
        path, {"outcome": "disqualified", "reason": "vendor", "note": "Sells lamps; wrote by mail."}, headers=htmx
    )
    assert done.headers["HX-Redirect"] == f"/admin/work/{lead.pk}/"
    lead.refresh_from_db()
    assert (lead.stage, lead.stop_reason_id) == ("stopped", "vendor")
    assert lead.qualifications.get(closed_at=None).decided_by == caller
    note = Interaction.objects.get(kind="note")
    assert (note.text, note.by) == ("Sells lamps; wrote by mail.", caller)
    assert not Attempt.objects.exists()


def test_who_may_only_read_decides_nothing(client, lead):
    user = User.objects.create(username="reader", is_staff=True)
    user.groups.add(Group.objects.get(name="compliance"))
    client.force_login(user)
    assert client.post(f"/admin/leads/lead/{lead.pk}/decide/", {"outcome": "review", "note": "x"}).status_code == 403
    assert b"/decide/" not in client.get(f"/admin/work/{lead.pk}/").content


def test_a_mail_pays_the_first_attempt_that_is_owed(client, lead, caller, now):
    Lead.objects.filter(pk=lead.pk).update(next_step="callback")
    lead.qualifications.update(decided_at=now, decision="forward", next_step="callback", decided_by=caller)
    journey.advance([lead.pk], at=now)
    Lead.objects.filter(pk=lead.pk).update(team="scheduling", owner=caller)
    client.post(f"/admin/work/{lead.pk}/write/email/", {"subject": "Your visit", "body": "When may we call?"})
    lead.refresh_from_db()
    assert lead.advance_due_at == now
    journey.advance([lead.pk], at=now)
    assert lead.clocks.get(owed="first_attempt").met_by == caller
