"""`make demo`: the whole product on this machine, with leads in every state, until Ctrl-C."""

from __future__ import annotations

import os
import sys

from django.core.management.base import CommandError

from medcrm import embedded
from medcrm.embedded import CannotStart
from medcrm.processes import ChildDied, Processes, manage, say, stop_on_signals
from medcrm.servers import free_port

FAVOURITE_PORT = 8000


def main() -> None:
    stop_on_signals()
    try:
        with embedded.joined() as locks:
            os.environ.setdefault("TIME_ZONE", "America/Chicago")
            os.environ.setdefault("MFA_REQUIRED", "off")  # its people are made up, and its passwords are printed
            prepare()
            with Processes(embedded.home() / "log", locks=locks) as processes:
                serve(processes)
    except KeyboardInterrupt:
        say("\nStopped.")
    except (CannotStart, ChildDied, TimeoutError, CommandError) as error:
        sys.exit(f"\nThe demo cannot run: {error}")


def prepare() -> None:
    """Tables, static files, the reference organisation and the synthetic leads; quick when they are there."""
    say("Preparing: the first start takes some minutes, later ones some seconds.\n  1 of 3: tables and static files")
    manage("migrate", "--verbosity", "0")
    manage("collectstatic", "--no-input", "--verbosity", "0")
    say("  2 of 3: the reference organisation")
    manage("load_reference", "--with-scrub")
    say("  3 of 3: two weeks of synthetic leads")
    say("  " + manage("make_demo_data").strip())


def serve(processes: Processes) -> None:
    """Start web, worker and beat, say where they are, and watch them."""
    base = processes.start_all(free_port(FAVOURITE_PORT))
    say(f"\nMedCRM is running at {base}/admin/\n")
    say(manage("demo_logins"))
    say("\nCtrl-C stops everything; the data stays. “make reset” drops it.")
    processes.watch()


if __name__ == "__main__":
    main()
