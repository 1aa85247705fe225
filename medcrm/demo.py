"""`make demo`: the whole product on this machine, with leads in every state, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

from medcrm import embedded
from medcrm.embedded import BASE_DIR, CannotStart
from medcrm.processes import ChildDied, Processes

FAVOURITE_PORT = 8000


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with embedded.joined(), Processes(embedded.home() / "log") as processes:
            os.environ.setdefault("TIME_ZONE", "America/Chicago")
            processes.environment = dict(os.environ)
            prepare()
            port = free_port()
            processes.start_web(port)
            processes.start_worker()
            processes.start_beat()
            processes.wait_for_http(f"http://127.0.0.1:{port}/admin/login/")
            say(f"\nMedCRM is running at http://127.0.0.1:{port}/admin/\n")
            manage("demo_logins")
            say("\nCtrl-C stops everything; the data stays. “make reset” drops it.")
            watch(processes)
    except KeyboardInterrupt:
        say("\nStopped.")
    except (CannotStart, ChildDied, TimeoutError, subprocess.CalledProcessError) as error:
        sys.exit(f"\nThe demo cannot run: {error}")


def prepare() -> None:
    """Tables, static files, the reference organisation and the synthetic leads; quick when they are there."""
    manage("migrate", "--verbosity", "0")
    manage("collectstatic", "--no-input", "--verbosity", "0")
    manage("load_reference")
    manage("make_demo_data")


def manage(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=BASE_DIR, check=True)  # noqa: S603


def free_port() -> int:
    for port in (FAVOURITE_PORT, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CannotStart("No port is free on this machine.")


def watch(processes: Processes) -> None:
    while True:
        processes.check()
        time.sleep(1)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
