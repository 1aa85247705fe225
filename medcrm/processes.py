"""How do the web server, the worker and the beat run together? Started in order, watched, and stopped as one.

The demo, the smoke test and the tests that kill processes all use this.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from medcrm.embedded import BASE_DIR

BIN = Path(sys.executable).parent
STOP_SECONDS = 15
PR_SET_PDEATHSIG = 1


class ChildDied(Exception):
    """A process ended that should have kept running; the message holds the end of its log."""


class Processes:
    """A group of child processes with their logs; leaving the block stops them all."""

    def __init__(self, logs: Path, environment: Mapping[str, str] | None = None) -> None:
        self.logs = logs
        self.environment = {**os.environ, **(environment or {})}
        self.running: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> Processes:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_all()

    def start(self, name: str, *command: str) -> subprocess.Popen:
        """Start a process in a group of its own; it ends when this process does, however that ends."""
        with (self.logs / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603
                command,
                cwd=BASE_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        return self.running[name]

    def start_web(self, port: int) -> None:
        gunicorn = ["medcrm.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"]
        self.start("web", str(BIN / "gunicorn"), *gunicorn)

    def start_worker(self, name: str = "worker", concurrency: int = 2) -> None:
        options = [
            "--concurrency",
            str(concurrency),
            "--without-mingle",
            "--hostname",
            f"{name}@%h",
            "--loglevel",
            "INFO",
        ]
        self.start(name, str(BIN / "celery"), "-A", "medcrm", "worker", *options)

    def start_beat(self) -> None:
        schedule = self.logs / "beat-schedule"
        self.start("beat", str(BIN / "celery"), "-A", "medcrm", "beat", "--schedule", str(schedule))

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signal the whole group of one process and wait for it; for SIGKILL the group is gone at once."""
        process = self.running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop_all(self) -> None:
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for name in list(self.running):
            self.kill(name, signal.SIGTERM)

    def check(self) -> None:
        """Raise ChildDied when one of them has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                tail = "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-15:])
                raise ChildDied(f"{name} ended with exit code {process.returncode}. The end of its log:\n{tail}")

    def wait_for_http(self, url: str, *, seconds: float = 60) -> None:
        """Wait until the URL answers anything. Raise ChildDied or TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            try:
                urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError(f"{url} does not answer after {seconds:.0f} s; see {self.logs}.")


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
