"""The servers under the tests: this checkout's own, thrown away afterwards, unless DATABASE_URL names one.

Loaded by `-p tests.servers`, because pytest-django reads the settings before any conftest. The controller joins the
servers; xdist's workers inherit their addresses, each with a database (pytest-django) and a Valkey database of its own.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from medcrm import embedded

JOINED = ExitStack()


def join() -> None:
    os.environ.setdefault("MEDCRM_HOME", str(embedded.BASE_DIR / ".medcrm" / "test"))
    os.environ.setdefault("MEDCRM_THROWAWAY", "1")
    os.environ.setdefault("SECRET_KEY", "only-for-the-tests-" + "0" * 40)
    os.environ.setdefault("INSECURE_HTTP", "on")
    JOINED.enter_context(embedded.joined())


def pytest_unconfigure() -> None:
    JOINED.close()


if "PYTEST_XDIST_WORKER" not in os.environ:
    join()
