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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
STOP_SECONDS = 15
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork


class ChildDied(Exception):
    """A process ended that should have kept running; the message holds the end of its log."""


class Processes:
    """A group of child processes with their logs; leaving the block stops them all.

    The children inherit `locks`, so the embedded servers stay until the last child has ended, even if we are killed.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str] | None = None, *, locks: Iterable[int] = ()) -> None:
        self.logs = logs
        self.environment = {**os.environ, **(environment or {})}
        self.locks = tuple(locks)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.started: dict[str, int] = {}  # where in its log the latest start of each begins

    def __enter__(self) -> Processes:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_all()

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own; it ends when this process does, however that ends."""
        log_file = self.log(name)
        if name not in self.started:
            log_file.unlink(missing_ok=True)  # one of an earlier run
        with log_file.open("ab") as log:
            self.started[name] = log.tell()
            self.running[name] = subprocess.Popen(
                command,
                cwd=BASE_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.locks,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        return self.running[name]

    def start_all(self, port: int) -> str:
        """Start web, worker and beat, and return the address once they are ready. Raise ChildDied or TimeoutError."""
        self.start_web(port)
        self.start_worker()
        self.start_beat()
        base = f"http://127.0.0.1:{port}"
        self.wait_for_http(f"{base}/admin/login/")
        self.wait_for_log("worker", "ready.")
        return base

    def start_web(self, port: int) -> None:
        place = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"]
        self.start("web", str(BIN / "gunicorn"), "medcrm.wsgi", *place, "--preload", "--no-control-socket")

    def start_worker(self, name: str = "worker", concurrency: int = 2) -> None:
        options = ["--concurrency", str(concurrency), "--without-mingle", "--hostname", f"{name}@%h"]
        self.start(name, str(BIN / "celery"), "-A", "medcrm", "worker", *options, "--loglevel", "INFO")

    def start_beat(self) -> None:
        schedule = self.logs / "beat-schedule"
        self.start("beat", str(BIN / "celery"), "-A", "medcrm", "beat", "--schedule", str(schedule), "--pidfile=")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signal one process and wait for it; its group ends with it, and what does not listen is killed."""
        process = self.running.pop(name)
        if number != signal.SIGKILL:
            process.send_signal(number)  # only the leader, which tells its own workers in its own order
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says it the second way
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        """Stop them together; a second Ctrl-C does not leave half of them behind."""
        with _undisturbed():
            for process in self.running.values():
                process.send_signal(signal.SIGTERM)
            for name in list(self.running):
                self.kill(name, signal.SIGTERM)

    def check(self) -> None:
        """Raise ChildDied when one of them has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                end = tail(self.log(name), 15)
                raise ChildDied(f"{name} ended with exit code {process.returncode}. The end of its log:\n{end}")

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def watch(self) -> None:
        """Wait until one of them ends. Raise ChildDied."""
        while True:
            self.check()
            time.sleep(0.5)

    def wait_for_http(self, url: str, *, seconds: float = 60) -> None:
        """Wait until the URL answers anything. Raise ChildDied or TimeoutError."""

        def answers() -> bool:
            try:
                urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own server
            except urllib.error.HTTPError:
                return True
            except OSError:
                return False
            return True

        self._wait(answers, f"{url} does not answer", seconds)

    def wait_for_log(self, name: str, text: str, *, seconds: float = 60) -> None:
        """Wait until the process has logged the text since its latest start. Raise ChildDied or TimeoutError."""

        def says() -> bool:
            with self.log(name).open("rb") as log:
                log.seek(self.started[name])
                return text.encode() in log.read()

        self._wait(says, f"{name} does not say “{text}”", seconds)

    def _wait(self, is_true: Callable[[], bool], complaint: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not is_true():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{complaint} after {seconds:.0f} s; see {self.logs}.")
            time.sleep(0.1)


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Have the kernel signal this process when its parent ends; run in the child. Linux only, elsewhere nothing."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(number))


def tail(path: Path, lines: int) -> str:
    """The last lines of a log, as far as there is one."""
    with suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return ""


def manage(*arguments: str) -> str:
    """Run a command of manage.py here, so that Django starts once for all of them, and return what it said.

    Raise CommandError. The servers' addresses must be in the environment by now.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medcrm.settings")
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    said = StringIO()
    call_command(*arguments, stdout=said)
    connections.close_all()  # the parent of the demo's processes only watches from here on
    return said.getvalue()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def stop_on_signals() -> None:
    """Turn Ctrl-C and SIGTERM into KeyboardInterrupt, also where a script started us in the background."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM inside the block; outside the main thread there is nothing to ignore."""
    handlers = {}
    with suppress(ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers[number] = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
