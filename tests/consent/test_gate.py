"""The gate decides with few queries, reserves once, and freezes what it decided."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import JSONField, Value
from django.db.utils import DatabaseError
from django.test.utils import CaptureQueriesContext

from consent import gate, ledger
from consent.gate import NotContactable
from consent.models import Address, Attempt, CallingRule, Disclosure, ListSnapshot, PolicySetting
from consent.request import ContactRequest, Place
from consent.sentences import SENTENCES
from medcrm.lib.errors import InvalidTransition
from tests.consent.conftest import make_address
from tests.consent.factories import ask, grant, say

pytestmark = pytest.mark.django_db
MOST_QUERIES = 6  # issue 3; four are needed today


@pytest.fixture
def permitted(phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime) -> Address:
    grant(phone, disclosure, now=now)
    return phone


def test_a_decision_says_what_it_rests_on(permitted: Address, scrub: ListSnapshot, now: datetime) -> None:
    with CaptureQueriesContext(connection) as queries:
        decision = gate.decide(ask(permitted), at=now)
    assert len(queries) <= MOST_QUERIES
    assert (decision.allowed, decision.kind, decision.code) == (True, "allow", "OK_PEWC")
    assert len(decision.events) == 1 and decision.lists == (scrub.pk,)
    assert decision.zones == ("America/New_York",) and decision.local_times[0].startswith("2026-11-24T11:00")
    assert decision.rules_version.startswith("2026-11-23/")
    assert "area code 212: America/New_York, NY" in decision.zone_sources


def test_many_decisions_cost_as_much_as_one(disclosure: Disclosure, scrub: ListSnapshot, now: datetime) -> None:
    held = [make_address("phone", f"+1212555{n:04}") for n in range(60)]
    ledger.record_many(
        [ledger.Entry(a.pk, "grant", occurred_at=now, disclosure=disclosure) for a in held[::2]], now=now
    )
    with CaptureQueriesContext(connection) as queries:
        decisions = gate.decide_many([ask(a) for a in held], at=now)
    assert len(queries) <= MOST_QUERIES
    assert [d.code for d in decisions] == ["OK_PEWC", "NO_CONSENT"] * 30
    assert [d.code for d in decisions[:3]] == [gate.decide(ask(a), at=now).code for a in held[:3]]
    assert gate.decide_many([], at=now) == []


def test_a_refusal_is_written_and_raised(phone: Address, seller: object, scrub: ListSnapshot, now: datetime) -> None:
    with pytest.raises(NotContactable) as refusal:
        gate.reserve(ask(phone), at=now, automation="test")
    kept = Attempt.objects.get()
    assert (
        (kept.state, kept.kind, kept.code)
        == ("refused", "deny", "NO_CONSENT")
        == ("refused", "deny", refusal.value.code)
    )
    assert kept.basis["request"]["purpose"] == "marketing"


def test_a_hold_says_when(permitted: Address, now: datetime) -> None:
    night = now.replace(hour=4)
    with pytest.raises(NotContactable) as refusal:
        gate.reserve(ask(permitted), at=night)
    assert refusal.value.decision.next_allowed_at == now.replace(hour=13)


def test_the_cap_counts_reservations_and_not_what_surely_failed(permitted: Address, now: datetime) -> None:
    made = [gate.reserve(ask(permitted), at=now) for _ in range(3)]
    with pytest.raises(NotContactable, match="limit") as refusal:
        gate.reserve(ask(permitted), at=now)
    assert refusal.value.decision.next_allowed_at == now + timedelta(days=1)
    gate.settle(made[0].pk, "failed", now=now)
    assert gate.reserve(ask(permitted), at=now).state == "reserved"


@pytest.mark.parametrize(("value", "allowed"), [(3, True), (0, False), (None, True)])
def test_no_cap_and_zero_are_two_things(permitted: Address, now: datetime, value: int | None, allowed: bool) -> None:
    PolicySetting.objects.filter(pk="marketing_cap").update(value=Value(value, JSONField()))
    assert gate.decide(ask(permitted), at=now).allowed is allowed


def test_a_stop_between_reservation_and_provider_cancels(permitted: Address, now: datetime) -> None:
    attempt = gate.reserve(ask(permitted), at=now)
    say(permitted, "STOP", now=now + timedelta(seconds=1))
    with pytest.raises(NotContactable) as refusal:
        gate.hand_over(attempt.pk, at=now + timedelta(seconds=2))
    attempt.refresh_from_db()
    assert (refusal.value.code, attempt.state, attempt.outcome) == ("REVOKED", "cancelled", "REVOKED")


def test_an_attempt_is_handed_over_once(permitted: Address, now: datetime) -> None:
    attempt = gate.reserve(ask(permitted), at=now)
    gate.hand_over(attempt.pk, at=now)
    with pytest.raises(InvalidTransition):
        gate.hand_over(attempt.pk, at=now)
    assert gate.settle(attempt.pk, "sent", now=now, provider_id="SM1").state == "sent"
    with pytest.raises(InvalidTransition):
        gate.settle(attempt.pk, "failed", now=now)


def test_what_was_never_settled_becomes_unknown_and_still_counts(permitted: Address, now: datetime) -> None:
    for _ in range(3):
        gate.reserve(ask(permitted), at=now)
    assert gate.settle_forgotten(now=now + timedelta(minutes=10)) == 0
    assert gate.settle_forgotten(now=now + timedelta(minutes=16)) == 3
    assert gate.decide(ask(permitted), at=now + timedelta(hours=1)).code == "FREQ_CAP_POLICY"


def test_a_batch_costs_as_much_as_one_and_counts_itself(permitted: Address, mailbox: Address, now: datetime) -> None:
    with CaptureQueriesContext(connection) as queries:
        made = gate.reserve_many([ask(permitted)] * 5 + [ask(mailbox, "email")] * 20, at=now)
    statements = [q for q in queries.captured_queries if not q["sql"].startswith(("BEGIN", "SAVEPOINT", "RELEASE"))]
    assert len(statements) == 7
    assert [a.state for a, _decision in made][:5] == ["reserved"] * 3 + ["refused"] * 2
    assert all(a.pk for a, _decision in made)
    say(permitted, "STOP", now=now)
    results = gate.hand_over_many([a.pk for a, _decision in made], at=now)
    assert [r.is_on_its_way for r in results] == [False] * 5 + [True] * 20
    assert [r.state for r in results][:5] == ["cancelled"] * 3 + ["refused"] * 2
    outcomes = [gate.Outcome(attempt_id=r.attempt_id, state="sent", provider_id="x") for r in results]
    assert len(gate.settle_many(outcomes, now=now)) == 20
    assert Attempt.objects.filter(state="sent", provider_id="x").count() == 20


def test_a_decision_is_frozen(permitted: Address, now: datetime) -> None:
    attempt = gate.reserve(ask(permitted), at=now)
    for change in (
        {"code": "OK_EBR"},
        {"at": now - timedelta(days=1)},
        {"basis": {}},
        {"events": []},
        {"content_sha256": "0"},
    ):
        with pytest.raises(DatabaseError, match="decision_frozen|Cannot update"), transaction.atomic():
            Attempt.objects.filter(pk=attempt.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        attempt.delete()
    with pytest.raises(DatabaseError, match="transition"), transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk).update(state="refused")


def test_a_changed_rule_changes_the_version_and_the_answer(permitted: Address, now: datetime) -> None:
    before = gate.decide(ask(permitted), at=now)
    CallingRule.objects.filter(state="NY", retired_at=None).update(weekday_start="12:00")
    after = gate.decide(ask(permitted), at=now)
    assert before.allowed and (after.code, after.next_allowed_at) == ("QUIET_HOURS_STATE", now.replace(hour=17))
    assert after.rules_version != before.rules_version


def test_without_rows_the_strict_defaults_hold(permitted: Address, now: datetime) -> None:
    PolicySetting.objects.all().delete()
    for _ in range(3):
        gate.reserve(ask(permitted), at=now)
    assert gate.decide(ask(permitted), at=now).code == "FREQ_CAP_POLICY"


def test_a_hold_that_ends_in_another_refusal_has_no_next_moment(
    phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime
) -> None:
    night = now.replace(hour=4)
    grant(phone, disclosure, now=now, expires_at=night + timedelta(hours=1))
    decision = gate.decide(ask(phone), at=night)
    assert (decision.kind, decision.next_allowed_at) == ("hold", None)


def test_a_hold_waits_for_window_and_cap_together(permitted: Address, now: datetime) -> None:
    for hour in (0, 1, 1):
        Attempt.objects.create(
            address=permitted, seller_id="harbor", channel="sms", purpose="marketing", state="sent", kind="allow",
            code="OK_PEWC", at=now.replace(day=24, hour=14 + hour),
        )  # fmt: skip
    night = now.replace(day=25, hour=4)
    assert gate.decide(ask(permitted), at=night).next_allowed_at == now.replace(day=25, hour=14)


def test_a_person_without_a_known_state_gets_the_strictest_rules(
    disclosure: Disclosure, scrub: ListSnapshot, now: datetime
) -> None:
    foreign = make_address("phone", "+14165550123")
    grant(foreign, disclosure, now=now)
    request = ask(foreign, place=Place(zones=("America/Toronto",)))
    assert gate.decide(request, at=now).allowed
    assert gate.decide(request, at=now.replace(hour=23, minute=30)).code == "QUIET_HOURS_STATE"


def test_a_number_never_checked_is_good_for_ninety_days(
    phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime
) -> None:
    grant(phone, disclosure, now=now, days_ago=91)
    assert gate.decide(ask(phone), at=now).code == "RND_CHECK_REQUIRED"
    check = {"occurred_at": now - timedelta(days=30), "facts": {"result": "no"}}
    ledger.record(phone.pk, "number_check", now=now, **check)
    assert gate.decide(ask(phone), at=now).allowed
    assert gate.decide(ask(phone), at=now + timedelta(days=1)).code == "RND_CHECK_REQUIRED"


def test_a_reply_needs_something_to_reply_to(
    phone: Address, seller: object, scrub: ListSnapshot, now: datetime
) -> None:
    request = ask(phone, purpose="conversational_reply")
    assert gate.decide(request, at=now).code == "NO_CONSENT"
    say(phone, "what is the price?", now=now)
    assert gate.decide(request, at=now).code == "OK_REPLY"
    say(phone, "STOP", now=now + timedelta(minutes=1))
    assert gate.decide(request, at=now + timedelta(minutes=2)).code == "REVOKED"
    say(phone, "HELP", now=now + timedelta(minutes=3))
    assert gate.decide(request, at=now + timedelta(minutes=4)).code == "OK_REPLY"


def test_start_lifts_a_stop_but_not_a_do_not_call_request(permitted: Address, now: datetime) -> None:
    say(permitted, "STOP", now=now)
    say(permitted, "START", now=now + timedelta(minutes=1))
    assert gate.decide(ask(permitted), at=now + timedelta(minutes=2)).allowed
    ledger.record(permitted.pk, "internal_dnc", occurred_at=now + timedelta(minutes=2), now=now + timedelta(minutes=2))
    say(permitted, "START", now=now + timedelta(minutes=3))
    assert gate.decide(ask(permitted), at=now + timedelta(minutes=4)).code == "INTERNAL_DNC"


def test_an_older_proof_never_revives(permitted: Address, disclosure: Disclosure, now: datetime) -> None:
    say(permitted, "STOP", now=now)
    grant(permitted, disclosure, now=now, days_ago=1)  # an import of what was signed yesterday
    grant(permitted, disclosure, now=now, days_ago=0, fresh_opt_in=False)
    grant(permitted, disclosure, now=now, days_ago=0)  # the very same instant: the restrictive reading
    assert gate.decide(ask(permitted), at=now).code == "REVOKED"


@pytest.mark.parametrize("kind", ["wrong_number", "deceased"])
def test_some_events_end_every_contact_by_hand_too(permitted: Address, now: datetime, kind: str) -> None:
    ledger.record(permitted.pk, kind, occurred_at=now, now=now)
    assert gate.decide(ask(permitted, "voice_manual", "informational"), at=now).code == "REVOKED"


def test_an_unknown_channel_is_a_bug(phone: Address) -> None:
    with pytest.raises(ValueError, match="fax"):
        ContactRequest(address_id=phone.pk, channel="fax", purpose="marketing", seller="harbor")


def test_every_code_has_a_sentence() -> None:
    import re
    from pathlib import Path

    import consent

    text = "".join(p.read_text() for p in Path(consent.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'"((?:[A-Z0-9]+_)+[A-Z0-9]+|REVOKED)"', text)) - {"INVALID_EVENT", "INVALID_ADDRESS"}
    for code in codes & set(SENTENCES):
        assert len(SENTENCES[code]) > 20
    assert {"REVOKED", "OK_PEWC", "NUMBER_INVALID"} <= set(SENTENCES)
