"""A caller of the reference organisation at ten in the morning, with leads that walked the road."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import transaction

from leads.models import Lead
from medcrm import journey, reference
from tests.rows import NOW as TEN


@pytest.fixture(scope="module", autouse=True)
def organisation_once(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    """The reference organisation, loaded once for all tests of a module and rolled back after the last."""
    with django_db_blocker.unblock(), transaction.atomic():
        reference.load(at=TEN)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def organisation(db: None, organisation_once: None) -> None:
    """As everywhere; here it is there already."""


@pytest.fixture
def catalogue(organisation: None) -> None:
    """A part of the organisation."""


@pytest.fixture(autouse=True)
def morning(now) -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(now, tick=False) as clock:
        yield clock


@pytest.fixture
def caller(organisation, client) -> User:
    """Scheduling's first agent, signed in."""
    user = User.objects.get(username="scheduling1")
    user.groups.add(Group.objects.get(name="scheduler"))
    client.force_login(user)
    return user


@pytest.fixture
def lead_of(caller, submit, now) -> Callable[..., Lead]:
    """A patient who wants an appointment, routed to the caller's team and owned by the caller."""
    numbers = iter(range(100))

    def make(**fields: object) -> Lead:
        number = next(numbers)
        address = {
            "phone": f"+15125550{100 + number}",
            "email": f"p{number}@example.org",
            "last_name": f"Alpha{number}",
        }
        lead = submit(**{"documents": ["referral_letter", "medical_history"], **address, **fields})
        journey.advance([lead.pk], at=now)
        Lead.objects.filter(pk=lead.pk).update(owner=caller, team="scheduling")
        lead.clocks.update(owner=caller, team="scheduling")
        lead.refresh_from_db()
        return lead

    return make


@pytest.fixture
def lead(lead_of) -> Lead:
    return lead_of()
