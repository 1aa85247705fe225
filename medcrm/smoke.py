"""`make smoke`: do the three worked examples come out right through the real web server, worker and beat?"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.management.base import CommandError

from medcrm import embedded
from medcrm.embedded import CannotStart
from medcrm.processes import BASE_DIR, ChildDied, Processes, manage, say, stop_on_signals
from medcrm.servers import free_port

EXAMPLES = BASE_DIR / "medcrm" / "data" / "worked_examples.json"
GOAL_SECONDS = 2.0  # the budget from POST to routed
LATEST_SECONDS = 10.0  # a busy machine may be late, but a lead that waits for a tick or two has lost its bell
PATIENCE_SECONDS = 30.0
ROW = "{:<62} {:<10} {:<9} {:<12} {:<18} {:>7}"


class Refused(Exception):
    """The web server did not accept an example; the message holds its answer."""


@dataclass(frozen=True)
class Result:
    title: str
    wanted: Mapping[str, object]
    got: Mapping[str, object]
    seconds: float

    @property
    def is_right(self) -> bool:
        return self.seconds <= LATEST_SECONDS and all(
            self.got.get(name) == value for name, value in self.wanted.items()
        )


def main() -> None:
    place = BASE_DIR / ".medcrm" / "smoke"
    stop_on_signals()
    os.environ["MEDCRM_HOME"] = str(place)
    os.environ["MEDCRM_THROWAWAY"] = "1"
    for variable in ("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL"):
        os.environ[variable] = ""  # whatever it or .env names: the examples are made-up people
    try:
        embedded.reset()
        with embedded.joined() as locks:
            manage("migrate", "--verbosity", "0")
            manage("collectstatic", "--no-input", "--verbosity", "0")
            manage("load_reference", "--with-scrub")
            with Processes(place / "log", locks=locks) as processes:
                results = run(processes)
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
    except (CannotStart, ChildDied, Refused, OSError, CommandError) as error:
        sys.exit(f"The smoke test cannot run: {error}")
    show(results)
    wrong = [result for result in results if not result.is_right]
    say(f"\n{len(results) - len(wrong)} passed, {len(wrong)} failed")
    sys.exit(1 if wrong else 0)


def run(processes: Processes) -> list[Result]:
    base = processes.start_all(free_port())
    return [post_and_wait(base, example, processes) for example in json.loads(EXAMPLES.read_text())]


def post_and_wait(base: str, example: Mapping[str, object], processes: Processes) -> Result:
    """Post one example with its source's key and ask for its status until it has walked the road."""
    submission = dict(example["submit"])
    key = manage("source_key", submission.pop("source"), "--label", "smoke").strip()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    started = time.monotonic()
    receipt = fetch(f"{base}/api/v1/inquiries/", headers, json.dumps(submission).encode())
    status: Mapping[str, object] = {}
    while not status.get("advanced_at") and time.monotonic() - started < PATIENCE_SECONDS:
        processes.check()
        time.sleep(0.02)
        status = fetch(receipt["status_url"], headers)
    return Result(str(example["title"]), example["expect"], status, time.monotonic() - started)


def fetch(url: str, headers: Mapping[str, str], body: bytes | None = None) -> dict[str, object]:
    """The JSON answer. Raise Refused with what the server said instead."""
    request = urllib.request.Request(url, data=body, headers=dict(headers))  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from error


def show(results: list[Result]) -> None:
    head = ("example", "readiness", "decision", "next step", "team or sequence", "seconds")
    say(ROW.format(*head))
    for result in results:
        got = result.got
        place = got.get("sequence") or got.get("team")
        cells = (result.title[:60], got.get("readiness"), got.get("decision"), got.get("next_step"), place)
        mark = "" if result.is_right else f"  ✗ wanted {dict(result.wanted)} within {LATEST_SECONDS:.0f} s"
        if result.is_right and result.seconds > GOAL_SECONDS:
            mark = f"  slower than the goal of {GOAL_SECONDS:.0f} s"
        say(ROW.format(*(str(cell or "–") for cell in cells), f"{result.seconds:.2f}") + mark)


if __name__ == "__main__":
    main()
