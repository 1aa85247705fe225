"""How fast are a million leads ranked, and how fast is a change of the rules previewed over all of them?

    python -m benchmarks.bench_scoring [--leads 1000000]

Works on a scratch database of its own beside the one in DATABASE_URL and drops it at the end. Every figure stands
beside a raw statement over the same rows in the same run. The publication is carried by a worker process that is killed
half-way and by another one that goes on.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from django.contrib.auth.models import User
from django.db import connection, transaction

from benchmarks.synthetic import make_leads
from leads import criteria, effects, scoring
from leads.models import Lead, Publication, ScoreChange, ScoringModel
from leads.services import rollout, versions
from medcrm import embedded, reference
from medcrm.lib.versions import start_draft

NOW = datetime(2026, 12, 1, 16, tzinfo=UTC)
RUNS = 5  # of what only reads; the median counts

RAW_UPDATE = """
UPDATE leads_lead SET score = id % 100, score_band = 'high', score_model_id = {model}, fit = 'high', readiness = 'high',
       score_hits = ARRAY[1, 2, 3, 4, 5, 6],
       score_parts = '{{"service_fit": 15, "location_fit": 10, "payer_fit": 10, "request_intent": 25, "timing": 20,
                        "completeness": 10, "engagement": 4, "penalties": 0}}'
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--carry", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.carry:
        return carry()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        prepare(options.leads)
        print(f"{options.leads:,} leads, {Lead.objects.count():,} of them patients\n")
        print("| what | time | beside |\n|---|---|---|")
        score()
        preview()
        publish()
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
    return None


def row(what: str, seconds: float, beside: str = "") -> None:
    print(f"| {what} | {seconds:.2f} s | {beside} |", flush=True)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def worked(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and seconds of processor of the session: what stays true on a busy machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    before = processor(pid)
    return timed(work), processor(pid) - before


def processor(pid: int) -> float:
    """Of a process on this machine, as of its embedded server."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def beside(ratio: float, used: float, processor_ratio: float) -> str:
    return f"{ratio:.2f} × the raw UPDATE; processor {used:.1f} s, {processor_ratio:.2f} ×"


def execute(sql: str, params: object = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def prepare(count: int) -> None:
    reference.load(at=NOW)
    make_leads(count, at=NOW)


def settle() -> None:
    execute("VACUUM ANALYZE leads_lead")
    execute("CHECKPOINT")


def patients() -> scoring.Scale:
    return scoring.published_scales(["patient"])[0]


def score() -> None:
    """One raw UPDATE of every row and the checks of its keys, taken back; then every row scored; then once more."""
    scale = patients()
    with transaction.atomic():
        raw, cpu = worked(lambda: execute(RAW_UPDATE.format(model=scale.pk) + "; SET CONSTRAINTS ALL IMMEDIATE"))
        transaction.set_rollback(True)
    row("raw `UPDATE` of the seven columns", raw, f"processor {cpu:.1f} s")
    settle()
    wrote: list[int] = []
    took, used = worked(lambda: wrote.append(in_batches(scale)))
    row(f"score every lead, {wrote[0]:,} written, each with its history", took, beside(took / raw, used, used / cpu))
    settle()
    took, used = worked(lambda: wrote.append(in_batches(scale)))
    row(f"score every lead again, {wrote[1]:,} written", took, beside(took / raw, used, used / cpu))


def in_batches(scale: scoring.Scale) -> int:
    """As `rollout` does: so many leads to a transaction, locked in the order of their keys."""
    written, last = 0, 0
    while True:
        with transaction.atomic():
            ids = list(Lead.objects.filter(pk__gt=last).lock().values_list("pk", flat=True)[: rollout.BATCH])
            if not ids:
                return written
            written, last = written + scoring.write_scores(scale, ids, at=NOW).changed, ids[-1]


def points(model: ScoringModel) -> None:
    model.rules.filter(name="Asks for a price or for availability").update(points=25)


def threshold(model: ScoringModel) -> None:
    ScoringModel.objects.filter(pk=model.pk).update(high_from=70)


def condition(model: ScoringModel) -> None:
    rule = model.rules.get(name="Wants to come this month")
    rule.criteria = [
        [{"fact": "timing", "op": "is", "value": "month"}, {"fact": "payer", "op": "is_not", "value": "hmo"}]
    ]
    rule.save()


def timeline(model: ScoringModel) -> None:
    rule = model.rules.get(name="Attended a webinar")
    rule.criteria = [[{"fact": "webinars", "op": "gte", "value": 2}]]
    rule.save()


def distance(model: ScoringModel) -> None:
    rule = model.rules.get(name="Lives near a clinic")
    rule.criteria = [[{"fact": "miles_to_clinic", "op": "lte", "value": 15}]]
    rule.save()


def preview() -> None:
    """Change one rule and preview it, beside a scan of all leads that asks what the changed rule asks."""
    first = ScoringModel.objects.get(lead_type="patient", status="published")
    for change, names in (
        (points, []),
        (threshold, []),
        (condition, [["Wants to come this month"]]),
        (timeline, [["Attended a webinar"]]),
        (distance, [["Lives near a clinic"]]),
    ):
        draft = start_draft(ScoringModel, first.pk)
        change(draft)
        draft = ScoringModel.objects.get(pk=draft.pk)
        rules = [rule.criteria for rule in draft.rules.filter(name__in=[n for found in names for n in found])]
        raw = statistics.median(timed(partial(scan, rules)) for _ in range(RUNS))
        effect = effects.effect_of(draft, at=NOW)
        took = statistics.median(timed(partial(effects.effect_of, draft, at=NOW)) for _ in range(RUNS))
        row(
            f"preview, {change.__name__} changed: {effect.changed:,} scores move",
            took,
            f"{took / raw:.1f} × a raw scan with the same predicates ({raw:.2f} s)",
        )
        draft.delete()


def scan(rules: list[criteria.Criteria]) -> None:
    """All leads, read once with what the changed rule asks for, and nothing else."""
    where = [criteria.condition(rule, at=NOW) for rule in rules]
    Lead.objects.filter(*where, lead_type="patient", is_test=False, score__gte=0).count()


def publish() -> None:
    """Put a draft in force; a worker carries it and is killed half-way; another one goes on."""
    first = ScoringModel.objects.get(lead_type="patient", status="published")
    draft = start_draft(ScoringModel, first.pk)
    points(draft)
    before = ScoreChange.objects.count()
    root = User.objects.create(username="bench")
    row("publish, preview kept", timed(lambda: versions.publish(ScoringModel, draft.pk, by=root, at=NOW)))
    worker = start_worker()
    began = time.perf_counter()
    half_way = Lead.objects.count() // 2
    while Publication.objects.get().done < half_way:
        if worker.poll() is not None:
            sys.exit("The worker ended before it was half-way.")
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    half = Publication.objects.get()
    row(f"killed after {half.done:,} leads", time.perf_counter() - began)
    began = time.perf_counter()
    worker = start_worker()
    told, _ = worker.communicate()
    done = Publication.objects.get()
    scored = Lead.objects.filter(score_model=draft).count()
    moved = ScoreChange.objects.count() - before
    said = done.effect["changed"]
    row(f"another worker: {done.done:,} of {done.total:,} looked at", time.perf_counter() - began, told.strip())
    row(
        f"scored by the new version: {scored:,}; scores moved: {moved:,}, previewed: {said:,}; woken: {done.woken:,}", 0
    )


def start_worker() -> subprocess.Popen:
    url = os.environ["DATABASE_URL"].replace("/medcrm?", f"/{connection.settings_dict['NAME']}?")
    command = [sys.executable, "-m", "benchmarks.bench_scoring", "--carry"]
    environment = embedded.handed_on(DATABASE_URL=url)
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def carry() -> None:
    while rollout.roll_out_batch(at=NOW):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the worker {peak:.0f} MB")


if __name__ == "__main__":
    main()
