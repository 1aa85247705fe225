"""How fast is the ground floor? Ledger inserts with 1 and 8 writers, decisions for 10,000 addresses, a list, a check.

    python -m benchmarks.bench_consent [--addresses 10000] [--seconds 4] [--numbers 1000000]

Works on a scratch database of its own beside the one in DATABASE_URL (without it: on the checkout's own server) and
drops it at the end. Every figure has a raw baseline from the same run: rows of the same width into a table without
chain, the plain read of the same rows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from consent import gate, ledger, lists, verify
from consent.models import Address, Disclosure, ListSnapshot, Seller
from consent.models.ledger import PEWC_ELEMENTS
from consent.request import ContactRequest, Place

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)
WRITERS = (1, 8)
PLACE = Place(state="NY", zones=("America/New_York",))

COLUMNS = """id, address_id, seq, kind, occurred_at, recorded_at, channels, purposes, level, sellers, scope, verdict,
  fresh_opt_in, shown_sha256, is_evidence_complete, facts, source, commitment, prev_hash, hash"""
VALUES = """gen_random_uuid(), %s, 1, 'inquiry', now(), now(), '{}', '{}', '', '{}', '', '', false, '', false, '{}',
  'bench', repeat('c', 64), repeat('p', 64), repeat('h', 64)"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--addresses", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--numbers", type=int, default=1_000_000)
    options = parser.parse_args()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        prepare(options.addresses)
        print("| what | writers | rate | beside |\n|---|---|---|---|")
        inserts(options.seconds)
        decisions(options.addresses)
        stops()
        checks()
        registry(options.numbers)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def row(what: str, writers: object, rate: str, beside: str = "") -> None:
    print(f"| {what} | {writers} | {rate} | {beside} |", flush=True)


def prepare(count: int) -> None:
    """Addresses with a grant each; every tenth has stopped."""
    Seller.objects.create(code="harbor", name="Harbor", is_sms_sender_registered=True)
    disclosure = Disclosure.objects.create(
        code="bench", seller_id="harbor", text="t" * 600, level="PEWC", channels=["voice", "sms"],
        purposes=["marketing", "informational"], elements=list(PEWC_ELEMENTS),
    )  # fmt: skip
    ListSnapshot.objects.create(kind="national_dnc", version="bench", taken_at=NOW - timedelta(days=1))
    Address.objects.bulk_create(
        Address(kind="phone", value=f"+1212{5550000 + n}", keyed_hash=f"{n:064}") for n in range(count)
    )
    ids = list(Address.objects.order_by("pk").values_list("pk", flat=True))
    when = NOW - timedelta(days=5)
    for start in range(0, count, 2000):
        part = ids[start : start + 2000]
        entries = [ledger.Entry(i, "inquiry", occurred_at=when) for i in part]
        entries += [ledger.Entry(i, "grant", occurred_at=when, disclosure=disclosure, fresh_opt_in=True) for i in part]
        entries += [ledger.Entry(i, "inbound", occurred_at=when, text="STOP") for i in part[::10]]
        ledger.record_many(entries, at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_plain (LIKE consent_consentevent INCLUDING DEFAULTS INCLUDING INDEXES)")
        cursor.execute("ALTER TABLE bench_plain DROP CONSTRAINT bench_plain_address_id_seq_key")
        cursor.execute("ANALYZE")


# Inserts


def insert_plain(address_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO bench_plain ({COLUMNS}) VALUES ({VALUES})", [address_id])


def insert_chained(address_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO consent_consentevent ({COLUMNS}) VALUES ({VALUES})", [address_id])


def record(address_id: int) -> None:
    ledger.record(address_id, "inquiry", occurred_at=NOW, at=NOW, evidence={"ip": "::1"}, source="bench")


def record_ten(address_id: int) -> None:
    entries = [ledger.Entry(address_id + n, "inquiry", occurred_at=NOW, source="bench") for n in range(10)]
    ledger.record_many(entries, at=NOW)


def inserts(seconds: float) -> None:
    ids = list(Address.objects.order_by("pk").values_list("pk", flat=True))
    for writers in WRITERS:
        apart = [ids[w * 1000 : w * 1000 + 900] for w in range(writers)]
        plain = rate(insert_plain, apart, seconds)
        chained = rate(insert_chained, apart, seconds)
        recorded = rate(record, apart, seconds)
        many = 10 * rate(record_ten, [part[::10] for part in apart], seconds)
        row("plain row, no chain (baseline)", writers, f"{plain:,.0f}/s")
        row("chained row, raw SQL, one commit each", writers, f"{chained:,.0f}/s", f"{chained / plain:.0%} of plain")
        row(
            "`ledger.record`, fold and signal included",
            writers,
            f"{recorded:,.0f}/s",
            f"{recorded / plain:.0%} of plain",
        )
        row("`ledger.record_many`, ten addresses each", writers, f"{many:,.0f}/s", f"{many / plain:.0%} of plain")
    one = [ids[9000:9001]] * 8
    row("chained row, all writers on one address", 8, f"{rate(insert_chained, one, seconds):,.0f}/s")


def rate(deed: Callable[[int], None], shares: list[list[int]], seconds: float) -> float:
    """Let each writer, a process with its own connection, repeat the deed over its share; return deeds per second."""
    connection.close()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    barrier = context.Barrier(len(shares))

    def work(share: list[int]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        barrier.wait()
        end, done = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            deed(share[done % len(share)])
            done += 1
        queue.put(done)
        connection.close()

    writers = [context.Process(target=work, args=(share,)) for share in shares]
    for writer in writers:
        writer.start()
    done = sum(queue.get() for _ in writers)
    for writer in writers:
        writer.join()
    return done / seconds


# Decisions


def decisions(count: int) -> None:
    ids = list(Address.objects.order_by("pk").values_list("pk", flat=True)[:count])
    requests = [
        ContactRequest(address_id=i, channel="sms", purpose="marketing", seller="harbor", place=PLACE) for i in ids
    ]
    gate.decide_many(requests[:100], at=NOW)
    plain = best(lambda: read_plain(ids))
    with CaptureQueriesContext(connection) as queries:
        taken = best(lambda: gate.decide_many(requests, at=NOW), times=1)
    allowed = sum(decision.allowed for decision in gate.decide_many(requests, at=NOW))
    row(
        f"`decide_many`, {count:,} addresses ({allowed:,} allowed), {len(queries)} queries",
        1,
        f"{count / taken:,.0f} decisions/s, {taken:.2f} s",
        f"plain read of the same events {plain:.2f} s",
    )
    one = [best(lambda i=i: gate.decide(requests[i], at=NOW), times=1) for i in range(300)]
    row("`decide`, one address", 1, f"p50 {1000 * statistics.median(one):.1f} ms, p95 {1000 * percentile(one):.1f} ms")
    made = [best(lambda i=i: reserve(requests[i]), times=1) for i in range(1, 300, 10)]
    row("`reserve` under the lock, committed", 1, f"p50 {1000 * statistics.median(made):.1f} ms")


def reserve(request: ContactRequest) -> None:
    try:
        gate.reserve(request, at=NOW)
    except gate.NotContactable:
        return


def read_plain(ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM consent_consentevent WHERE address_id = ANY(%s) ORDER BY address_id, seq", [ids])
        cursor.fetchall()


def best(deed: Callable[[], object], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        deed()
        taken.append(time.perf_counter() - began)
    return min(taken)


def percentile(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def stops() -> None:
    """From the arrival of STOP to the commit after which no gate lets anything pass."""
    ids = list(Address.objects.order_by("-pk").values_list("pk", flat=True)[:200])
    taken = []
    for address_id in ids:
        began = time.perf_counter()
        with transaction.atomic():
            ledger.record(address_id, "inbound", occurred_at=NOW, at=NOW, text="STOP")
        taken.append(time.perf_counter() - began)
    row(
        "STOP received to blocked for every lead with the number",
        1,
        f"p50 {1000 * statistics.median(taken):.1f} ms, p95 {1000 * percentile(taken):.1f} ms",
    )


def checks() -> None:
    began = time.perf_counter()
    report = verify.verify()
    taken = time.perf_counter() - began
    problem = {found.problem for found in report.breaks} - {"evidence"}  # raw rows of this run carry no evidence
    row(
        f"`verify`, {report.events:,} events",
        1,
        f"{report.events / taken:,.0f} events/s",
        f"broken links: {len(problem)}",
    )


def registry(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dnc.csv"
        with file.open("w") as stream:
            stream.writelines(f"{200 + n // 10**6},{2000000 + n * 7 % 7999999:07}\n" for n in range(count))
        began = time.perf_counter()
        loaded = lists.load(file, kind="national_dnc", taken_at=NOW)
        taken = time.perf_counter() - began
    row(f"`import_dnc`, {loaded.numbers:,} numbers", 1, f"{loaded.lines / taken:,.0f} lines/s, {taken:.1f} s")


if __name__ == "__main__":
    main()
