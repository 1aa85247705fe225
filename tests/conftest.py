"""What every test stands on: one clock, the reference organisation and the cast."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import pytest

from medcrm.embedded import BASE_DIR
from tests import servers
from tests.inquiry import CONSULT

servers.join()  # before anything of Django is imported
from tests import kept  # noqa: E402

ORGANISATION = tomllib.loads((BASE_DIR / "medcrm" / "data" / "organisation.toml").read_text())


def pytest_configure() -> None:
    """Collect the static files that every page names by its content, once for all workers.

    Transactional tests empty the ledger's tables too, which its triggers refuse.
    """
    from tests.consent import flush

    flush.install()
    if not servers.worker():
        from django.core.management import call_command

        call_command("collectstatic", interactive=False, verbosity=0)
    look_at_static_files_once()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """A worker that finds settings named loads them before this file, with the addresses of the controller."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def look_at_static_files_once() -> None:
    """Each test's client makes the middleware anew, and that asks for all six hundred files."""
    from whitenoise.base import WhiteNoise

    look, seen = WhiteNoise.update_files_dictionary, {}

    def look_once(self: WhiteNoise, root: str, prefix: str) -> None:
        if (root, prefix) not in seen:
            look(self, root, prefix)
            seen[root, prefix] = dict(self.files)
        self.files.update(seen[root, prefix])

    WhiteNoise.update_files_dictionary = look_once


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Long searches run only when asked for by marker; browser tests run wherever Debian's chromium is."""
    wanted = config.option.markexpr or ""
    left_out = {name for name in ("long", "screens") if name not in wanted}
    if not shutil.which("chromium"):
        left_out.add("browser")
    for item in list(items):
        if any(item.get_closest_marker(name) for name in left_out):
            items.remove(item)
            config.hook.pytest_deselected(items=[item])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not shutil.which("chromium"):
        terminalreporter.write_line(
            "Left out: the browser tests, because chromium is not installed (Debian: apt-get install chromium)."
        )


@pytest.fixture
def own_cache(settings: object) -> None:
    """A cache of this test alone, empty at first: nobody else counts in it, and nobody else empties it."""
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(uuid4())}}


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Copy the tables instead of migrating once per worker and run."""
    from django.db import connection

    connection.settings_dict["TEST"]["TEMPLATE"] = servers.template()


@pytest.fixture
def now() -> datetime:
    """A Tuesday at 10:00 in Austin."""
    return datetime(2026, 12, 1, 16, tzinfo=UTC)


@pytest.fixture(autouse=True)
def broker_away(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests ring no real bell; the tests with processes start a broker of their own."""
    from celery import current_app

    monkeypatch.setattr(current_app, "send_task", lambda *args, **kwargs: None)


@pytest.fixture
def catalogue(request: pytest.FixtureRequest, db: None, now: datetime) -> None:
    """Vocabulary, catalogue, sources and rules of the reference organisation; no people unless they are asked for."""
    if "organisation" in request.fixturenames:
        request.getfixturevalue("organisation")
    else:
        kept.rows_of(("catalogue", now), lambda: load_catalogue(now))


def load_catalogue(now: datetime) -> None:
    import consent.reference
    import leads.reference

    disclosure = consent.reference.load(ORGANISATION, at=now)
    leads.reference.load(ORGANISATION, disclosure, at=now)


@pytest.fixture
def submit(catalogue: None, now: datetime) -> Callable[..., object]:
    """Send an inquiry through the real intake and return the lead; keywords replace fields of a good request."""
    return partial(send_inquiry, at=now)


def send_inquiry(source: str = "web_consult", *, at: datetime, key: str = "", **fields: object) -> object:
    import json

    from leads.models import Source
    from leads.services import intake
    from leads.services.intake import Delivery

    row = Source.objects.select_related("disclosure").get(pk=source)
    body = json.dumps({**CONSULT, **fields}).encode()
    return intake.receive(row, body, Delivery(idempotency_key=key), at=at).lead


@pytest.fixture
def organisation(db: None, now: datetime) -> None:
    """The whole reference organisation: catalogue, rules, teams, people and sequences."""
    from medcrm import reference

    kept.rows_of(("organisation", now), lambda: reference.load(at=now))


@pytest.fixture
def transactional_organisation(transactional_db: None) -> None:
    """The same, committed, as of the real clock: for tests with processes of their own."""
    from django.utils import timezone

    from medcrm import reference

    reference.load(at=timezone.now())
