"""The reference organisation's teams, and leads that the road has already decided."""

from __future__ import annotations

import tomllib
from datetime import datetime

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model

import consent.reference
import leads.reference
import routing.reference
from leads.models import Lead
from routing import router
from tests.routing.factories import make_lead


@pytest.fixture
def organisation(db: None, now: datetime) -> dict[str, object]:
    data = tomllib.loads((settings.BASE_DIR / "medcrm" / "data" / "organisation.toml").read_text())
    disclosure = consent.reference.load(data, at=now)
    leads.reference.load(data, disclosure, at=now)
    routing.reference.load(data)
    return data


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
