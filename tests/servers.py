"""The servers under the tests: this checkout's own, apart from the demo's, unless DATABASE_URL names another.

Imported by the conftest before anything of Django, because the settings need the addresses. Under xdist the controller
and each worker join by themselves; pytest-django gives each a database, and here each gets its part of Valkey.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

import django

from medcrm import embedded

JOINED = ExitStack()  # never closed: the servers end when this process has
FIRST_WORKER = 2  # 0 and 1 are the controller's, or those of a run without workers


def join() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")
    os.environ.setdefault("MEDCRM_HOME", str(embedded.BASE_DIR / ".medcrm" / "test"))
    os.environ.setdefault("MEDCRM_THROWAWAY", "1")
    os.environ.setdefault("SECRET_KEY", "only-for-the-tests-" + "0" * 40)
    os.environ.setdefault("INSECURE_HTTP", "on")
    JOINED.enter_context(embedded.joined())
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        separate(int(worker.removeprefix("gw")))
    django.setup()  # the conftests of the rooms import models


def separate(worker: int) -> None:
    """Give an xdist worker two Valkey databases of its own, where Valkey is ours."""
    for offset, name in enumerate(("CELERY_BROKER_URL", "CACHE_URL")):
        if embedded.is_embedded(name):
            server, _, _ = os.environ[name].rpartition("/")
            os.environ[name] = f"{server}/{FIRST_WORKER + 2 * worker + offset}"
