"""What staff write down that no message tells, and what the gate makes of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from consent import gate, ledger, noting
from consent.models import Address, ConsentEvent, Disclosure, ListSnapshot
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
    noting.note_number_check(old.pk, "no", checked_at=now, by=None, now=now)
    assert (text_code(old, now), _to_check()) == ("OK_PEWC", [])
    noting.note_number_check(old.pk, "yes", checked_at=now, by=None, now=now)
    assert gate.decide(ask(old, "voice_manual"), at=now).code == "NUMBER_REASSIGNED"


def _to_check() -> list[str]:
    out = StringIO()
    call_command("numbers_to_check", days=100_000, stdout=out)
    return out.getvalue().split()


def test_where_the_person_says_they_are_counts_beside_the_area_code(old: Address, now: datetime) -> None:
    noting.note_said(old.pk, "location", said="I live in Phoenix now", state="az", occurred_at=now, by=None, now=now)
    decision = gate.decide(ask(old, "voice_manual", place=Place()), at=now)
    assert "AZ" in decision.states
    assert "America/Phoenix" in decision.zones


def test_a_hipaa_authorization_is_kept_with_its_end_and_can_be_revoked(old: Address, now: datetime) -> None:
    ends = now + timedelta(days=365)
    told = {"said": "Form 12 of 1 December", "occurred_at": now, "by": None, "now": now}
    made = noting.note_said(old.pk, "hipaa_authorization", expires_at=ends, states_payment=True, **told)
    assert (made.expires_at, made.facts) == (ends, {"states_remuneration": True})
    assert noting.note_said(old.pk, "hipaa_revoked", **told).kind == "hipaa_revoked"


def test_a_wrong_number_of_the_wrong_lead_is_corrected_and_stays_readable(old: Address, now: datetime) -> None:
    wrong = ledger.record(old.pk, "wrong_number", occurred_at=now, now=now)
    assert gate.decide(ask(old, "voice_manual"), at=now).code == "REVOKED"
    noting.correct(wrong.pk, reason="recorded on the wrong lead", by=None, now=now)
    assert gate.decide(ask(old, "voice_manual"), at=now).allowed
    assert ConsentEvent.objects.filter(pk=wrong.pk).exists()
    with pytest.raises(RuleError) as refused:
        noting.correct(wrong.pk, reason="again", by=None, now=now)
    assert refused.value.code == "CORRECTED_ALREADY"


@pytest.mark.parametrize("kind", ["revoke", "internal_dnc", "inbound"])
def test_what_the_person_asked_is_never_corrected_away(kind: str, old: Address, now: datetime) -> None:
    event = ledger.record(old.pk, kind, occurred_at=now, now=now, text="STOP")
    with pytest.raises(RuleError) as refused:
        noting.correct(event.pk, reason="they did not mean it", by=None, now=now)
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
        noting.note_said(old.pk, kind, **{"said": "on the call", "occurred_at": now, "by": None, "now": now, **fields})
    assert refused.value.field == wrong
