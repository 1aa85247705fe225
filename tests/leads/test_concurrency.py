"""Two at once: the last slot goes to one of them, a visit ends once, and nobody waits for who waits for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from threading import Barrier, Event

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from consent import addresses, ledger
from leads import requalification
from leads.models import Appointment, Availability, Lead, Offering, Qualification, Trigger
from leads.services import appointments, calls
from leads.services.appointments import Booking, NoSlot
from leads.services.calls import CallReport
from medcrm import journey, reference
from medcrm.lib.errors import InvalidTransition
from tests.consent import flush

flush.install()  # what a call says of permission is in the ledger

pytestmark = pytest.mark.django_db(transaction=True)

ON = date(2026, 12, 3)


@pytest.fixture
def leads(transactional_db: None, now: datetime) -> list[Lead]:
    reference.load(at=now)
    values = {"lead_type": "patient", "source_id": "web_consult", "service_id": "ortho", "created_at": now}
    values |= {"preferred_clinic_id": "aus"}
    return [Lead.objects.create(last_name=f"Alpha{n}", **values) for n in range(4)]


def test_last_slot_of_a_day_goes_to_one_of_those_who_ask_at_once(leads, now):
    offering = Offering.objects.get(service="ortho", clinic="aus").pk
    Availability.objects.filter(offering=offering, date=ON).update(open_slots=1)
    user = get_user_model().objects.get(username="scheduling1")
    gate = Barrier(len(leads))

    def ask(lead: Lead) -> str:
        try:
            gate.wait(timeout=20)
            return appointments.book(lead.pk, Booking(offering, ON), by=user, at=now).status
        except NoSlot as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(leads)) as pool:
        answers = sorted(pool.map(ask, leads))
    assert answers == ["NO_CAPACITY"] * 3 + ["booked"]
    assert Appointment.objects.count() == 1
    assert Availability.objects.get(offering=offering, date=ON).open_slots == 0


def at_once(*acts: Callable[[], object]) -> list[object]:
    def run(act: Callable[[], object]) -> object:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result(timeout=60) for done in [pool.submit(run, act) for act in acts]]


def waits_for_a_lock() -> None:
    """Return once another session waits for a lock, so that the one that holds it can go on."""
    with connection.cursor() as cursor:
        for _look in range(200):
            cursor.execute("SELECT pg_sleep(0.05), pg_stat_clear_snapshot()")
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone()[0]:
                return


def test_a_visit_that_two_settle_at_once_ends_once(leads, now):
    lead, user = leads[0], get_user_model().objects.get(username="scheduling1")
    Lead.objects.filter(pk=lead.pk).update(stage="forwarded", decision="forward", next_step="appointment")
    Qualification.objects.create(lead=lead, cycle=1, opened_at=now)
    values = {"service_id": "ortho", "clinic_id": "aus", "created_at": now, "changed_at": now}
    row = Appointment.objects.create(lead=lead, date=date(2026, 11, 30), **values)
    gate = Barrier(2)

    def settle() -> str:
        gate.wait(timeout=20)
        try:
            return appointments.settle_appointment(row.pk, "no_show", by=user, at=now).status
        except InvalidTransition as error:
            return error.code

    assert sorted(at_once(settle, settle)) == [InvalidTransition("", "").code, "no_show"]
    assert (Appointment.objects.count(), Lead.objects.get(pk=lead.pk).cycle) == (1, 2)


@pytest.fixture
def reached(leads) -> Lead:
    """A lead with a number."""
    pair = (addresses.PHONE, "+15125550111")
    with transaction.atomic():
        phone = addresses.lock_addresses([pair])[pair]
    Lead.objects.filter(pk=leads[0].pk).update(phone=phone)
    return Lead.objects.get(pk=leads[0].pk)


def test_a_call_and_a_stop_of_the_same_number_take_turns(reached, now, monkeypatch):
    said, spoken = calls._tell_consent, Event()

    def slowly(*args: object) -> None:
        spoken.set()
        waits_for_a_lock()
        said(*args)

    def stop() -> None:
        spoken.wait(20)
        with transaction.atomic():
            addresses.lock_addresses([(addresses.PHONE, "+15125550111")])
            list(Lead.objects.filter(pk=reached.pk).lock())
            ledger.record(reached.phone_id, "inbound", occurred_at=now, at=now, text="STOP", facts={"channel": "sms"})

    monkeypatch.setattr(calls, "_tell_consent", slowly)
    at_once(lambda: calls.record_call(reached.pk, CallReport("do_not_call"), at=now), stop)
    assert set(reached.phone.events.values_list("kind", flat=True)) >= {"internal_dnc", "inbound"}


def test_a_date_that_comes_while_the_lead_walks_waits_for_nobody(leads, now, monkeypatch):
    lead = leads[0]
    Lead.objects.exclude(pk=lead.pk).delete()
    values = {"stage": "held", "decision": "hold", "hold_reason": "unreachable_pause", "advance_due_at": now}
    Lead.objects.filter(pk=lead.pk).update(**values)
    cycle = Qualification.objects.create(lead=lead, cycle=1, opened_at=now)
    Trigger.objects.create(lead=lead, kind_id="date_reached", qualification=cycle, due_at=now, armed_at=now)
    sync, walking, fired = requalification.sync_triggers, Event(), Event()

    def slowly(ids: list[int], *, at: datetime) -> None:
        walking.set()
        fired.wait(20)
        sync(ids, at=at)

    def date_comes() -> int:
        walking.wait(20)
        try:
            return requalification.fire_dated(at=now)
        finally:
            fired.set()

    monkeypatch.setattr(requalification, "sync_triggers", slowly)
    assert at_once(lambda: journey.advance_batch(at=now), date_comes) == [1, 0]
