"""How long does one fresh lead wait for its walk down the road, and what of it is ours?

    python -m benchmarks.bench_walk [--leads 40]

Works on a scratch database of its own beside the one in DATABASE_URL (or the embedded one) and drops it. Each lead
comes in by the intake and walks alone, as it does when the bell rings for it. The baseline are the very statements of
its walk, sent once more by the driver alone after it was taken back: what PostgreSQL and the wire need. The checks of
one lead and the merge of two likewise.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from unittest.mock import patch

from celery import current_app
from django.db import connection, transaction

from leads import qualification
from leads.models import Source
from leads.services import intake, merging
from leads.services.intake import Delivery
from medcrm import journey, reference
from tests.inquiry import CONSULT

NOW = datetime(2026, 12, 1, 16, tzinfo=UTC)  # a Tuesday at 10:00 in Austin
WARM = 5  # the first ones also make what is made once per process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=40)
    options = parser.parse_args()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        reference.load(at=NOW)
        with patch.object(current_app, "send_task"):
            print("| what | p50 | of it processor of ours | its statements alone | statements |\n|---|---|---|---|---|")
            ids = [lead(number) for number in range(options.leads)]
            report("one lead walks the road", [lambda pk=pk: journey.advance([pk], at=NOW) for pk in ids])
            report("the four checks of one lead", [lambda pk=pk: qualification.assess_one(pk, at=NOW) for pk in ids])
            pairs = list(zip(ids[::2], ids[1::2], strict=False))
            report("two leads are merged", [lambda pair=pair: merging.merge(*pair, by=None, at=NOW) for pair in pairs])
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def lead(number: int) -> int:
    source = Source.objects.select_related("disclosure").get(pk="web_consult")
    who = {"phone": f"+1512555{1000 + number}", "email": f"p{number}@example.org", "last_name": f"Alpha{number}"}
    body = json.dumps({**CONSULT, **who}).encode()
    return intake.receive(source, body, Delivery(idempotency_key=str(number)), at=NOW).lead.pk


def report(what: str, acts: list[Callable[[], object]]) -> None:
    took = [measured(act) for act in acts][WARM:]
    wall, ours, alone, count = (statistics.median(column) for column in zip(*took, strict=True))
    print(f"| {what} | {wall:.0f} ms | {ours:.0f} ms | {alone:.0f} ms | {count:.0f} |", flush=True)


def measured(act: Callable[[], object]) -> tuple[float, float, float, int]:
    """Milliseconds by the clock and of our processor; those of its statements sent alone; how many there are."""
    said: list[tuple[str, object]] = []

    def keep(execute: Callable, sql: str, params: object, many: bool, context: object) -> object:
        said.append((sql, params))
        return execute(sql, params, many, context)

    with transaction.atomic():
        with connection.execute_wrapper(keep):
            act()
        transaction.set_rollback(True)
    with transaction.atomic():
        alone = clocked(lambda: send(said))[0]
        transaction.set_rollback(True)
    return *clocked(act), alone, len(said)


def clocked(act: Callable[[], object]) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    act()
    return (time.perf_counter() - clock) * 1e3, (time.process_time() - processor) * 1e3


def send(said: list[tuple[str, object]]) -> None:
    with connection.connection.cursor() as cursor:
        for sql, params in said:
            cursor.execute(sql, params)
            if cursor.description:
                cursor.fetchall()


if __name__ == "__main__":
    main()
