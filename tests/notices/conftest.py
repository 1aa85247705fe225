"""Visits that were booked by the real service, who looks at them, and a worker that dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from leads.models import Appointment, Lead
from leads.services import appointments
from medcrm import journey, roles
from nurture import dispatch
from tests.notices.told import (
    BEGINS,
    DAY,
    ON,
    run,
    slot,
)


@pytest.fixture
def scheduler(organisation: None) -> object:
    return get_user_model().objects.get(username="scheduling1")


@pytest.fixture
def ask(organisation: None, submit: Callable[..., Lead], now: datetime) -> Callable[..., Lead]:
    """A lead by a source that acknowledges nothing, so that every message is about its visit."""

    def send(number: int = 1, *, at: datetime = now, **fields: object) -> Lead:
        own = {"phone": f"+1512555{number:04d}", "email": f"alpha{number}@example.org", "last_name": f"Alpha {number}"}
        lead = submit("phone", at=at, **{**own, **fields})
        journey.advance([lead.pk], at=at)
        return lead

    return send


@pytest.fixture
def book(ask: Callable[..., Lead], scheduler: object, now: datetime) -> Callable[..., Appointment]:
    """A visit by the real service, then everything that is due at that moment; keywords replace fields of the form."""

    def take(
        number: int = 1,
        *,
        at: datetime = now,
        on: date = ON,
        clock: time | None = time(9, 30),
        reason: str = "",
        **fields: object,
    ) -> Appointment:
        lead = ask(number, at=at, **fields)
        row = appointments.book(lead.pk, slot(on, clock), by=scheduler, at=at, reason=reason)
        run(at)
        return row

    return take


@pytest.fixture
def reminded(book: Callable[..., Appointment]) -> Appointment:
    """Reminded by text a day before."""
    row = book(language="es")
    run(BEGINS - 3 * DAY)
    run(BEGINS - DAY)
    return Appointment.objects.select_related("lead__phone", "lead__email").get(pk=row.pk)


@pytest.fixture
def at_work(organisation: None, client: Client, settings: object) -> Callable[[str], Client]:
    """The admin, as somebody of this role sees it."""
    settings.SECURE_SSL_REDIRECT = False
    roles.sync()

    def sign_in(role: str) -> Client:
        user, _is_new = get_user_model().objects.get_or_create(username=f"{role}7", defaults={"is_staff": True})
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[object, str, datetime], None]]:
    """A worker that ends at a call."""

    def die(*args: object, **kwargs: object) -> None:
        raise SystemExit

    def at(module: object, name: str, when: datetime) -> None:
        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            patch.setattr(module, name, die)
            dispatch.dispatch_due(at=when)

    return at
