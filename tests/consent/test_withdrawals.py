"""What staff or a client writes down for a person reaches every address that the person meant."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from consent import gate, ledger, people
from consent.models import Address, ConsentEvent, Disclosure, ListSnapshot, Permission
from consent.withdrawals import record_withdrawal, withdraw
from leads.models import Lead
from leads.people import companion_ids
from tests.consent.conftest import make_address
from tests.consent.factories import ask, grant

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(
    phone: Address,
    mailbox: Address,
    disclosure: Disclosure,
    scrub: ListSnapshot,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Address, Address]:
    """A number and a mailbox of one person, both permitted."""
    monkeypatch.setattr(people, "_companions", lambda pk: [phone.pk, mailbox.pk])
    for address in (phone, mailbox):
        grant(address, disclosure, now=now)
    return phone, mailbox


def codes(pair: tuple[Address, Address], at: datetime) -> tuple[str, ...]:
    """Of a sales text, a sales call by hand, an informing call by hand, a newsletter and a mail about the visit."""
    phone, mailbox = pair
    requests = [
        ask(phone),
        ask(phone, "voice_manual"),
        ask(phone, "voice_manual", "informational"),
        ask(mailbox, "email"),
        ask(mailbox, "email", "transactional"),
    ]
    return tuple(decision.code for decision in gate.decide_many(requests, at=at))


CALL, VISIT = "OK_MANUAL_INFORMATIONAL", "OK_TRANSACTIONAL"
NO, DNC, UNSUB, NEWS = "REVOKED", "INTERNAL_DNC", "EMAIL_UNSUBSCRIBED", "OK_EMAIL_OPTOUT_REGIME"


@pytest.mark.parametrize(
    ("said_of", "scope", "expected"),
    [
        ("phone", "marketing", (NO, NO, CALL, NEWS, VISIT)),
        ("phone", "all", (NO, NO, CALL, NEWS, VISIT)),
        ("phone", "dnc", (DNC, DNC, CALL, NEWS, VISIT)),
        ("phone", "all_contact", (NO, NO, CALL, NO, NO)),
        ("phone", "everything", (NO, NO, NO, NO, NO)),
        ("email", "all", (NO, NO, CALL, UNSUB, VISIT)),
        ("email", "dnc", (DNC, DNC, CALL, DNC, VISIT)),
        ("email", "all_contact", (NO, NO, CALL, NO, NO)),
        ("email", "everything", (NO, NO, NO, NO, NO)),
    ],
)
def test_a_withdrawal_reaches_as_far_as_it_was_meant(
    pair: tuple[Address, Address], now: datetime, said_of: str, scope: str, expected: tuple[str, ...]
) -> None:
    address = pair[said_of == "email"]
    event = record_withdrawal(address.pk, scope, said="by letter", occurred_at=now, by=None, at=now)
    assert event.address_id == address.pk
    assert codes(pair, now + timedelta(minutes=1)) == expected
    assert ledger.stale_projections([each.pk for each in pair]) == []


def test_an_unsubscribed_mailbox_says_nothing_about_the_number(pair: tuple[Address, Address], now: datetime) -> None:
    record_withdrawal(pair[1].pk, "marketing", said="by mail", occurred_at=now, by=None, at=now)
    assert codes(pair, now)[:1] == ("OK_PEWC",) and codes(pair, now)[3] == UNSUB


def test_the_list_shows_a_mailbox_that_wants_nothing(pair: tuple[Address, Address], now: datetime) -> None:
    record_withdrawal(pair[0].pk, "everything", said="by letter", occurred_at=now, by=None, at=now)
    assert set(Permission.objects.values_list("state", "code")) == {("blocked", "REVOKED")}


def test_only_a_fresh_consent_to_mail_opens_a_mailbox_again(
    pair: tuple[Address, Address], disclosure: Disclosure, now: datetime
) -> None:
    record_withdrawal(pair[1].pk, "everything", said="by letter", occurred_at=now, by=None, at=now)
    later = now + timedelta(days=1)
    grant(pair[0], disclosure, now=later, days_ago=0, channels=["voice", "sms"])
    assert codes(pair, later) == ("OK_PEWC", "OK_MANUAL_NOT_ON_DNC", CALL, NO, NO)
    grant(pair[1], disclosure, now=later, days_ago=0, channels=["email"])
    assert codes(pair, later)[3:] == (NEWS, VISIT)


@pytest.mark.parametrize(("scope", "code"), [("all_contact", NEWS), ("marketing", UNSUB)])
def test_a_fresh_act_lifts_a_withdrawal_whatever_its_channels_and_an_unsubscribe_only_with_mail(
    pair: tuple[Address, Address], disclosure: Disclosure, now: datetime, scope: str, code: str
) -> None:
    record_withdrawal(pair[1].pk, scope, said="by letter", occurred_at=now, by=None, at=now)
    later = now + timedelta(days=1)
    grant(pair[1], disclosure, now=later, days_ago=0, channels=["voice", "sms"])
    assert codes(pair, later)[3] == code


def test_an_address_that_nobody_knows_can_be_withdrawn(db: None, now: datetime) -> None:
    event = withdraw(("phone", "+12125550177"), "all_contact", said="no", occurred_at=now, by=None, at=now)
    assert ConsentEvent.objects.get() == event


def test_the_addresses_of_a_person_are_those_of_all_their_leads(
    organisation: object, phone: Address, mailbox: Address, now: datetime
) -> None:
    second, stranger = make_address("phone", "+12125550188"), make_address("phone", "+12125550199")
    given = {"lead_type": "patient", "source_id": "web_consult", "created_at": now}
    stays = Lead.objects.create(phone=phone, email=mailbox, **given)
    Lead.objects.create(phone=second, merged_into=stays, **given)
    Lead.objects.create(phone=stranger, **given)
    for known in (phone, mailbox, second):
        assert set(companion_ids(known.pk)) == {phone.pk, mailbox.pk, second.pk}
    assert people.companions(stranger.pk) == []
