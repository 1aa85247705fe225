"""Random lives of three addresses: no contact without permission, no cap exceeded, chains whole at every end.

The model beside the product is a second, naive reading of the law: it keeps plain lists and decides one question,
must this contact not have happened? It shares no code with the gate. `make long` (marker `long`) runs at least
100,000 steps; the suite runs a short search.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consent import erasure, gate, ledger, verify
from consent.gate import NotContactable
from consent.models import Address, Attempt, Disclosure, ListEntry, ListSnapshot, Seller
from consent.models.ledger import PEWC_ELEMENTS
from consent.request import Area, ContactRequest, Content, Place
from leads.models import Lead, LeadLink, Source
from leads.services import merging
from tests.consent.conftest import make_address
from tests.consent.flush import without_triggers

START = datetime(2026, 10, 30, 15, tzinfo=UTC)  # two days before the clocks go back
ZONES = ("America/New_York", "America/Los_Angeles", "America/Phoenix")
STATES = ("RI", "FL", "AZ")
JUMPS = [
    timedelta(seconds=30), timedelta(minutes=6), timedelta(hours=1), timedelta(hours=7), timedelta(hours=23),
    timedelta(days=1), timedelta(days=2), timedelta(days=9), timedelta(days=40),
]  # fmt: skip
TEXTS = ["STOP", "take me off", "wrong number", "hello", "can you stop by?"]
PHONE_CHANNELS = ["sms", "voice_manual", "voice_ai"]
SALES = {("marketing", channel) for channel in PHONE_CHANNELS}
STEPS = {"taken": 0, "contacts": 0, "refusals": 0}


@dataclass
class Stop:
    """One wish to be left alone: since when, and whether the person said it means marketing only."""

    at: datetime
    is_marketing_only: bool = False


@dataclass
class Life:
    """What happened to one address, in the words of the model."""

    address: Address
    zone: str
    state: str
    grants: list[tuple[datetime, str, datetime | None]] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    unsubscribed_at: datetime | None = None
    bounced: bool = False
    to_review_at: datetime | None = None
    erased: bool = False
    wrong: bool = False
    on_list: bool = False
    contacts: list[tuple[datetime, str, str]] = field(default_factory=list)


class Machine(RuleBasedStateMachine):
    """Every rule is one thing that people, providers or clocks do."""

    @initialize()
    def begin(self) -> None:
        self.now, self.taken = START, 0
        Seller.objects.create(code="harbor", name="Harbor", is_sms_sender_registered=True)
        self.disclosure = Disclosure.objects.create(
            code="m", seller_id="harbor", text="t", level="PEWC", channels=["voice", "sms", "email"],
            purposes=["marketing", "informational"], elements=list(PEWC_ELEMENTS),
        )  # fmt: skip
        self.source = Source.objects.create(
            code="m", name="M", kind="website_form", intent="high", seller_id="harbor", disclosure=self.disclosure
        )
        self.scrub = ListSnapshot.objects.create(kind="national_dnc", version="0", taken_at=START - timedelta(hours=1))
        self.scrubbed_at = self.scrub.taken_at
        numbers = ["+14015550101", "+13055550102", "+16025550103"]
        self.lives = [
            Life(make_address("phone", number), zone, state)
            for number, zone, state in zip(numbers, ZONES, STATES, strict=True)
        ]
        self.lives.append(Life(make_address("email", "m@example.org"), ZONES[0], STATES[0]))

    def step(self) -> None:
        self.taken += 1
        STEPS["taken"] += 1

    def life(self, index: int) -> Life:
        self.step()
        return self.lives[index % len(self.lives)]

    def write(self, life: Life, kind: str, **fields: object) -> None:
        ledger.record(life.address.pk, kind, **{"occurred_at": self.now, **fields}, at=self.now)

    # People

    @rule(index=st.integers(0, 3), fresh=st.booleans(), age=st.sampled_from([0, 0, 1, 30]), ends=st.booleans())
    def grant(self, index: int, fresh: bool, age: int, ends: bool) -> None:
        life = self.life(index)
        at = self.now - timedelta(days=age)
        expires = at + timedelta(days=20) if ends else None
        self.write(life, "grant", disclosure=self.disclosure, fresh_opt_in=fresh, occurred_at=at, expires_at=expires)
        life.grants.append((at, "PEWC", expires))
        if fresh:
            self.lift(life, at)

    def lift(self, life: Life, at: datetime) -> None:
        life.stops = [stop for stop in life.stops if stop.at >= at]
        if life.unsubscribed_at and life.unsubscribed_at < at:
            life.unsubscribed_at = None
        if life.to_review_at and life.to_review_at < at:
            life.to_review_at = None

    @rule(index=st.integers(0, 3), scope=st.sampled_from(["all", "marketing"]))
    def revoke(self, index: int, scope: str) -> None:
        life = self.life(index)
        self.write(life, "revoke", scope=scope, text="by phone")
        life.stops.append(Stop(self.now, scope == "marketing"))

    @rule(index=st.integers(0, 2), scope=st.sampled_from(["marketing", "all", ""]))
    def clarify(self, index: int, scope: str) -> None:
        """The person says what the last stop meant; saying nothing leaves it meaning everything [V06]."""
        life = self.life(index)
        self.write(life, "clarify", scope=scope)
        if life.stops and scope:
            life.stops[-1].is_marketing_only = scope == "marketing"

    @rule(index=st.integers(0, 3), age=st.integers(1, 400))
    def import_list(self, index: int, age: int) -> None:
        """A file brings old proof of an old act: it may add a grant, it lifts nothing [V10]."""
        life = self.life(index)
        at = self.now - timedelta(days=age)
        old = ledger.Entry(life.address.pk, "grant", occurred_at=at, disclosure=self.disclosure, source="import")
        bought = ledger.Entry(life.address.pk, "purchased", occurred_at=self.now, source="import")
        ledger.record_many([old, bought], at=self.now)
        life.grants.append((at, "PEWC", None))

    @rule(first=st.integers(0, 2), second=st.integers(0, 2), back=st.booleans())
    def merge(self, first: int, second: int, back: bool) -> None:
        """Two leads that share a number become one and, now and then, two again: nobody's permission changes."""
        life, other = self.life(first), self.lives[second]
        before = ledger.permission(life.address, at=self.now), ledger.permission(other.address, at=self.now)
        leads = [
            Lead.objects.create(lead_type="patient", source=self.source, phone=place.address, created_at=self.now)
            for place in (life, other)
        ]
        merging.merge(leads[0].pk, leads[1].pk, by=None, at=self.now)
        if back:
            merging.unmerge(LeadLink.objects.latest("pk").pk, by=None, at=self.now)
        assert before == (ledger.permission(life.address, at=self.now), ledger.permission(other.address, at=self.now))

    @rule(
        index=st.integers(0, 2),
        text=st.sampled_from(["STOP", "take me off", "wrong number", "hello", "can you stop by?"]),
    )
    def inbound(self, index: int, text: str) -> None:
        life = self.life(index)
        self.write(life, "inbound", text=text)
        if text in ("STOP", "take me off", "wrong number"):
            life.stops.append(Stop(self.now))
        elif text != "hello":
            life.to_review_at = self.now

    @rule(index=st.integers(0, 2))
    def dnc(self, index: int) -> None:
        life = self.life(index)
        self.write(life, "internal_dnc", text="never call me")
        life.stops.append(Stop(self.now))

    @rule()
    def unsubscribe(self) -> None:
        life = self.life(3)
        self.write(life, "email_unsub")
        life.unsubscribed_at = self.now

    # Providers and staff

    @rule()
    def bounce(self) -> None:
        life = self.life(3)
        self.write(life, "email_hard_bounce")
        life.bounced = True

    @rule(index=st.integers(0, 2))
    def wrong_number(self, index: int) -> None:
        life = self.life(index)
        self.write(life, "reassigned")
        life.wrong = True

    @precondition(lambda self: self.now - self.scrubbed_at > timedelta(days=1))
    @rule(listed=st.sets(st.integers(0, 2)))
    def scrub_lists(self, listed: set[int]) -> None:
        self.step()
        snapshot = ListSnapshot.objects.create(
            kind="national_dnc", version=self.now.isoformat(), taken_at=self.now - timedelta(minutes=1)
        )
        for place, life in enumerate(self.lives[:3]):
            life.on_list = place in listed
            if life.on_list and life.address.value:
                ListEntry.objects.create(snapshot=snapshot, number=int(life.address.value[1:]))
        self.scrubbed_at = snapshot.taken_at

    @precondition(lambda self: self.taken % 7 == 6)
    @rule(index=st.integers(0, 3))
    def erase(self, index: int) -> None:
        life = self.life(index)
        if life.erased:
            return
        erasure.erase(life.address.pk, at=self.now, by=None, reason="asked")
        life.erased, life.grants = True, []

    @rule(jump=st.sampled_from(JUMPS))
    def clock(self, jump: timedelta) -> None:
        self.step()
        self.now += jump
        gate.settle_forgotten(at=self.now)

    # Contact

    def request(self, life: Life, channel: str, purpose: str) -> ContactRequest:
        return ContactRequest(
            address_id=life.address.pk, channel=channel, purpose=purpose, seller="harbor", subject="consult",
            place=Place(state=life.state, zones=(life.zone,), area=Area("x", (life.state,), (life.zone,))),
            line_type="mobile",
            content=Content(has_postal_address=True, has_one_click=True, has_signed_headers=True),
        )  # fmt: skip

    @rule(
        index=st.integers(0, 3),
        channel=st.sampled_from(PHONE_CHANNELS),
        purpose=st.sampled_from(["marketing", "marketing", "informational"]),
        end=st.sampled_from(["sent", "sent", "failed", "crash", "stop first"]),
    )
    def contact(self, index: int, channel: str, purpose: str, end: str) -> None:
        """Reserve, hand over, send; or fail, die in between, or hear a stop just before the provider is called."""
        life = self.life(index)
        channel = "email" if life.address.kind == "email" else channel
        try:
            attempt = gate.reserve(self.request(life, channel, purpose), at=self.now)
            if end == "stop first" and life.address.kind == "phone":
                self.write(life, "inbound", text="STOP")
                life.stops.append(Stop(self.now))
            gate.hand_over(attempt.pk, at=self.now)
        except NotContactable:
            STEPS["refusals"] += 1
            return
        self.must_be_permitted(life, channel, purpose)
        if end != "failed":
            life.contacts.append((self.now, channel, purpose))
        if end in ("sent", "failed"):
            gate.settle(attempt.pk, end, at=self.now)

    def must_be_permitted(self, life: Life, channel: str, purpose: str) -> None:
        """The naive reading of the law: everything that may never be true of a contact that went out."""
        STEPS["contacts"] += 1
        is_sale, is_mail = purpose == "marketing", channel == "email"
        assert not life.erased and not (life.wrong and not is_mail)
        if is_mail:
            assert not life.bounced and not (is_sale and life.unsubscribed_at)
            return
        is_automated = channel != "voice_manual"
        assert not life.to_review_at
        if life.stops:
            assert not is_sale
            assert not is_automated or all(stop.is_marketing_only for stop in life.stops)
        written = [g for g in life.grants if g[0] <= self.now and (g[2] is None or self.now < g[2])]
        if is_automated:
            assert written
        if is_sale:
            assert written or not life.on_list
            assert self.now - self.scrubbed_at < timedelta(days=32)
            recent = [c for c in life.contacts if c[2] == "marketing" and self.now - c[0] < timedelta(days=1)]
            assert len(recent) < 3
        local = self.now.astimezone(ZoneInfo(life.zone))
        assert 8 <= local.hour < 21
        if is_sale and life.state == "RI":
            assert local.weekday() != 6 and local.hour < 18
            assert (local.month, local.day) not in {(11, 11), (11, 26), (12, 25), (1, 1)}
        if is_sale and life.state == "FL":
            assert local.hour < 20

    @invariant()
    def no_cap_is_exceeded(self) -> None:
        for life in getattr(self, "lives", []):
            sales = sorted(
                at for at, channel, purpose in life.contacts if purpose == "marketing" and channel != "email"
            )
            for first, fourth in zip(sales, sales[3:], strict=False):
                assert fourth - first >= timedelta(days=1)

    def teardown(self) -> None:
        if hasattr(self, "lives"):
            ids = [life.address.pk for life in self.lives]
            assert verify.verify(ids).is_whole
            assert ledger.stale_projections(ids) == []


class InTransaction(Machine):
    """Each life in a transaction that is rolled back."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)


def search(examples: int, steps: int, machine: Callable[[], RuleBasedStateMachine] = InTransaction) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    profile = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks, database=None
    )
    run_state_machine_as_test(machine, settings=profile)


@pytest.mark.django_db
def test_no_life_has_a_contact_without_permission() -> None:
    search(examples=15, steps=40)


@pytest.mark.long
@pytest.mark.django_db
def test_a_hundred_thousand_steps_have_no_contact_without_permission(capsys: pytest.CaptureFixture) -> None:
    wanted = int(os.environ.get("MACHINE_STEPS", "100000"))
    STEPS.update(taken=0, contacts=0, refusals=0)
    while STEPS["taken"] < wanted:
        search(examples=200, steps=60)
    with capsys.disabled():
        print(f"\n{STEPS}")  # noqa: T201


# With two connections


class Racing(Machine):
    """Reservations come from two connections at once, on rows that are really committed."""

    @rule(index=st.integers(0, 2), purpose=st.sampled_from(["marketing", "informational"]))
    def race(self, index: int, purpose: str) -> None:
        life = self.life(index)
        request = self.request(life, "sms", purpose)
        won: list[Attempt] = []

        def reserve() -> None:
            try:
                won.append(gate.reserve(request, at=self.now))
            except NotContactable:
                STEPS["refusals"] += 1
            finally:
                connection.close()

        threads = [Thread(target=reserve) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        for attempt in won:
            self.must_be_permitted(life, "sms", purpose)
            life.contacts.append((self.now, "sms", purpose))
            gate.settle(attempt.pk, "sent", at=self.now)

    def teardown(self) -> None:
        super().teardown()
        names = "consent_address, consent_seller, consent_listsnapshot"
        with without_triggers(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {names} CASCADE")


@pytest.mark.django_db(transaction=True)
def test_two_connections_never_exceed_a_cap() -> None:
    search(examples=4, steps=25, machine=Racing)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_two_connections_never_exceed_a_cap_for_long() -> None:
    search(examples=100, steps=60, machine=Racing)
