"""How fast does nurture send, and does claiming stay cheap? Dispatch on the sandbox channel, claims among a million.

    python -m benchmarks.bench_nurture [--leads 5000] [--workers 1 2] [--enrollments 1000000]

Works on a scratch database of its own beside the one in DATABASE_URL (without it: on the checkout's own server) and
drops it at the end. The raw baseline of the
same run writes the same attempts and messages in the same batches, with nothing decided, rendered or locked.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import statistics
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from consent import ledger, zones
from consent.models import Address, Attempt
from leads.models import Lead, Source
from medcrm import reference
from medcrm.lib.garbage import spare_what_stays
from nurture import dispatch
from nurture.models import Enrollment, FrequencyCap, Message, Sequence

NOW = datetime(2026, 12, 1, 16, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=5000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--enrollments", type=int, default=1_000_000)
    options = parser.parse_args()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        reference.load(at=NOW)
        people(options.leads)
        print("| what | workers | rate | beside |\n|---|---|---|---|")
        sending(options.workers)
        claiming(options.enrollments)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def row(what: str, workers: object, rate: str, beside: str = "") -> None:
    print(f"| {what} | {workers} | {rate} | {beside} |", flush=True)


def people(count: int) -> None:
    """Leads with a mailbox and a number, who may be written to on both."""
    source = Source.objects.select_related("disclosure").get(pk="guide")
    kinds = (("email", "p{}@example.org"), ("phone", "+1512{:07}"))
    held = {
        kind: Address.objects.bulk_create(
            [Address(kind=kind, value=form.format(n), keyed_hash=f"{kind}{n:056}") for n in range(count)]
        )
        for kind, form in kinds
    }
    when = NOW - timedelta(days=1)
    for kind, channels in (("email", ["email"]), ("phone", ["voice", "sms"])):
        for start in range(0, count, 1000):
            entries = [
                ledger.Entry(address.pk, "grant", occurred_at=when, disclosure=source.disclosure, channels=channels,
                             seller=source.seller_id, fresh_opt_in=True, evidence={"remote_addr": "::1"})
                for address in held[kind][start : start + 1000]
            ]  # fmt: skip
            ledger.record_many(entries, at=when)
    Lead.objects.bulk_create(
        Lead(
            source=source, lead_type="patient", first_name=f"P{n}", phone=phone, email=email, zip="78704",
            state="TX", timezone="America/Chicago", service_id="ortho", created_at=when, stage="nurturing",
        )
        for n, (email, phone) in enumerate(zip(held["email"], held["phone"], strict=True))
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


# Sending


def sending(workers: Iterable[int]) -> None:
    """The same step due for everybody, mail and text, with one and with more workers."""
    FrequencyCap.objects.update(limit=1000)  # read and counted like any limit, and never reached
    sequence = Sequence.objects.get(code="first_visit")
    for position, medium in ((1, "e-mail"), (3, "text")):
        for count in workers:
            enroll(sequence, position)
            total = Enrollment.objects.count()
            each, busy = zip(*dispatch_with(count), strict=True)
            sent = Message.objects.count()
            assert sent == total, f"{sent} of {total} sent: {refused()}"
            raw = write_raw()
            row(
                f"`dispatch_due`, {total:,} {medium} steps",
                count,
                f"{statistics.median(each):,.0f} messages/s per worker",
                f"{1000 * statistics.median(busy):.2f} ms of the worker's CPU each; raw rows {raw:,.0f}/s",
            )


def enroll(sequence: Sequence, position: int) -> None:
    step = sequence.steps.get(position=position)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE nurture_message, nurture_skip, nurture_enrollment, consent_attempt CASCADE")
        cursor.execute("SET session_replication_role = DEFAULT")
    Enrollment.objects.bulk_create(
        Enrollment(lead_id=pk, sequence=sequence, cycle=1, step=step, next_due_at=NOW, started_at=NOW - step.delay)
        for pk in Lead.objects.order_by("pk").values_list("pk", flat=True)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE nurture_enrollment")


def dispatch_with(count: int) -> list[tuple[float, float]]:
    """Messages per second, and seconds of CPU per message, of each worker: a process with its own connection."""
    connection.close()
    context = multiprocessing.get_context("fork")
    queue, barrier = context.Queue(), context.Barrier(count)

    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        zones.load()  # once in a worker's life, with the first address it looks at
        spare_what_stays()  # as a worker of ours does when it starts
        barrier.wait()
        began, busy = time.perf_counter(), time.process_time()
        report = dispatch.dispatch_due(at=NOW)
        taken = time.perf_counter() - began
        queue.put((report.delivered / taken, (time.process_time() - busy) / max(report.delivered, 1)))
        connection.close()

    workers = [context.Process(target=work) for _ in range(count)]
    for worker in workers:
        worker.start()
    rates = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    return rates


def write_raw() -> float:
    """The same attempts and messages written once more, a hundred at a time, as fast as the database takes them."""
    messages, made = list(Message.objects.order_by("pk")), Attempt.objects.in_bulk()
    attempts = [made[message.attempt_id] for message in messages]  # two workers number them out of step
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE nurture_message, consent_attempt CASCADE")
        cursor.execute("SET session_replication_role = DEFAULT")
    for attempt in attempts:
        attempt.state = "reserved"
    for message in messages:
        message.state = "reserved"
    began = time.perf_counter()
    for start in range(0, len(attempts), dispatch.BATCH):
        with transaction.atomic():
            Attempt.objects.bulk_create(attempts[start : start + dispatch.BATCH])
            Message.objects.bulk_create(messages[start : start + dispatch.BATCH])
    return len(attempts) / (time.perf_counter() - began)


def refused() -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, count(*) FROM nurture_skip GROUP BY 1")
        return cursor.fetchall()


# Claiming


def claiming(count: int) -> None:
    """One claim among a million enrolments of which one in a hundred is due."""
    sequence = Sequence.objects.get(code="first_visit")
    step = sequence.steps.get(position=1)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE nurture_message, nurture_skip, nurture_enrollment, consent_attempt CASCADE")
        fields = [f.column for f in Lead._meta.concrete_fields if f.column not in ("id", "public_id")]
        columns = ", ".join(fields)
        copies = (
            f"SELECT gen_random_uuid(), {columns} FROM (SELECT * FROM leads_lead LIMIT 1) one, generate_series(1, %s)"
        )
        cursor.execute(f"INSERT INTO leads_lead (public_id, {columns}) {copies}", [count - Lead.objects.count()])
        cursor.execute(
            """INSERT INTO nurture_enrollment (lead_id, sequence_id, cycle, state, step_id, next_due_at, started_at,
                 exit_code, exit_note)
               SELECT id, %s, 1, 'active', %s, %s::timestamptz + (random() * 99 - 1) * interval '1 day', %s, '', ''
               FROM leads_lead""",
            [sequence.pk, step.pk, NOW, NOW],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE leads_lead")
        cursor.execute("ANALYZE nurture_enrollment")
        cursor.execute("SELECT count(*) FROM nurture_enrollment WHERE next_due_at <= %s", [NOW])
        [due] = cursor.fetchone()
    with transaction.atomic():
        rows = Enrollment.objects.claimable(NOW).select_for_update(of=("self",), no_key=True, skip_locked=True)
        plan = rows.values_list("pk", flat=True)[: dispatch.BATCH].explain(analyze=True, buffers=True)
    taken = []
    for _ in range(21 if due > 21 * dispatch.BATCH else 1):
        began = time.perf_counter()
        assert len(dispatch.claim_due(at=NOW)) == min(due, dispatch.BATCH)
        taken.append(time.perf_counter() - began)
    index = re.search(r"Index(?: Only)? Scan using (enrollment_due) on nurture_enrollment", plan)
    assert index, f"The claim does not read the partial index:\n{plan}"
    row(
        f"`claim_due` among {count:,} enrolments, {due:,} due",
        1,
        f"p50 {1000 * statistics.median(taken):.1f} ms for {dispatch.BATCH}",
        f"reads {index.group(1)}",
    )
    print(f"\n```\n{plan}\n```")


if __name__ == "__main__":
    main()
