"""The gate decides with few queries, reserves once, and freezes what it decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import JSONField, Value
from django.db.utils import DatabaseError
from django.test.utils import CaptureQueriesContext

from consent import gate, ledger, stopping
from consent.gate import NotContactable
from consent.models import (
    Address,
    Attempt,
    CallingRule,
    Disclosure,
    ListEntry,
    ListSnapshot,
    PolicySetting,
    Seller,
)
from consent.request import Area, ContactRequest, Exemption, Place, thawed
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


def test_an_allowed_attempt_keeps_what_was_looked_into_with_ages_and_what_counts_against_its_caps(
    permitted: Address, scrub: ListSnapshot, now: datetime
) -> None:
    florida = ask(permitted, place=Place(state="FL", zones=("America/New_York",)))
    gate.reserve(florida, at=now - timedelta(hours=1))
    checked_at = now - timedelta(days=2)
    check = ledger.record(permitted.pk, "number_check", occurred_at=checked_at, at=now, facts={"result": "no"})
    kept = gate.reserve(florida, at=now)
    kept.refresh_from_db()
    consent = permitted.events.get(kind="grant")
    assert (kept.code, kept.events) == ("OK_PEWC", [consent.pk, check.pk])
    decision = kept.basis["decision"]
    assert decision["snapshots"] == [
        ["ledger", str(check.pk), 2 * 86_400],
        ["number_check", str(check.pk), 2 * 86_400],
        ["national_dnc", scrub.pk, 86_400],
    ]
    assert decision["counted"] == [["FREQ_CAP_STATE", 1], ["FREQ_CAP_POLICY", 1]]


def test_a_refusal_by_a_cap_says_how_many_counted(permitted: Address, now: datetime) -> None:
    for _ in range(3):
        gate.reserve(ask(permitted), at=now)
    decision = gate.decide(ask(permitted), at=now)
    assert (decision.code, decision.counted) == ("FREQ_CAP_POLICY", (("FREQ_CAP_POLICY", 3),))


def test_many_decisions_cost_as_much_as_one(disclosure: Disclosure, scrub: ListSnapshot, now: datetime) -> None:
    held = [make_address("phone", f"+1212555{n:04}") for n in range(60)]
    ledger.record_many([ledger.Entry(a.pk, "grant", occurred_at=now, disclosure=disclosure) for a in held[::2]], at=now)
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
    gate.settle(made[0].pk, "failed", at=now)
    assert gate.reserve(ask(permitted), at=now).state == "reserved"


@pytest.mark.parametrize(("value", "allowed"), [(3, True), (0, False), (None, True)])
def test_no_cap_and_zero_are_two_things(permitted: Address, now: datetime, value: int | None, allowed: bool) -> None:
    PolicySetting.objects.filter(pk="marketing_cap").update(value=Value(value, JSONField()))
    assert gate.decide(ask(permitted), at=now).allowed is allowed


def test_while_all_contact_is_stopped_every_contact_is_held_back(permitted: Address, now: datetime) -> None:
    reserved = gate.reserve(ask(permitted), at=now)
    row = stopping.stop_contact(owner="Compliance", reason="Restored.")
    with pytest.raises(NotContactable) as refusal:
        gate.reserve(ask(permitted, "voice_manual"), at=now)
    assert (refusal.value.code, refusal.value.decision.kind) == ("CONTACT_STOPPED", "hold")
    assert [r.refusal.code for r in gate.hand_over_many([reserved.pk], at=now)] == ["CONTACT_STOPPED"]
    row.value = False
    row.save()
    assert not stopping.is_stopped() and gate.decide(ask(permitted), at=now).allowed


@pytest.mark.parametrize(
    ("most", "rate", "code"),
    [(0.03, "0.03", "OK_PEWC"), (0.03, "0.0301", "ABANDON_RATE_EXCEEDED"), (0.1, "0.1", "OK_PEWC")],
)
def test_an_abandon_rate_may_reach_its_limit_and_not_pass_it(
    permitted: Address, now: datetime, most: float, rate: str, code: str
) -> None:
    PolicySetting.objects.filter(pk="abandon_rate_max").update(value=most)
    request = ask(permitted, "voice_autodial", abandon_rate=Decimal(rate))
    assert gate.decide(request, at=now).code == code


@pytest.mark.parametrize(
    ("level", "purposes", "code"),
    [
        ("PEC", ["marketing"], "OK_MANUAL_NOT_ON_DNC"),
        ("PEC", ["informational"], "STATE_CELL_SALES_BAN"),
        ("EMAIL_OPTIN", ["marketing"], "STATE_CELL_SALES_BAN"),
    ],
)
def test_a_mobile_in_new_jersey_may_be_called_with_consent_of_any_strength(
    phone: Address, seller: Seller, scrub: ListSnapshot, now: datetime, level: str, purposes: list[str], code: str
) -> None:
    given = {"level": level, "channels": ["voice"], "purposes": purposes, "seller": seller.pk}
    event = ledger.record(phone.pk, "grant", occurred_at=now, at=now, **given)
    decision = gate.decide(ask(phone, "voice_manual", place=Place(state="NJ", zones=("America/New_York",))), at=now)
    assert decision.code == code
    assert decision.events == ((event.pk,) if decision.allowed else ())


def test_consent_that_is_not_written_outweighs_no_list(phone: Address, seller: Seller, now: datetime) -> None:
    snapshot = ListSnapshot.objects.create(kind="national_dnc", version="x", taken_at=now)
    ListEntry.objects.create(snapshot=snapshot, number=int(phone.value[1:]))
    given = {"level": "PEC", "channels": ["voice"], "purposes": ["marketing"], "seller": seller.pk}
    ledger.record(phone.pk, "grant", occurred_at=now, at=now, **given)
    asked = ask(phone, "voice_manual", place=Place(state="NJ", zones=("America/New_York",)))
    assert gate.decide(asked, at=now).code == "NATIONAL_DNC"


def test_a_stop_between_reservation_and_provider_cancels(permitted: Address, now: datetime) -> None:
    attempt = gate.reserve(ask(permitted), at=now)
    say(permitted, "STOP", now=now + timedelta(seconds=1))
    with pytest.raises(NotContactable) as refusal:
        gate.hand_over(attempt.pk, at=now + timedelta(seconds=2))
    attempt.refresh_from_db()
    assert (refusal.value.code, attempt.state, attempt.outcome) == ("REVOKED", "cancelled", "REVOKED")


def test_what_waited_past_the_evening_does_not_leave(permitted: Address, now: datetime) -> None:
    evening = now.replace(day=25, hour=1, minute=59, second=30)  # 20:59:30 in New York
    attempt = gate.reserve(ask(permitted), at=evening)
    with pytest.raises(NotContactable) as refusal:
        gate.hand_over(attempt.pk, at=evening + timedelta(minutes=3))
    attempt.refresh_from_db()
    assert (refusal.value.code, refusal.value.decision.kind) == ("QUIET_HOURS_FEDERAL", "hold")
    assert (attempt.state, attempt.outcome) == ("cancelled", "QUIET_HOURS_FEDERAL")


def test_a_consent_that_ended_or_a_list_that_came_while_it_waited_is_seen(
    phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime
) -> None:
    grant(phone, disclosure, now=now, expires_at=now + timedelta(minutes=1))
    texted, dialled = gate.reserve(ask(phone), at=now), gate.reserve(ask(phone, "voice_manual"), at=now)
    ledger.record(phone.pk, "reassigned", occurred_at=now, at=now)
    later = now + timedelta(minutes=2)
    results = gate.hand_over_many([texted.pk, dialled.pk], at=later)
    assert [r.refusal.code for r in results] == ["NUMBER_REASSIGNED"] * 2


def test_the_last_look_does_not_count_the_attempt_itself(permitted: Address, now: datetime) -> None:
    made = [gate.reserve(ask(permitted), at=now) for _ in range(3)]
    results = gate.hand_over_many([a.pk for a in made], at=now + timedelta(minutes=2))
    assert all(r.is_on_its_way for r in results)


def test_the_request_comes_back_from_its_attempt_as_it_was(permitted: Address, now: datetime) -> None:
    request = ask(
        permitted,
        "voice_ai",
        place=Place(zip="10001", state="NY", zones=("America/New_York",), area=Area("212", ("NY",), ())),
        exemption=Exemption(length=3),
        abandon_rate=Decimal("0.02"),
    )
    attempt = gate.reserve(request, at=now)
    attempt.refresh_from_db()
    assert thawed(attempt.basis["request"]) == request


def test_a_stop_dated_ahead_of_our_clock_holds_at_once(permitted: Address, now: datetime) -> None:
    ahead = now + timedelta(seconds=90)
    ledger.record(permitted.pk, "revoke", occurred_at=ahead, at=now, text="stop")
    assert gate.decide(ask(permitted), at=now).code == "REVOKED"
    assert gate.decide(ask(permitted), at=now - timedelta(seconds=1)).allowed


def test_a_stop_that_came_while_we_waited_for_the_lock_is_seen(permitted: Address, now: datetime) -> None:
    attempt = gate.reserve(ask(permitted), at=now)
    say(permitted, "STOP", now=now + timedelta(seconds=2))  # committed before our lock, after our clock was read
    with pytest.raises(NotContactable, match="stop"):
        gate.hand_over(attempt.pk, at=now + timedelta(seconds=1))
    with pytest.raises(NotContactable, match="stop"):
        gate.reserve(ask(permitted), at=now + timedelta(seconds=1))


def test_an_attempt_is_handed_over_once(permitted: Address, now: datetime) -> None:
    attempt = gate.reserve(ask(permitted), at=now)
    gate.hand_over(attempt.pk, at=now)
    with pytest.raises(InvalidTransition):
        gate.hand_over(attempt.pk, at=now)
    assert gate.settle(attempt.pk, "sent", at=now, provider_id="SM1").state == "sent"
    with pytest.raises(InvalidTransition):
        gate.settle(attempt.pk, "failed", at=now)


def test_what_was_never_settled_becomes_unknown_and_still_counts(permitted: Address, now: datetime) -> None:
    for _ in range(3):
        gate.reserve(ask(permitted), at=now)
    assert gate.settle_forgotten(at=now + timedelta(minutes=10)) == 0
    assert gate.settle_forgotten(at=now + timedelta(minutes=16)) == 3
    assert gate.decide(ask(permitted), at=now + timedelta(hours=1)).code == "FREQ_CAP_POLICY"


def test_what_was_never_handed_over_is_given_back_and_counts_no_more(permitted: Address, now: datetime) -> None:
    made = [gate.reserve(ask(permitted), at=now) for _ in range(3)]
    gate.hand_over(made[0].pk, at=now)
    assert gate.give_back([attempt.pk for attempt in made], at=now) == {made[1].pk, made[2].pk}
    assert gate.give_back([attempt.pk for attempt in made], at=now) == set()
    assert sorted(Attempt.objects.values_list("state", flat=True)) == ["failed", "failed", "handed_over"]
    assert gate.decide(ask(permitted), at=now).allowed


def test_a_batch_costs_as_much_as_one_and_counts_itself(permitted: Address, mailbox: Address, now: datetime) -> None:
    with CaptureQueriesContext(connection) as queries:
        made = gate.reserve_many([ask(permitted)] * 5 + [ask(mailbox, "email")] * 20, at=now)
    statements = [q for q in queries.captured_queries if not q["sql"].startswith(("BEGIN", "SAVEPOINT", "RELEASE"))]
    assert len(statements) == 7
    assert [a.state for a, _decision in made][:5] == ["reserved"] * 3 + ["refused"] * 2
    assert all(a.pk for a, _decision in made)
    say(permitted, "STOP", now=now)
    with CaptureQueriesContext(connection) as queries:
        results = gate.hand_over_many([a.pk for a, _decision in made], at=now)
    assert len([q for q in queries.captured_queries if not q["sql"].startswith(("BEGIN", "SAVEPOINT", "RELEASE"))]) == 9
    assert [r.is_on_its_way for r in results] == [False] * 5 + [True] * 20
    assert [r.state for r in results][:5] == ["cancelled"] * 3 + ["refused"] * 2
    outcomes = [gate.Outcome(attempt_id=r.attempt_id, state="sent", provider_id="x") for r in results]
    assert len(gate.settle_many(outcomes, at=now)) == 20
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
    ledger.record(phone.pk, "number_check", at=now, **check)
    assert gate.decide(ask(phone), at=now).allowed
    assert gate.decide(ask(phone), at=now + timedelta(days=1)).code == "RND_CHECK_REQUIRED"


def asked(phone: Address, at: datetime, **fields: object) -> None:
    ledger.record(phone.pk, "inquiry", occurred_at=at, at=at, **fields)


@pytest.fixture
def listed(phone: Address, seller: object, scrub: ListSnapshot) -> Address:
    ListEntry.objects.create(snapshot=scrub, number=int(phone.value[1:]))
    return phone


def call_code(address: Address, at: datetime, **fields: object) -> str:
    return gate.decide(ask(address, "voice_manual", **fields), at=at).code


def test_a_relationship_is_with_the_seller_that_was_asked(listed: Address, now: datetime) -> None:
    Seller.objects.create(code="other", name="Other")
    asked(listed, now - timedelta(days=20), seller="harbor")
    assert call_code(listed, now) == "OK_EBR"
    assert call_code(listed, now, seller="other") == "NATIONAL_DNC"
    asked(listed, now - timedelta(days=10))
    assert call_code(listed, now, seller="other") == "OK_EBR", "an inquiry that names nobody"


@pytest.mark.parametrize("verdict", ["STOP", "reviewed"])
def test_a_stop_ends_the_relationship_and_start_begins_none(listed: Address, now: datetime, verdict: str) -> None:
    asked(listed, now - timedelta(days=20))
    said = say(listed, "STOP" if verdict == "STOP" else "I want to cancel", now=now - timedelta(days=3))
    if verdict == "reviewed":
        ledger.record(listed.pk, "review", occurred_at=said.recorded_at, at=now, about=said.pk, verdict="revoke")
    say(listed, "START", now=now - timedelta(days=2))
    assert call_code(listed, now) == "NATIONAL_DNC"
    asked(listed, now - timedelta(days=1))
    assert call_code(listed, now) == "OK_EBR"


def test_the_three_months_end_with_the_day_where_the_person_is(listed: Address, now: datetime) -> None:
    asked(listed, datetime(2026, 8, 24, 1, 0, tzinfo=UTC))  # the evening of the 23rd in New York
    assert call_code(listed, datetime(2026, 11, 23, 16, 0, tzinfo=UTC)) == "OK_EBR"
    assert call_code(listed, now) == "NATIONAL_DNC"


def test_only_a_purchase_spares_oregon_its_cap(
    phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime
) -> None:
    PolicySetting.objects.filter(pk="marketing_cap").update(value=Value(None, JSONField()))
    oregon = Place(state="OR", zones=("America/Los_Angeles",), area=Area("503", ("OR",), ("America/Los_Angeles",)))
    grant(phone, disclosure, now=now)
    asked(phone, now - timedelta(days=1))
    late = now + timedelta(hours=4)
    for _ in range(3):
        gate.reserve(ask(phone, place=oregon), at=late)
    assert gate.decide(ask(phone, place=oregon), at=late).code == "FREQ_CAP_STATE"
    ledger.record(phone.pk, "purchase", occurred_at=now, at=now)
    assert gate.decide(ask(phone, place=oregon), at=late).allowed


def test_a_grant_whose_act_lies_ahead_does_not_hold_by_its_effective_date(
    phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime
) -> None:
    grant(phone, disclosure, now=now, days_ago=0, effective_at=now - timedelta(days=5))
    assert gate.decide(ask(phone), at=now - timedelta(days=1)).code == "CONSENT_NOT_YET_EFFECTIVE"
    assert gate.decide(ask(phone), at=now).code == "OK_PEWC"


def test_what_was_corrected_later_counted_until_then(
    phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime
) -> None:
    given = grant(phone, disclosure, now=now)
    ledger.record(phone.pk, "correction", occurred_at=now, at=now, about=given.pk)
    assert gate.decide(ask(phone), at=now - timedelta(days=1)).code == "OK_PEWC"
    assert gate.decide(ask(phone), at=now).code == "NO_CONSENT"


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
    ledger.record(permitted.pk, "internal_dnc", occurred_at=now + timedelta(minutes=2), at=now + timedelta(minutes=2))
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
    ledger.record(permitted.pk, kind, occurred_at=now, at=now)
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


@pytest.mark.parametrize(
    "code",
    [
        "NATIONAL_DNC", "STATE_DNC", "STATE_CELL_SALES_BAN", "NO_CONSENT", "CONSENT_SELLER_MISMATCH",
        "CONSENT_CHANNEL_MISMATCH", "CONSENT_PURPOSE_MISMATCH", "CONSENT_LEVEL_INSUFFICIENT", "CONSENT_EXPIRED",
        "EMAIL_UNSUBSCRIBED", "NO_BAA", "HIPAA_AUTH_REQUIRED", "HIPAA_AUTH_EXPIRED", "TZ_UNKNOWN", "NUMBER_INVALID",
    ],
)  # fmt: skip
def test_a_refusal_that_a_caller_can_do_something_about_says_what(code: str) -> None:
    stands_in_the_way, _, to_do = SENTENCES[code].partition(". ")
    assert stands_in_the_way
    assert to_do.endswith(".")
