"""What staff write down that no message tells, and what the gate makes of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from consent import gate, ledger, noting
from consent.models import Address, ConsentEvent, Disclosure, ListEntry, ListSnapshot
from consent.request import Place
from medcrm.lib.errors import RuleError
from tests.consent.factories import ask, grant

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime) -> Address:
    """A number whose written consent is older than the ninety days after which it must be looked up [T22]."""
    grant(phone, disclosure, now=now, days_ago=120)
    return phone


def text_code(phone: Address, at: datetime) -> str:
    return gate.decide(ask(phone, "sms"), at=at).code


def test_an_answer_of_the_database_lets_texts_go_on_or_ends_them(old: Address, now: datetime) -> None:
    assert text_code(old, now) == "RND_CHECK_REQUIRED"
    with pytest.raises(gate.NotContactable):
        gate.reserve(ask(old, "sms"), at=now)
    assert _to_check() == [old.value]
    noting.note_number_check(old.pk, "no", checked_at=now, by=None, at=now)
    assert (text_code(old, now), _to_check()) == ("OK_PEWC", [])
    noting.note_number_check(old.pk, "yes", checked_at=now, by=None, at=now)
    assert gate.decide(ask(old, "voice_manual"), at=now).code == "NUMBER_REASSIGNED"


@pytest.mark.parametrize(
    ("kind", "line", "code"),
    [
        ("business", "landline", "OK_B2B_MANUAL"),
        ("business", "", "NATIONAL_DNC"),  # what is not known counts as a mobile
        ("business", "mobile", "NATIONAL_DNC"),
        ("business", "voip", "NATIONAL_DNC"),
        ("consumer", "landline", "NATIONAL_DNC"),
    ],
)
def test_the_national_list_does_not_bar_calls_to_the_landline_of_a_business(
    kind, line, code, phone: Address, scrub: ListSnapshot, now: datetime
) -> None:
    """CC-034 by the product's own road [T20]."""
    ListEntry.objects.create(snapshot=scrub, number=int(phone.value[1:]))
    if line:
        noting.note_line_type(phone.pk, line, reason="carrier lookup 117", by=None, at=now)
    decision = gate.decide(ask(phone, "voice_manual", contact_kind=kind), at=now)
    assert decision.code == code
    if decision.allowed:
        assert decision.events == (ConsentEvent.objects.get(kind="line_type").pk,)


def test_new_jersey_bars_unasked_sales_calls_to_mobiles_and_not_to_landlines(phone, scrub, now: datetime) -> None:
    call = ask(phone, "voice_manual", place=Place(state="NJ", zones=("America/New_York",)))
    assert gate.decide(call, at=now).code == "STATE_CELL_SALES_BAN"
    found = noting.note_line_type(phone.pk, "landline", reason="carrier lookup 117", by=None, at=now)
    assert gate.decide(call, at=now).code == "OK_MANUAL_NOT_ON_DNC"
    assert gate.decide(call, at=now - timedelta(minutes=1)).code == "STATE_CELL_SALES_BAN"  # not known by then
    noting.correct(found.pk, reason="another number", by=None, at=now)
    assert gate.decide(call, at=now).code == "STATE_CELL_SALES_BAN"
    noting.note_line_type(phone.pk, "landline", reason="carrier lookup 118", by=None, at=now)
    noting.note_line_type(phone.pk, "mobile", reason="it was carried to a mobile", by=None, at=now)
    assert gate.decide(call, at=now).code == "STATE_CELL_SALES_BAN"


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"line_type": "fax"}, "INVALID_LINE"), ({"reason": " "}, "REASON_NEEDED"), ({"mailbox": True}, "NO_NUMBER")],
)
def test_a_kind_of_line_is_of_a_number_and_says_how_it_is_known(fields, code, phone, mailbox, now: datetime) -> None:
    address = mailbox if fields.get("mailbox") else phone
    given = {"line_type": "landline", "reason": "carrier lookup 117", **fields}
    with pytest.raises(RuleError) as refused:
        noting.note_line_type(address.pk, given["line_type"], reason=given["reason"], by=None, at=now)
    assert refused.value.code == code
    assert not ConsentEvent.objects.filter(kind="line_type").exists()


def _to_check() -> list[str]:
    out = StringIO()
    call_command("numbers_to_check", days=100_000, stdout=out)
    return out.getvalue().split()


def test_where_the_person_says_they_are_counts_beside_the_area_code(old: Address, now: datetime) -> None:
    noting.note_said(old.pk, "location", said="I live in Phoenix now", state="az", occurred_at=now, by=None, at=now)
    decision = gate.decide(ask(old, "voice_manual", place=Place()), at=now)
    assert "AZ" in decision.states
    assert "America/Phoenix" in decision.zones


def test_a_hipaa_authorization_is_kept_with_its_end_and_can_be_revoked(old: Address, now: datetime) -> None:
    ends = now + timedelta(days=365)
    told = {"said": "Form 12 of 1 December", "occurred_at": now, "by": None, "at": now}
    made = noting.note_said(old.pk, "hipaa_authorization", expires_at=ends, states_payment=True, **told)
    assert (made.expires_at, made.facts) == (ends, {"states_remuneration": True})
    assert noting.note_said(old.pk, "hipaa_revoked", **told).kind == "hipaa_revoked"


def test_a_wrong_number_of_the_wrong_lead_is_corrected_and_stays_readable(old: Address, now: datetime) -> None:
    wrong = ledger.record(old.pk, "wrong_number", occurred_at=now, at=now)
    assert gate.decide(ask(old, "voice_manual"), at=now).code == "REVOKED"
    noting.correct(wrong.pk, reason="recorded on the wrong lead", by=None, at=now)
    assert gate.decide(ask(old, "voice_manual"), at=now).allowed
    assert ConsentEvent.objects.filter(pk=wrong.pk).exists()
    with pytest.raises(RuleError) as refused:
        noting.correct(wrong.pk, reason="again", by=None, at=now)
    assert refused.value.code == "CORRECTED_ALREADY"


@pytest.mark.parametrize("kind", ["revoke", "internal_dnc", "inbound"])
def test_what_the_person_asked_is_never_corrected_away(kind: str, old: Address, now: datetime) -> None:
    event = ledger.record(old.pk, kind, occurred_at=now, at=now, text="STOP")
    with pytest.raises(RuleError) as refused:
        noting.correct(event.pk, reason="they did not mean it", by=None, at=now)
    assert refused.value.code == "NOT_CORRECTABLE"
    assert not gate.decide(ask(old, "sms"), at=now).allowed


@pytest.mark.parametrize(
    ("kind", "fields", "wrong"),
    [
        ("location", {"state": "ZZ"}, "state"),
        ("ebr_terminated", {"said": " "}, "said"),
        ("grant", {}, "kind"),
    ],
)
def test_what_lacks_is_named(kind, fields, wrong, old: Address, now: datetime) -> None:
    with pytest.raises(RuleError) as refused:
        noting.note_said(old.pk, kind, **{"said": "on the call", "occurred_at": now, "by": None, "at": now, **fields})
    assert refused.value.field == wrong
