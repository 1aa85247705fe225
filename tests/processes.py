"""Processes that a test may start, watch and kill: users of the embedded servers, and what runs inside a home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from django.db import connection

from medcrm.processes import BASE_DIR, end_with_parent

PATIENCE_SECONDS = 180  # a busy machine needs a minute to make the tables
USER = """
import json, os, sys
from medcrm import embedded
with embedded.joined():
    print(json.dumps(dict(os.environ)), flush=True)
    sys.stdin.read()
"""


class User:
    """A process that uses the embedded servers of a home until it is told to leave, or killed."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER],
            cwd=BASE_DIR,
            env=clean_environment(home, **environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=end_with_parent,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What the joined process sees; waits until it has joined."""
        if not hasattr(self, "_environment"):
            self._environment = json.loads(self.process.stdout.readline())
        return self._environment

    def end(self, number: int | None = None) -> None:
        """Let the process leave by itself, or by a signal."""
        self.process.stdin.close() if number is None else self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)


def clean_environment(home: Path, **environment: str) -> dict[str, str]:
    """The environment of someone who has only this checkout, and this home."""
    ours = ("MEDCRM_", "DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "SECRET_KEY", "INSECURE_HTTP", "PYTEST_")
    outside = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**outside, "MEDCRM_HOME": str(home), "MEDCRM_THROWAWAY": "1", **environment}


def database_url() -> str:
    """The address of the database that this test, or this worker of them, uses."""
    name = connection.settings_dict["NAME"]
    plain = name.removeprefix("test_").split("_gw")[0]
    return os.environ["DATABASE_URL"].replace(f"/{plain}", f"/{name}", 1)


def running(home: Path, name: str = "") -> list[psutil.Process]:
    """The living processes that were started with something inside the home, of this name if one is given."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()  # empty for the dead who wait for their parent
            if any(Path(argument).is_relative_to(home) for argument in command) and name in " ".join(command):
                found.append(process)
    return found


def wait_until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"It never came true: {what}"
        time.sleep(0.05)
