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

from django.contrib.auth.models import User
from django.db import connection
from django.http import QueryDict

from leads import milestones, review, summaries
from leads.models import Clinic, Lead, Milestone
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
        add_up()
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


# Spread over clinics, teams and agents, tried within two days, a third of them reached: as many cells as in real life.
SPREAD = {
    "clinic_id": "(%s::text[])[1 + l.id %% 8]",
    "team": "(%s::text[])[1 + l.id / 11 %% 4]",
    "owner_id": "(%s::int[])[1 + l.id / 7 %% 60]",
    "attempts": "1 + l.id %% 4",
    "first_attempt_at": "m.captured_at + l.id * 7919 %% 172800 * interval '1 second'",
    "reached_at": "CASE WHEN l.id %% 3 = 0 THEN m.captured_at + l.id * 104729 %% 864000 * interval '1 second' END",
    "reached_on_try": "CASE WHEN l.id %% 3 = 0 THEN 1 + l.id %% 4 END",
}
MILESTONES = """
INSERT INTO leads_milestone ({columns})
SELECT l.id, {copied} FROM leads_lead AS l
  JOIN leads_milestone AS m ON m.lead_id = (SELECT min(id) FROM leads_lead) + (l.id - %s - 1) %% %s
 WHERE l.id > %s
"""


def fill(count: int) -> None:
    """Multiply the year's leads and their milestones up to the number asked for."""
    have = Lead.objects.count()
    agents = User.objects.bulk_create(User(username=f"agent{n}", is_staff=True) for n in range(60))
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
            copied = ", ".join(SPREAD.get(name, f"m.{name}") for name in milestones.COLUMNS[1:])
            clinics = list(Clinic.objects.values_list("pk", flat=True))
            spread = [(clinics * 8)[:8], ["scheduling", "intake", "outreach", "partners"], [user.pk for user in agents]]
            cursor.execute(MILESTONES.format(columns=columns, copied=copied), [*spread, last, have, last])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE leads_milestone")
        cursor.execute("ANALYZE")
    row("leads, milestones", f"{Lead.objects.count():,}, {Milestone.objects.count():,}")


def add_up() -> None:
    """Every day anew, then what a tick finds after 200 leads of 20 days moved."""
    began = time.perf_counter()
    days = summaries.refresh_all()
    taken = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE leads_summary")
        cursor.execute("SELECT pg_total_relation_size('leads_summary'), pg_total_relation_size('leads_milestone')")
        kept, of = (size / 2**20 for size in cursor.fetchone())
    row(f"{days} days added up", f"{taken:.0f} s", f"{kept:.0f} MB; milestones {of:.0f} MB")
    since = NOW - timedelta(days=20)
    some = Milestone.objects.filter(captured_at__gte=since).order_by("pk").values("pk")[:200]
    Milestone.objects.filter(pk__in=some).update(is_overridden=True)
    ask = QueryDict(f"first={(NOW - timedelta(days=364)).date()}&last={NOW.date()}")
    began = time.perf_counter()
    PAGES["speed"].make(Ask.read(ask, at=NOW, is_linked=True)[0])
    row("speed, 365 days, before the tick", f"{1000 * (time.perf_counter() - began):.0f} ms")
    began = time.perf_counter()
    days = summaries.refresh_all()
    row(f"the tick: {days} days added up", f"{time.perf_counter() - began:.1f} s")


NARROWED = ("", "source=ads", "type=patient", "type=patient&by=owner", "owner=1", "source=ads&service=pt", "by=owner")
TALLIED = ("funnel", "speed", "outcome", "effort")


def pages() -> None:
    with connection.cursor() as cursor:
        raw = timed(lambda: cursor.execute("SELECT count(*) FILTER (WHERE is_converted) FROM leads_milestone"))
    agent = User.objects.get(username="agent7").pk
    for slug, page in PAGES.items():
        for days in (30, 365):
            for more in NARROWED if slug in TALLIED else ("",):
                period = f"first={(NOW - timedelta(days=days - 1)).date()}&last={NOW.date()}"
                data = QueryDict(f"{period}&{more.replace('owner=1', f'owner={agent}')}")
                taken = timed(lambda page=page, data=data: page.make(Ask.read(data, at=NOW, is_linked=True)[0]), 3)
                row(f"{slug}, {days} days {more}", f"{1000 * taken:.0f} ms", f"raw scan {1000 * raw:.0f} ms")


if __name__ == "__main__":
    main()
