"""One stage for all browser tests: the server, the browser and the people, set up once and struck at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from tests.rows import NOW

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread; the tests ask one by one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def transactional_db() -> None:
    """These tests commit, so pytest-django makes the tables and runs them last; the stage empties them, once."""


@pytest.fixture(scope="package")
def stage(django_db_setup: None, transactional_db: None, django_db_blocker, tmp_path_factory) -> Iterator[object]:
    from tests.e2e.stage import running

    with django_db_blocker.unblock(), override_settings(STORAGES=kept_in(tmp_path_factory.mktemp("private"))):
        with running() as stage:
            yield stage


def kept_in(folder: Path) -> dict[str, object]:
    """The storages with the private files in a folder of the tests."""
    storages = json.loads(json.dumps(settings.STORAGES))
    storages["private"]["OPTIONS"]["location"] = str(folder)
    return storages


@pytest.fixture(scope="package")
def send_in(stage) -> Callable[..., object]:
    """A patient's inquiry through the real intake, walked along the road; keywords replace fields."""
    from leads.models import Source
    from leads.services import intake
    from leads.services.intake import Delivery
    from medcrm import journey
    from tests.conftest import CONSULT

    count = iter(range(1, 100))

    def send(source: str = "web_consult", *, at: datetime = NOW, **fields: object) -> object:
        number = next(count)
        who = {
            "first_name": "Ana",
            "last_name": f"Reed{number:02d}",
            "phone": f"+151255501{number:02d}",
            "email": f"ana{number}@example.org",
            "documents": ["referral_letter", "medical_history"],
        }
        row = Source.objects.select_related("disclosure").get(pk=source)
        body = json.dumps({**CONSULT, **who, **fields}).encode()
        lead = intake.receive(row, body, Delivery(), at=at).lead
        journey.advance([lead.pk], at=at)
        return lead

    return send


@pytest.fixture(autouse=True)
def no_complaints(request: pytest.FixtureRequest) -> Iterator[None]:
    """The browser itself must have nothing to say: no script error, nothing that the content policy stopped."""
    yield
    if "stage" in request.fixturenames:
        stage = request.getfixturevalue("stage")
        complaints, stage.complaints = stage.complaints, []
        assert complaints == []
