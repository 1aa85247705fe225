"""Two workers at once: one wins the last allowed attempt, chains stay without gaps, nobody waits for a stranger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction

from consent import gate, ledger, verify
from consent.gate import NotContactable
from consent.models import Address, Attempt, ConsentEvent, Disclosure, ListSnapshot
from tests.consent.conftest import make_address
from tests.consent.factories import ask, grant, say

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*deeds: Callable[[], object]) -> list[object]:
    """Run each deed on a connection of its own, started together; return results or exceptions in their order."""
    results: list[object] = [None] * len(deeds)
    barrier = Barrier(len(deeds))

    def run(place: int, deed: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=10)
            results[place] = deed()
        except Exception as error:  # noqa: BLE001 - handed to the test
            results[place] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(place, deed)) for place, deed in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


@pytest.fixture
def permitted(phone: Address, disclosure: Disclosure, scrub: ListSnapshot, now: datetime) -> Address:
    grant(phone, disclosure, now=now)
    return phone


@pytest.mark.parametrize("workers", [2, 5])
def test_exactly_one_wins_the_last_allowed_attempt(permitted: Address, now: datetime, workers: int) -> None:
    for _ in range(2):
        gate.reserve(ask(permitted), at=now)
    results = at_once(*[lambda: gate.reserve(ask(permitted), at=now)] * workers)
    assert sum(isinstance(result, Attempt) for result in results) == 1
    assert {r.code for r in results if isinstance(r, NotContactable)} == {"FREQ_CAP_POLICY"}
    assert Attempt.objects.exclude(state="refused").count() == 3


def test_one_confirmation_of_an_opt_out(permitted: Address, now: datetime) -> None:
    say(permitted, "STOP", now=now)
    request = ask(permitted, purpose="optout_confirmation")
    results = at_once(*[lambda: gate.reserve(request, at=now)] * 3)
    assert sum(isinstance(result, Attempt) for result in results) == 1


def test_a_stop_and_a_reservation_take_turns(permitted: Address, now: datetime) -> None:
    """Whichever comes first: after the stop nothing new is reserved, and nothing reserved is handed over."""
    at_once(lambda: say(permitted, "STOP", now=now), lambda: gate.reserve(ask(permitted), at=now))
    with pytest.raises(NotContactable):
        gate.reserve(ask(permitted), at=now)
    for attempt in Attempt.objects.filter(state="reserved"):
        with pytest.raises(NotContactable):
            gate.hand_over(attempt.pk, at=now)
    assert not Attempt.objects.filter(state__in=["reserved", "handed_over"]).exists()


def test_writers_to_one_address_leave_no_gap(permitted: Address, now: datetime) -> None:
    def write() -> None:
        for _ in range(10):
            ledger.record(permitted.pk, "inquiry", occurred_at=now, at=now)

    assert at_once(*[write] * 4) == [None] * 4
    assert list(ConsentEvent.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 42))
    assert verify.verify().is_whole
    assert ledger.stale_projections([permitted.pk]) == []


def test_writers_to_the_same_addresses_in_any_order_never_deadlock(seller: object, now: datetime) -> None:
    held = [make_address("phone", f"+1212555{n:04}") for n in range(8)]

    def write(order: list[Address]) -> Callable[[], None]:
        def deed() -> None:
            for _ in range(10):
                ledger.record_many([ledger.Entry(a.pk, "inquiry", occurred_at=now) for a in order], at=now)

        return deed

    assert at_once(write(held), write(held[::-1]), write(held[4:] + held[:4])) == [None] * 3
    assert verify.verify().is_whole


def test_an_open_transaction_on_one_address_delays_no_other(permitted: Address, seller: object, now: datetime) -> None:
    other = make_address("phone", "+12125550199")
    with transaction.atomic():
        say(permitted, "hello", now=now)
        [done] = at_once(lambda: say(other, "hello", now=now))
    assert isinstance(done, ConsentEvent)


def test_a_worker_that_died_between_reservation_and_provider_is_not_repeated(permitted: Address, now: datetime) -> None:
    """The reservation is committed before the provider is called; what became of it nobody knows."""
    attempt = gate.reserve(ask(permitted), at=now)
    gate.hand_over(attempt.pk, at=now)
    later = now + timedelta(minutes=20)
    assert at_once(*[lambda: gate.settle_forgotten(at=later)] * 2).count(1) == 1
    attempt.refresh_from_db()
    assert attempt.state == "unknown"
    with pytest.raises(Exception, match="cannot become"):
        gate.hand_over(attempt.pk, at=later)
