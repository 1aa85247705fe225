"""The reference organisation's teams, and leads that the road has already decided."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth import get_user_model

import routing.reference
from leads.models import Lead
from routing import router
from tests import kept
from tests.conftest import ORGANISATION, load_catalogue
from tests.consent import flush
from tests.routing.factories import make_lead

flush.install()  # test_concurrency empties the database, ledger and all


@pytest.fixture
def organisation(db: None, now: datetime) -> None:
    """Catalogue, teams and people, and no sequences."""

    def load() -> None:
        load_catalogue(now)
        routing.reference.load(ORGANISATION, at=now)

    kept.rows_of(("routing", now), load)


@pytest.fixture
def lead(organisation: object, now: datetime) -> Lead:
    """Asks for an orthopedic appointment in Austin; forwarded to be booked."""
    return make_lead(now)


@pytest.fixture
def routed(lead: Lead, now: datetime) -> Lead:
    router.route([lead.pk], at=now)
    lead.refresh_from_db()
    return lead


@pytest.fixture
def supervisor(organisation: object) -> object:
    return get_user_model().objects.create_user("supervisor1", is_staff=True)
