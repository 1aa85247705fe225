"""Two people at once: the last slot of a day is given to one of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from threading import Barrier

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from leads.models import Appointment, Availability, Lead, Offering
from leads.services import appointments
from leads.services.appointments import Booking, NoSlot
from medcrm import reference

pytestmark = pytest.mark.django_db(transaction=True)

ON = date(2026, 12, 3)


@pytest.fixture
def leads(transactional_db: None, now: datetime) -> list[Lead]:
    reference.load(at=now)
    values = {"lead_type": "patient", "source_id": "web_consult", "service_id": "ortho", "created_at": now}
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
