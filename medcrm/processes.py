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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
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

    def __enter__(self) -> Processes:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_all()

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own; it ends when this process does, however that ends."""
        with (self.logs / f"{name}.log").open("ab") as log:
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
        """Start web, worker and beat, and return the address once the web server answers. Raise ChildDied."""
        self.start_web(port)
        self.start_worker()
        self.start_beat()
        base = f"http://127.0.0.1:{port}"
        self.wait_for_http(f"{base}/admin/login/")
        return base

    def start_web(self, port: int) -> None:
        place = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"]
        self.start("web", str(BIN / "gunicorn"), "medcrm.wsgi", *place, "--no-control-socket")

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
                end = tail(self.logs / f"{name}.log", 15)
                raise ChildDied(f"{name} ended with exit code {process.returncode}. The end of its log:\n{end}")

    def watch(self) -> None:
        """Wait until one of them ends. Raise ChildDied."""
        while True:
            self.check()
            time.sleep(0.5)

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


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Have the kernel signal this process when its parent ends; run in the child. Linux only, elsewhere nothing."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(number))


def tail(path: Path, lines: int) -> str:
    """The last lines of a log, as far as there is one."""
    with suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return ""


def manage(*arguments: str) -> None:
    """Run a command of manage.py to its end. Raise CalledProcessError."""
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=BASE_DIR, check=True)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


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
