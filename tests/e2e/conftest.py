"""One stage for all browser tests: the server, the browser and the people, set up once and struck at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
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
    from tests.e2e.scenes import kept_in
    from tests.e2e.stage import running

    with django_db_blocker.unblock(), override_settings(STORAGES=kept_in(tmp_path_factory.mktemp("private"))):
        with running() as stage:
            yield stage


@pytest.fixture(scope="package")
def send_in(stage) -> Callable[..., object]:
    """Send a patient's inquiry and walk it along the road."""
    from tests.e2e import scenes

    return scenes.sender(at=NOW)


@pytest.fixture(autouse=True)
def no_complaints(request: pytest.FixtureRequest) -> Iterator[None]:
    """The browser itself must have nothing to say: no script error, nothing that the content policy stopped."""
    yield
    if "stage" in request.fixturenames:
        stage = request.getfixturevalue("stage")
        complaints, stage.complaints = stage.complaints, []
        assert complaints == []
