"""How fast does a million rows come in, in how much memory, and does killing the import change anything?

    python -m benchmarks.bench_import [--rows 1000000] [--kills 3]

Works on scratch databases of its own beside the one in DATABASE_URL (or the embedded one) and drops them. Three of each
hundred rows carry one of sixteen planted faults; a third carry consent with its proof, three of five an e-mail address
beside the phone, half the date of an inquiry, one in twenty repeats a person. The import runs as its own process.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from consent.models import Disclosure
from leads import duplicates
from medcrm import embedded, reference
from tests.leads import import_rows

ROOT = Path(__file__).resolve().parent.parent

# What is compared → its columns, and where they are. Addresses by subquery: a parallel hash join whose key is NULL in
# hundreds of thousands of rows splits its batches until the memory of the machine is gone.
VALUE = "(SELECT value FROM consent_address a WHERE a.id = {})"
FOLDS = {
    "leads": (
        f"first_name, last_name, {VALUE.format('phone_id')}, {VALUE.format('email_id')}, zip, service_id, timing_id, "
        "payer_id, age, created_at::date",
        "leads_lead",
    ),
    "inquiries": (
        "i.body_sha256, i.is_repeat, l.last_name", "leads_inquiry i JOIN leads_lead l ON l.id = lead_id"
    ),
    "ledger": (
        "a.value, e.seq, e.kind, e.channels, e.level",
        "consent_consentevent e JOIN consent_address a ON a.id = address_id",
    ),
    "permissions": (
        "a.value, p.channel, p.state, p.level", "consent_permission p JOIN consent_address a ON a.id = address_id"
    ),
    "refused": ("row, problems", "leads_importrow"),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PRIVATE_FILES"] = folder
        file = import_rows.write(Path(folder) / "synthetic.csv", options.rows)
        print(f"{options.rows:,} rows, {file.stat().st_size / 1e6:,.0f} MB\n\n| what | figure |\n|---|---|", flush=True)
        whole = run(file, options.rows, kills=0)
        killed = run(file, options.rows, kills=options.kills)
    for name, digest in whole.items():
        row(f"{name}: the same after {options.kills} kills", digest == killed[name])
    assert whole == killed


def row(what: str, figure: object) -> None:
    print(f"| {what} | {figure} |", flush=True)


def run(file: Path, count: int, *, kills: int) -> dict[str, str]:
    """Import into a fresh database, killing the process on the way; return a digest of what is there in the end."""
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        reference.load(at=timezone.now())
        text = str(Disclosure.objects.first())
        rejects = file.with_suffix(f".rejects{kills}.csv")
        began, peak = time.perf_counter(), 0.0
        for turn in range(kills + 1):
            last = turn == kills
            stop_at = None if last else count * (turn + 1) // (kills + 1)
            peak = max(peak, work(file, text, rejects, go_on=turn > 0, stop_at=stop_at))
        took = time.perf_counter() - began
        if not kills:
            row("rate, from the upload to the last reject written", f"{count / took:,.0f} rows/s, {took:,.0f} s")
            row("peak memory of the importing process", f"{peak:,.0f} MB")
            check_rejects(rejects, count)
            baseline(took)
            compare()
        else:
            row(f"killed {kills} times with SIGKILL, memory", f"{peak:,.0f} MB")
        return {what: fold(*asked) for what, asked in FOLDS.items()}
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def work(file: Path, text: str, rejects: Path, *, go_on: bool, stop_at: int | None) -> float:
    """Start the command, kill it once so many rows are done; return its peak memory in MB."""
    inside = connection.settings_dict["NAME"]
    url = re.sub(r"/[^/?]+(\?|$)", rf"/{inside}\1", os.environ["DATABASE_URL"], count=1)
    command = [sys.executable, "manage.py", "import_file", "leads", str(file), "--set", "source=web_consult"]
    command += ["--set", f"consent_text={text}", "--rejects", str(rejects)]
    if go_on:
        command += ["--run", "1"]
    environment = embedded.handed_on(DATABASE_URL=url)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    seen, peak = psutil.Process(process.pid), 0.0
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            peak = max(peak, seen.memory_info().rss / 1e6)
        if stop_at is not None and done() >= stop_at:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    assert stop_at is not None or process.returncode == 0, f"the import ended with {process.returncode}"
    return peak


def done() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(row), 0) FROM leads_importrun")
        return cursor.fetchone()[0]


def check_rejects(rejects: Path, count: int) -> None:
    width = len(import_rows.HEADER)
    with rejects.open(encoding="utf-8-sig", newline="") as stream:
        next(stream)
        found = {int(cells[width]): cells[width + 1].split("[")[-1].rstrip("]") for cells in csv.reader(stream)}
    planted = import_rows.planted(count)
    assert found == planted, {n: (found.get(n), planted.get(n)) for n in found.keys() ^ planted.keys()}
    kinds = len(set(import_rows.FAULTS))
    row(f"planted faults of {kinds} kinds found with the right reason", f"{len(found):,} of {len(planted):,}")


def baseline(took: float) -> None:
    """The same leads, timeline and ledger rows copied by the server itself into tables with the same indexes."""
    tables = ["leads_lead", "leads_inquiry", "leads_interaction", "consent_address", "consent_consentevent",
              "consent_eventvalue", "consent_permission"]  # fmt: skip
    raw = 0.0
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
            began = time.perf_counter()
            cursor.execute(f"INSERT INTO bench_{table} OVERRIDING SYSTEM VALUE SELECT * FROM {table}")
            raw += time.perf_counter() - began
    row(
        "raw baseline: the same rows by INSERT … SELECT, indexes included",
        f"{raw:,.0f} s; the import {took / raw:.1f} ×",
    )


def compare() -> None:
    """The background search for look-alikes over all that came in, a slice at a time as the worker does it."""
    began, compared, found, held = time.perf_counter(), 0, 0, psutil.Process().memory_info().rss
    while (counted := duplicates.search(at=timezone.now()))[0]:
        compared, found = compared + counted[0], found + counted[1]
    took, more = time.perf_counter() - began, (psutil.Process().memory_info().rss - held) / 1e6
    row(
        "then searched for look-alikes",
        f"{compared:,} leads, {found:,} pairs: {compared / took:,.0f} leads/s, {more:+,.0f} MB",
    )


def fold(columns: str, tables: str) -> str:
    """A digest of all rows, whatever their order."""
    with connection.cursor() as cursor:
        digest = f"sum(hashtextextended(jsonb_build_array({columns})::text, 0))"
        cursor.execute(f"SELECT {digest}, count(*) FROM {tables}")
        digest, count = cursor.fetchone()
    return f"{digest} of {count:,}"


if __name__ == "__main__":
    try:
        call_command("check", verbosity=0)
        main()
    except psycopg.OperationalError as error:
        sys.exit(str(error))
