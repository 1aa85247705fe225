"""A plain yes to a reminder confirms the visit; whatever else is said, a person reads it."""

from __future__ import annotations

from datetime import datetime

import pytest

from consent.models import ConsentEvent
from leads.models import Appointment, Interaction, Lead
from leads.services import appointments
from medcrm.lib.errors import RuleError
from nurture import confirming
from nurture.models import Message
from tests.notices.told import (
    BEGINS,
    DAY,
    HOUR,
    MINUTE,
    reply,
    run,
)


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


def test_an_answer_that_cannot_confirm_the_visit_is_read_by_a_person(reminded: Appointment, monkeypatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise RuleError("NO", "It cannot be.")

    monkeypatch.setattr(confirming.appointments, "settle_appointment", refuse)
    reply("C", reminded, at=BEGINS - DAY + HOUR)
    assert Interaction.objects.get(kind="sms_reply").text == "C"
