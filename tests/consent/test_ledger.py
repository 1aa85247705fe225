"""The ledger takes what can be true, in three queries, and the projection always says what the chain says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from consent import fold, history, ledger
from consent.ledger import Entry, InvalidEvent
from consent.models import Address, ConsentEvent, Disclosure, EventValue, Permission, Seller
from consent.signals import permission_changed
from tests.consent.conftest import NOW, make_address
from tests.consent.factories import grant, say

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [1, 40])
def test_any_number_of_events_costs_three_queries_and_two_where_chains_begin(
    phone: Address, mailbox: Address, disclosure: Disclosure, now: datetime, count: int
) -> None:
    entries = [
        Entry(a.pk, "grant", occurred_at=now, disclosure=disclosure, evidence={"ip": "::1"})
        for a in (phone, mailbox)
        for _ in range(count)
    ]
    heard = []
    permission_changed.connect(lambda **kwargs: heard.append(kwargs["address_ids"]), weak=False, dispatch_uid="t")
    try:
        with CaptureQueriesContext(connection) as queries:
            events = ledger.record_many(entries, at=now)
    finally:
        permission_changed.disconnect(dispatch_uid="t")
    ours = [q for q in queries.captured_queries if "consent_" in q["sql"] and "leads_" not in q["sql"]]
    assert len(ours) == 2
    with CaptureQueriesContext(connection) as later:
        ledger.record(phone.pk, "inquiry", occurred_at=now, at=now)
    assert len([q for q in later.captured_queries if "consent_" in q["sql"] and "leads_" not in q["sql"]]) == 3
    assert not [q for q in queries.captured_queries if "SAVEPOINT" in q["sql"]]
    assert [e.seq for e in events] == [*range(1, count + 1)] * 2
    assert heard == [[phone.pk, mailbox.pk]]


def test_what_is_returned_is_what_is_stored(phone: Address, disclosure: Disclosure, now: datetime) -> None:
    made = grant(phone, disclosure, now=now, expires_at=now + timedelta(days=400), facts={"b": [1], "a": None})
    kept = ConsentEvent.objects.get(pk=made.pk)
    for field in ConsentEvent._meta.fields:
        assert getattr(made, field.attname) == getattr(kept, field.attname), field.name
    assert kept.is_evidence_complete and kept.shown_sha256 == disclosure.__class__.objects.get().sha256


def test_what_is_personal_stays_out_of_the_hashed_row(phone: Address, now: datetime) -> None:
    event = say(phone, "My knee hurts, call Ann", now=now)
    row = str(ConsentEvent.objects.filter(pk=event.pk).values().get())
    assert "knee" not in row and "knee" in EventValue.objects.get(event=event).body


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("pigeon", {}),
        ("grant", {}),
        ("grant", {"level": "PEWC"}),
        ("review", {"verdict": "none"}),
        ("correction", {}),
        ("revoke", {"scope": "a_bit"}),
        ("inquiry", {"occurred_at": NOW + timedelta(hours=1)}),
    ],
)
def test_an_entry_that_cannot_be_true_is_refused(phone: Address, now: datetime, kind: str, fields: dict) -> None:
    with pytest.raises(InvalidEvent):
        ledger.record(phone.pk, kind, **{"occurred_at": now, **fields}, at=now)
    assert not ConsentEvent.objects.exists()


def test_a_naive_time_is_a_bug(phone: Address, now: datetime) -> None:
    with pytest.raises(ValueError, match="aware"):
        ledger.record(phone.pk, "inquiry", occurred_at=now.replace(tzinfo=None), at=now)


def test_permission_can_be_asked_for_any_moment(phone: Address, disclosure: Disclosure, now: datetime) -> None:
    grant(phone, disclosure, now=now, days_ago=10)
    say(phone, "STOP", now=now)

    def state(at: datetime) -> list[str]:
        return [view.state for view in ledger.permission(phone, at=at)]

    assert state(now - timedelta(days=11)) == ["none", "none"]
    assert state(now - timedelta(days=1)) == ["granted", "granted"]
    assert state(now) == ["blocked", "blocked"]


def test_what_was_known_then_differs_from_what_is_known_now(phone: Address, now: datetime) -> None:
    """A letter of last week that was opened today."""
    ledger.record(phone.pk, "revoke", occurred_at=now - timedelta(days=7), at=now, text="letter")
    then = now - timedelta(days=1)
    assert ledger.permission(phone, at=then)[0].state == "blocked"
    assert ledger.permission(phone, at=then, known_at=then)[0].state == "none"


def test_what_ended_begins_later_or_lacks_proof_is_not_shown_as_permitted(
    phone: Address, disclosure: Disclosure, now: datetime
) -> None:
    def shown(at: datetime) -> list[tuple[str, str, str]]:
        return [(view.state, view.code, view.level) for view in ledger.permission(phone, at=at)][:1]

    grant(phone, disclosure, now=now, effective_at=now - timedelta(days=5), expires_at=now - timedelta(days=1))
    assert shown(now - timedelta(days=6)) == [("none", "CONSENT_NOT_YET_EFFECTIVE", "PEWC")]
    assert shown(now - timedelta(days=2)) == [("granted", "", "PEWC")]
    assert shown(now) == [("none", "CONSENT_EXPIRED", "PEWC")]
    ledger.record(
        phone.pk, "grant", occurred_at=now, at=now, level="PEWC", channels=["voice"], purposes=["marketing"],
        seller="harbor",
    )  # fmt: skip
    assert shown(now) == [("granted", "CONSENT_EVIDENCE_INCOMPLETE", "PEC")]
    grant(phone, disclosure, now=now, days_ago=0, shown_sha256="0" * 64, channels=["sms"])
    assert ledger.permission(phone, at=now)[1].code == "CONSENT_EVIDENCE_TAMPERED"
    assert ledger.stale_projections([phone.pk]) == []


def test_a_broken_chain_permits_nothing(phone: Address, disclosure: Disclosure, now: datetime) -> None:
    grant(phone, disclosure, now=now)
    Address.objects.filter(pk=phone.pk).update(broken_at=now)
    assert {(v.state, v.code) for v in ledger.permission(phone, at=now)} == {("blocked", "LEDGER_INTEGRITY_FAILED")}


def test_a_correction_of_today_does_not_change_what_was_permitted_yesterday(
    phone: Address, disclosure: Disclosure, now: datetime
) -> None:
    given = grant(phone, disclosure, now=now)
    ledger.record(phone.pk, "correction", occurred_at=now, at=now, about=given.pk)
    assert ledger.permission(phone, at=now - timedelta(days=1))[0].state == "granted"
    assert ledger.permission(phone, at=now)[0].state == "none"


def test_a_disclosure_in_use_is_frozen_and_an_unused_one_is_not(
    phone: Address, disclosure: Disclosure, seller: Seller, now: datetime
) -> None:
    draft = Disclosure.objects.create(code="draft", seller=seller, text="a", level="PEC")
    draft.text = "b"
    draft.save()
    grant(phone, disclosure, now=now)
    disclosure.refresh_from_db()
    disclosure.retired_at = now
    disclosure.save()
    disclosure.text += " And more."
    with pytest.raises(Exception, match="frozen"):
        disclosure.save()


def test_a_correction_voids_a_mistake_but_never_a_wish(mailbox: Address, now: datetime) -> None:
    bounce = ledger.record(mailbox.pk, "email_hard_bounce", occurred_at=now, at=now)
    unsub = ledger.record(mailbox.pk, "email_unsub", occurred_at=now, at=now)
    for event in (bounce, unsub):
        ledger.record(mailbox.pk, "correction", occurred_at=now, at=now, about=event.pk, text="typing error")
    standing = fold.stand(history.chains([mailbox.pk])[mailbox.pk].events, at=now)
    assert standing.hard_bounce is None and standing.unsubscribed == unsub.pk


# Projection = fold

KINDS = st.sampled_from(
    ["grant", "revoke", "internal_dnc", "inbound", "clarify", "review", "email_unsub", "email_complaint",
     "email_hard_bounce", "number_check", "wrong_number", "inquiry", "purchase", "erasure", "readmission",
     "correction", "deceased", "invalid_number"]
)  # fmt: skip
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "kind": KINDS,
            "minutes_ago": st.integers(0, 500),
            "text": st.sampled_from(["STOP", "START", "HELP", "stop by?", "hello"]),
            "scope": st.sampled_from(["all", "marketing", "all_contact"]),
            "fresh": st.booleans(),
            "about": st.integers(0, 9),
            "channels": st.sampled_from([["voice"], ["sms"], ["voice", "sms", "email"]]),
            "level": st.sampled_from(["PEC", "PEWC", "EMAIL_OPTIN"]),
            "result": st.sampled_from(["yes", "no", "no_data"]),
            "verdict": st.sampled_from(["revoke", "none"]),
        }
    ),
    max_size=14,
)


class ProjectionIsTheFold(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(histories=ENTRIES, batch=st.integers(1, 5), kind=st.sampled_from(["phone", "email"]))
    def test_for_random_histories_however_they_are_batched(self, histories: list, batch: int, kind: str) -> None:
        address = make_address(kind, f"+1{uuid4().hex[:12]}")
        made: list[Entry] = []
        for one in histories:
            made.append(random_entry(address, one, made))
        for start in range(0, len(made), batch):
            ledger.record_many(made[start : start + batch], at=NOW)
        assert ledger.stale_projections([address.pk]) == []
        views = {view.channel: view for view in ledger.permission(address, at=NOW)}
        for row in Permission.objects.filter(address=address):
            view = views[row.channel]
            assert (row.state, row.code, row.level, row.event) == (view.state, view.code, view.level, view.event)


def random_entry(address: Address, one: dict, made: list[Entry]) -> Entry:
    kind = one["kind"]
    fields: dict = {"occurred_at": NOW - timedelta(minutes=one["minutes_ago"])}
    if kind == "grant":
        fields |= {"channels": one["channels"], "purposes": ["marketing"], "level": one["level"], "seller": "harbor"}
        fields |= {"fresh_opt_in": one["fresh"]}
    elif kind in ("revoke", "clarify"):
        fields["scope"] = one["scope"]
    elif kind == "inbound":
        fields["text"] = one["text"]
    elif kind == "number_check":
        fields["facts"] = {"result": one["result"]}
    elif kind in ("review", "correction"):
        fields["about"] = made[one["about"] % len(made)].id if made else uuid4()
        fields["verdict"] = one["verdict"] if kind == "review" else ""
    return Entry(address.pk, kind, **fields)


def test_rebuilding_mends_a_projection_that_was_tampered_with(
    phone: Address, disclosure: Disclosure, now: datetime
) -> None:
    from io import StringIO

    from django.core.management import call_command

    grant(phone, disclosure, now=now)
    say(phone, "STOP", now=now)
    Permission.objects.update(state="granted", code="")
    out = StringIO()
    call_command("rebuild_permissions", check=True, stdout=out)
    call_command("rebuild_permissions", stdout=out)
    call_command("rebuild_permissions", stdout=out)
    assert [line.split(", ")[1][:1] for line in out.getvalue().splitlines()] == ["2", "2", "0"]
    assert set(Permission.objects.values_list("state", flat=True)) == {"blocked"}


def test_the_hash_of_an_address_needs_the_key(phone: Address, settings: object) -> None:
    from consent import addresses

    before = addresses.keyed_hash("phone", "+12125550123")
    settings.EVIDENCE_KEY = "another"
    assert addresses.keyed_hash("phone", "+12125550123") != before == phone.keyed_hash


def test_times_are_kept_in_utc_whatever_zone_they_came_in(phone: Address, now: datetime) -> None:
    from zoneinfo import ZoneInfo

    event = ledger.record(phone.pk, "inquiry", occurred_at=now.astimezone(ZoneInfo("Asia/Tokyo")), at=now)
    assert ConsentEvent.objects.get(pk=event.pk).occurred_at == now.astimezone(UTC)


def test_a_chain_that_begins_is_projected_as_one_read_back(
    phone: Address, mailbox: Address, disclosure: Disclosure, now: datetime
) -> None:
    """Events just written are folded as they are; the rows must be those of a fold of what the ledger holds."""
    new, old = phone, mailbox
    ledger.record(old.pk, "inquiry", occurred_at=now, at=now)
    entries = [
        ledger.Entry(pk, kind, occurred_at=now - timedelta(hours=n), **fields)
        for pk in (new.pk, old.pk)
        for n, (kind, fields) in enumerate([
            ("inquiry", {}), ("grant", {"disclosure": disclosure}), ("revoke", {"scope": "marketing"}),
            ("grant", {"disclosure": disclosure, "fresh_opt_in": True}), ("clarify", {"scope": "all"}),
        ])
    ]  # fmt: skip
    ledger.append(entries, at=now)
    assert ledger.stale_projections([new.pk, old.pk]) == []
    assert Permission.objects.filter(address__in=[new, old]).count() == 3
