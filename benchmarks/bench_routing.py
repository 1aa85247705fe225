"""How fast are leads routed, and how long does a caller wait for “call next”?

    python -m benchmarks.bench_routing [--leads 100000] [--open 1000 1000000] [--callers 20] [--calls 20]

Works on a scratch database of its own, beside the one in DATABASE_URL or in the embedded server, and drops it at the
end. Routing is put beside the least that any program must write: the same assignments in bulk and one UPDATE of owner
and team of the same leads. "Call next" is asked for by processes at once, each a caller of the same team, over leads
that all lie in its queue.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from consent import zones
from consent.models import Address
from leads.models import Lead, Qualification
from medcrm import reference
from routing import board, router, worklist
from routing.models import Agent, Assignment, Clock, Lease

NOW = datetime(2026, 12, 1, 16, tzinfo=UTC)  # a Tuesday at 10:00 in Austin
BATCH = router.BATCH
MEMBERS = 8  # of the team that gets the leads
PHONES = 50_000

AUSTIN = {"zip": "78704", "state": "TX", "city": "Austin", "latitude": 30.24, "longitude": -97.77}
FORWARDED = {
    "lead_type": "patient", "source_id": "web_consult", "service_id": "ortho", "preferred_clinic_id": "aus",
    "request": "appointment", "timezone": "America/Chicago", "score_band": "high", "next_step": "appointment",
    "decision": "forward", "stage": "forwarded", "created_at": NOW,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--open", type=int, nargs="*", default=[1_000, 1_000_000])
    parser.add_argument("--callers", type=int, default=20)
    parser.add_argument("--calls", type=int, default=20, help="asked for by each caller")
    options = parser.parse_args()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        reference.load(at=NOW)
        team()
        print("| what | figure | beside |\n|---|---|---|")
        if options.leads:
            routing(options.leads)
        for count in options.open:
            calling(count, options.callers, options.calls)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def row(what: str, figure: str, beside: str = "") -> None:
    print(f"| {what} | {figure} | {beside} |", flush=True)


def team() -> None:
    """Equal members without caps, so that fairness shows."""
    Agent.objects.update(open_cap=None, daily_cap=None)
    users = get_user_model().objects
    for number in range(MEMBERS - Agent.objects.filter(team="scheduling").count()):
        Agent.objects.create(user=users.create_user(f"bench{number}"), team_id="scheduling", languages=["en"])
    Agent.objects.filter(team="scheduling").update(languages=["en"])


class Counted:
    """Counts queries without keeping them."""

    def __init__(self) -> None:
        self.queries = 0

    def __call__(self, execute: Callable, *args: object) -> object:
        self.queries += 1
        return execute(*args)


# Routing


def routing(count: int) -> None:
    ids = make_leads(count)
    analyze()
    counted, begin = Counted(), time.perf_counter()
    with connection.execute_wrapper(counted):
        for start in range(0, count, BATCH):
            with transaction.atomic():
                batch = ids[start : start + BATCH]
                list(Lead.objects.filter(pk__in=batch).only("pk").lock())
                router.route(batch, at=NOW)
    spent = time.perf_counter() - begin
    raw = baseline(ids)
    given = Counter(Lead.objects.filter(pk__in=ids).order_by().values_list("owner", flat=True))
    assert None not in given and sum(given.values()) == count
    row(f"{count:,} leads routed, {BATCH} to a transaction", f"{count / spent:,.0f} leads/s, {spent:.1f} s",
        f"raw writes {raw:.1f} s: {spent / raw:.1f} ×")  # fmt: skip
    row("queries per lead", f"{counted.queries / count:.3f}", "budget 0.1")
    row(f"spread between {MEMBERS} equal agents", str(max(given.values()) - min(given.values())), "budget 1")
    begin, before = time.perf_counter(), Assignment.objects.count()
    for start in range(0, min(count, 5_000), BATCH):
        router.route(ids[start : start + BATCH], at=NOW + timedelta(minutes=1))
    again = min(count, 5_000) / (time.perf_counter() - begin)
    assert Assignment.objects.count() == before
    row("the same leads again, nothing changed", f"{again:,.0f} leads/s", "nothing written")
    median("team board", lambda: board.read(at=NOW), 9)


def make_leads(count: int) -> list[int]:
    last = Lead.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    for start in range(0, count, 5_000):
        size = min(5_000, count - start)
        leads = Lead.objects.bulk_create(
            [Lead(last_name=f"B{start + n}", score=50, **FORWARDED, **AUSTIN) for n in range(size)]
        )
        Qualification.objects.bulk_create([Qualification(lead=lead, cycle=1, opened_at=NOW) for lead in leads])
    return list(Lead.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True))


def baseline(ids: list[int]) -> float:
    """The assignments again, in bulk and without triggers or packets, and one UPDATE of the leads' two columns."""
    columns = ", ".join(f.column for f in Assignment._meta.concrete_fields if f.column != "id")
    begin = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_assignment (LIKE routing_assignment INCLUDING DEFAULTS INCLUDING INDEXES)")
        cursor.execute(f"INSERT INTO bench_assignment (id, {columns}) SELECT id, {columns} FROM routing_assignment")
        cursor.execute("UPDATE leads_lead SET team = team, owner_id = owner_id WHERE id = ANY(%s)", [ids])
        spent = time.perf_counter() - begin
        cursor.execute("DROP TABLE bench_assignment")
    return spent


# Call next


def calling(count: int, callers: int, calls: int) -> None:
    """All leads of one team's queue, each with a number that may be called; every caller asks one after another."""
    clear()
    fill(count)
    analyze()
    users = [user.pk for user in crew(callers)]
    connection.close()
    context = multiprocessing.get_context("fork")
    results, barrier = context.Queue(), context.Barrier(callers)
    workers = [context.Process(target=ask, args=(pk, calls, barrier, results)) for pk in users]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in workers]
    spent = max(end for _part, _given, _begin, end in found) - min(begin for _part, _given, begin, _end in found)
    for worker in workers:
        worker.join()
    times = sorted(took for part, *_rest in found for took in part)
    leads = [lead for _part, given, *_rest in found for lead in given]
    assert len(leads) == len(set(leads)), "a lead was leased twice"
    p95 = times[int(len(times) * 0.95)]
    row(
        f"“call next”, {count:,} open leads, {callers} callers at once",
        f"p50 {statistics.median(times) * 1000:,.0f} ms, p95 {p95 * 1000:,.0f} ms",
        f"{len(leads):,} leases, none twice, {len(leads) / spent:,.0f} a second",
    )
    alone = get_user_model().objects.get(pk=users[0])
    times, leads = take(alone, calls)
    p50 = f"p50 {statistics.median(times) * 1000:,.0f} ms"
    row(f"“call next”, {count:,} open leads, one caller", p50, f"{len(leads)} leases")
    median(f"team board, {count:,} open leads", lambda: board.read(at=NOW), 9)


def ask(user_id: int, calls: int, barrier: object, results: object) -> None:
    user = get_user_model().objects.get(pk=user_id)
    zones.load()  # as a web server has before it serves
    barrier.wait()  # type: ignore[attr-defined]
    started = time.perf_counter()
    times, leads = take(user, calls)
    results.put((times, leads, started, time.perf_counter()))  # type: ignore[attr-defined]


def take(user: AbstractBaseUser, calls: int) -> tuple[list[float], list[int]]:
    """Seconds of each, and the leads leased. Each call is made: what was owed is paid, so the next lead is another."""
    times, leads = [], []
    for _ in range(calls):
        begin = time.perf_counter()
        offer = worklist.take_next(user, at=NOW)
        times.append(time.perf_counter() - begin)
        if offer.lease:
            leads.append(offer.lease.lead_id)
            Clock.objects.open().filter(lead=offer.lease.lead_id).update(met_at=NOW, met_by=user)
    return times, leads


def clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for model in (Lease, Clock, Assignment):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
        cursor.execute("DELETE FROM routing_handoff")
        cursor.execute("DELETE FROM leads_interaction")
        cursor.execute("DELETE FROM leads_qualification")
        cursor.execute("DELETE FROM leads_lead")
        cursor.execute("SET session_replication_role = DEFAULT")


def fill(count: int) -> None:
    """Leads in the queue with their clocks, by SQL: a million rows take a minute. One in fifty was promised a call."""
    fields = FORWARDED | AUSTIN | {"team": "scheduling"}
    template = Lead(**fields)
    skip = {"id", "public_id", "phone_id", "last_name", "score"}
    concrete = [f for f in Lead._meta.concrete_fields if f.column not in skip]
    values = [f.get_db_prep_save(f.pre_save(template, True), connection) for f in concrete]
    columns = ", ".join(f'"{f.column}"' for f in concrete)
    marks = ", ".join(["%s"] * len(concrete))
    phones(min(count, PHONES))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO leads_lead (public_id, phone_id, last_name, score, {columns}) "
            f"SELECT gen_random_uuid(), a.ids[1 + n %% array_length(a.ids, 1)], 'B' || n, n %% 100, {marks} "
            "FROM generate_series(1, %s) AS n, "
            "(SELECT array_agg(id) AS ids FROM consent_address WHERE kind = 'phone') AS a",
            [*values, count],
        )
        cursor.execute(
            "INSERT INTO routing_clock (lead_id, owed, cycle, team_id, why, started_at, due_at, warn_at, on_breach, "
            "marks_away, is_promise, ended_because, held_code) SELECT id, 'booking', 1, 'scheduling', '', %s, "
            "%s + (id %% 10000) * interval '1 minute', %s, 'notify', false, id %% 50 = 0, '', '' FROM leads_lead",
            [NOW, NOW + timedelta(minutes=10), NOW],
        )


def phones(count: int) -> None:
    """Numbers that leads share: what is asked of a number does not depend on how many leads have it."""
    if not Address.objects.exists():
        rows = (Address(kind="phone", value=f"+1512{2000000 + n}", keyed_hash=f"{n:064}") for n in range(count))
        Address.objects.bulk_create(rows, batch_size=5_000)


def crew(count: int) -> list[AbstractBaseUser]:
    """Callers of the team; the others of it have no room, so that the queue is a queue."""
    Agent.objects.filter(team="scheduling").update(open_cap=0)
    users = [get_user_model().objects.get_or_create(username=f"caller{n}")[0] for n in range(count)]
    for user in users:
        Agent.objects.update_or_create(user=user, defaults={"team_id": "scheduling", "open_cap": None})
    return users


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def median(what: str, deed: Callable[[], object], times: int) -> None:
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        deed()
        spent.append(time.perf_counter() - begin)
    row(what, f"p50 {statistics.median(spent) * 1000:,.0f} ms")


if __name__ == "__main__":
    main()
