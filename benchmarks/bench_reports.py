"""How long does a reader wait for a report at a million leads, and does the review find what was planted in a year?

    python -m benchmarks.bench_reports [--leads 1000000] [--year 200000]

Works on a scratch database of its own beside the one in DATABASE_URL and drops it at the end. Beside each page: one raw
sequential scan that counts the same rows. Pages are asked for the usual 30 days and for the whole year.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.http import QueryDict

from leads import milestones, review
from leads.models import Lead, Milestone
from medcrm import reference, synthetic_year
from medcrm.reports.ask import Ask
from medcrm.reports.pages import PAGES

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--year", type=int, default=200_000)
    options = parser.parse_args()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        reference.load(at=NOW)
        print("| what | p50 | beside |\n|---|---|---|")
        find_planted(options.year)
        fill(options.leads)
        pages()
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def row(what: str, figure: str, beside: str = "") -> None:
    print(f"| {what} | {figure} | {beside} |", flush=True)


def timed(deed: Callable[[], object], times: int = 5) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        deed()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def find_planted(count: int) -> None:
    """A year whose truth is known: is every planted rule, source and service named, and nothing else?"""
    began = time.perf_counter()
    model = synthetic_year.make(count, at=NOW)
    row(f"a year of {count:,} leads made, scored and folded", f"{time.perf_counter() - began:.0f} s")
    since = NOW - timedelta(days=365)
    began = time.perf_counter()
    found = review.review(model, since=since, at=NOW)
    sources = review.judge_sources(since=since, at=NOW)
    services = review.judge_services(since=since, at=NOW)
    taken = time.perf_counter() - began
    truth = {name: says for name, (_points, _criteria, says) in synthetic_year.PLANTED.items()}
    said = {finding.rule.name: finding.says for finding in found.rules}
    wrong = {name: (said[name], truth[name]) for name in truth if said[name] != truth[name]}
    named = (
        [f.key for f in sources if f.says in ("under", "over")],
        [f.key for f in services if f.says in ("slow", "fast")],
    )
    pairs = [{pair.one.name, pair.other.name} for pair in found.pairs]
    row(f"review of {found.cases:,} mature leads", f"{taken:.1f} s", f"wrong: {wrong or 'none'}")
    row("named besides rules", f"sources {named[0]}, services {named[1]}", f"pairs that say the same: {len(pairs)}")
    assert not wrong and named == ([synthetic_year.FAILING_SOURCE], [synthetic_year.SLOW_SERVICE])
    assert pairs == [synthetic_year.SAME_THING]


COPY = """
INSERT INTO leads_lead ({columns})
SELECT {values} FROM leads_lead AS l, generate_series(1, %s) AS n
 ORDER BY n, l.id LIMIT %s
"""


MILESTONES = """
INSERT INTO leads_milestone ({columns})
SELECT l.id, {copied} FROM leads_lead AS l
  JOIN leads_milestone AS m ON m.lead_id = (SELECT min(id) FROM leads_lead) + (l.id - %s - 1) %% %s
 WHERE l.id > %s
"""


def fill(count: int) -> None:
    """Multiply the year's leads and their milestones up to the number asked for."""
    have = Lead.objects.count()
    if have < count:
        names = [f.column for f in Lead._meta.concrete_fields if f.column not in ("id", "public_id")]
        columns = ", ".join(["public_id", *names])
        values = ", ".join(["gen_random_uuid()", *(f"l.{name}" for name in names)])
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(id) FROM leads_lead")
            last = cursor.fetchone()[0]
            sql = COPY.format(columns=columns, values=values)
            cursor.execute(sql, [-(-(count - have) // have), count - have])
            columns = ", ".join(milestones.COLUMNS)
            copied = ", ".join(f"m.{name}" for name in milestones.COLUMNS[1:])
            cursor.execute(MILESTONES.format(columns=columns, copied=copied), [last, have, last])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE leads_milestone")
        cursor.execute("ANALYZE")
    row("leads, milestones", f"{Lead.objects.count():,}, {Milestone.objects.count():,}")


def pages() -> None:
    with connection.cursor() as cursor:
        raw = timed(lambda: cursor.execute("SELECT count(*) FILTER (WHERE is_converted) FROM leads_milestone"))
    for slug, page in PAGES.items():
        for days in (30, 365):
            data = QueryDict(f"first={(NOW - timedelta(days=days - 1)).date()}&last={NOW.date()}")
            taken = timed(lambda page=page, data=data: page.make(Ask.read(data, at=NOW, is_linked=True)[0]), 3)
            row(f"{slug}, {days} days", f"{1000 * taken:.0f} ms", f"raw scan {1000 * raw:.0f} ms")


if __name__ == "__main__":
    main()
