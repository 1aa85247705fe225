"""A message is recorded once, obeyed at once and answered once."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db.models import JSONField, Value

from consent import gate, inbound, people
from consent.gate import NotContactable
from consent.models import Address, ConsentEvent, Disclosure, ListSnapshot, PolicySetting, Seller
from medcrm.lib.errors import RuleError
from tests.consent.factories import ask, grant

pytestmark = pytest.mark.django_db


def receive(address: Address, text: str, seller: Seller, now: datetime, **fields: object) -> inbound.Received:
    channel = "email" if address.kind == "email" else "sms"
    return inbound.receive(
        address.pk, text, **{"channel": channel, "seller": seller, "occurred_at": now, "at": now, **fields}
    )


def test_stop_is_obeyed_at_once_and_confirmed_once(
    phone: Address, disclosure: Disclosure, seller: Seller, scrub: ListSnapshot, now: datetime
) -> None:
    grant(phone, disclosure, now=now)
    got = receive(phone, "Stop!", seller, now)
    assert got.verdict == "revoke" and "no more messages" in got.answer.text
    assert gate.decide(ask(phone), at=now).code == "REVOKED"
    confirmation = ask(phone, purpose=got.answer.purpose)
    gate.reserve(confirmation, at=now + timedelta(minutes=5))
    with pytest.raises(NotContactable) as refusal:
        gate.reserve(confirmation, at=now + timedelta(minutes=5))
    assert refusal.value.code == "CONFIRMATION_ALREADY_SENT"
    assert gate.decide(confirmation, at=now + timedelta(minutes=5, seconds=1)).code == "CONFIRMATION_ALREADY_SENT"


def test_the_same_delivery_twice_is_one_message(phone: Address, seller: Seller, now: datetime) -> None:
    first = receive(phone, "STOP", seller, now, key="SM1")
    again = receive(phone, "STOP", seller, now, key="SM1")
    assert (first.is_new, again.is_new, again.answer) == (True, False, None)
    assert ConsentEvent.objects.count() == 1


def test_a_stop_by_mail_speaks_for_mailbox_and_number(
    phone: Address, mailbox: Address, disclosure: Disclosure, seller: Seller, scrub: ListSnapshot, now: datetime
) -> None:
    grant(phone, disclosure, now=now)
    receive(mailbox, "Please remove me from your text list", seller, now, also=[phone.pk, mailbox.pk])
    assert gate.decide(ask(phone), at=now).code == "REVOKED"
    assert gate.decide(ask(mailbox, "email"), at=now).code == "EMAIL_UNSUBSCRIBED"
    assert gate.decide(ask(mailbox, "email", "transactional"), at=now).allowed


def test_an_ambiguous_message_waits_for_a_person(
    phone: Address, disclosure: Disclosure, seller: Seller, scrub: ListSnapshot, now: datetime
) -> None:
    grant(phone, disclosure, now=now)
    got = receive(phone, "can you stop by the front desk tomorrow", seller, now)
    assert [event.pk for event in inbound.queue()] == [got.event.pk]
    assert gate.decide(ask(phone), at=now).code == "REVOCATION_REVIEW"
    inbound.review(got.event.pk, "none", by=None, at=now, note="asks for directions")
    assert not inbound.queue().exists()
    assert gate.decide(ask(phone), at=now).allowed


def test_a_mail_to_be_read_holds_the_number_and_one_reading_settles_both(
    phone: Address, mailbox: Address, disclosure: Disclosure, seller: Seller, scrub: ListSnapshot, now: datetime
) -> None:
    grant(phone, disclosure, now=now)
    got = receive(mailbox, "please cancel this", seller, now, also=[phone.pk])
    assert [event.pk for event in inbound.queue()] == [got.event.pk]
    assert gate.decide(ask(phone), at=now).code == "REVOCATION_REVIEW"
    inbound.review(got.event.pk, "none", by=None, at=now)
    assert not inbound.queue().exists()
    assert gate.decide(ask(phone), at=now).allowed
    reply = ask(phone, purpose="conversational_reply")
    assert gate.decide(reply, at=now).code == "OK_PEC", "the mail is no text to answer"


def test_a_mail_read_as_a_stop_ends_mail_and_texts(
    phone: Address, mailbox: Address, disclosure: Disclosure, seller: Seller, scrub: ListSnapshot, now: datetime
) -> None:
    grant(phone, disclosure, now=now)
    got = receive(mailbox, "please cancel this", seller, now, also=[phone.pk])
    [held] = ConsentEvent.objects.filter(address=phone, kind="inbound")
    inbound.review(held.pk, "revoke", by=None, at=now)
    assert gate.decide(ask(phone), at=now).code == "REVOKED"
    assert gate.decide(ask(mailbox, "email"), at=now).code == "EMAIL_UNSUBSCRIBED"
    assert ConsentEvent.objects.filter(kind="review", about=got.event.pk, verdict="revoke").exists()


def test_a_mail_read_as_a_stop_reaches_numbers_that_were_not_held(
    phone: Address, mailbox: Address, disclosure: Disclosure, seller: Seller, scrub: ListSnapshot, now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    grant(phone, disclosure, now=now)
    got = receive(mailbox, "please cancel this", seller, now)
    monkeypatch.setattr(people, "_companions", lambda pk: [phone.pk, mailbox.pk])
    inbound.review(got.event.pk, "revoke", by=None, at=now)
    assert gate.decide(ask(phone), at=now).code == "REVOKED"


@pytest.mark.parametrize(("text", "code"), [("please stop", "REVOKED"), ("please cancel this", "REVOCATION_REVIEW")])
def test_a_mail_reaches_every_number_of_whoever_has_the_mailbox(
    text: str, code: str, phone: Address, mailbox: Address, disclosure: Disclosure, seller: Seller,
    scrub: ListSnapshot, now: datetime, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(people, "_companions", lambda pk: [phone.pk, mailbox.pk])
    grant(phone, disclosure, now=now)
    receive(mailbox, text, seller, now)
    assert gate.decide(ask(phone), at=now).code == code


def test_a_text_speaks_for_its_number_alone(
    phone: Address, mailbox: Address, seller: Seller, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "_companions", lambda pk: [phone.pk, mailbox.pk])
    receive(phone, "STOP", seller, now)
    assert not ConsentEvent.objects.filter(address=mailbox).exists()


def test_a_second_stop_is_not_confirmed_again(
    phone: Address, disclosure: Disclosure, seller: Seller, scrub: ListSnapshot, now: datetime
) -> None:
    confirmation = ask(phone, purpose=receive(phone, "STOP", seller, now).answer.purpose)
    gate.reserve(confirmation, at=now)
    receive(phone, "STOP!!", seller, now + timedelta(minutes=1))
    assert gate.decide(confirmation, at=now + timedelta(minutes=2)).code == "CONFIRMATION_ALREADY_SENT"
    receive(phone, "START", seller, now + timedelta(minutes=3))
    receive(phone, "STOP", seller, now + timedelta(minutes=4))
    assert gate.decide(confirmation, at=now + timedelta(minutes=5)).allowed


def test_where_readers_differ_the_stricter_reading_stands(
    phone: Address, disclosure: Disclosure, seller: Seller, scrub: ListSnapshot, now: datetime
) -> None:
    grant(phone, disclosure, now=now)
    got = receive(phone, "I want to cancel", seller, now)
    for verdict in ("revoke", "none"):
        inbound.review(got.event.pk, verdict, by=None, at=now)
    assert gate.decide(ask(phone), at=now).code == "REVOKED"


def test_help_is_answered_even_after_a_stop(phone: Address, seller: Seller, now: datetime) -> None:
    receive(phone, "STOP", seller, now)
    later = now + timedelta(minutes=1)
    got = receive(phone, "HELP", seller, later)
    assert "STOP" in got.answer.text and "512-555-0100" in got.answer.text
    assert gate.decide(ask(phone, purpose=got.answer.purpose), at=later).code == "OK_REPLY"


def test_a_review_names_a_message_and_a_verdict(phone: Address, seller: Seller, now: datetime) -> None:
    with pytest.raises(RuleError, match="not in the ledger"):
        inbound.review(uuid4(), "none", by=None, at=now)
    with pytest.raises(RuleError, match="yes or no"):
        inbound.review(uuid4(), "maybe", by=None, at=now)


@pytest.mark.parametrize(("days", "waits"), [(7, True), (6, False), (0, False)])
def test_a_message_may_be_answered_for_as_long_as_policy_says(
    phone: Address, seller: Seller, now: datetime, days: int, waits: bool
) -> None:
    PolicySetting.objects.filter(pk="answer_within_days").update(value=Value(days, JSONField()))
    receive(phone, "Do you have evenings?", seller, now - timedelta(days=7))
    assert inbound.unanswered([phone.pk], at=now) == ({(phone.pk, "sms")} if waits else set())


@pytest.mark.parametrize(("automation", "waits"), [("nurture.acknowledging", True), ("", False)])
def test_a_message_is_answered_by_a_person_and_not_by_what_a_program_sends_meanwhile(
    phone: Address,
    disclosure: Disclosure,
    scrub: ListSnapshot,
    seller: Seller,
    now: datetime,
    automation: str,
    waits: bool,
) -> None:
    grant(phone, disclosure, now=now)
    receive(phone, "Do you have evenings?", seller, now)
    sent = gate.reserve(ask(phone, channel="sms"), at=now + timedelta(minutes=1), automation=automation)
    assert sent.state == "reserved"
    assert inbound.unanswered([phone.pk], at=now + timedelta(hours=1)) == ({(phone.pk, "sms")} if waits else set())
