"""How is everything kept elsewhere, and is it whole when it comes back? pg_dump, and a manifest of what it must hold.

The manifest is read in the same snapshot as the dump: each table's rows counted and hashed, the ledger's length, the
migrations. A restore goes into an empty database, in one transaction, and is compared with the manifest table by table.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from consent import gate, stopping, verify
from medcrm.servers import CannotStart, Postgres
from nurture import outbox

DUMP, MANIFEST = "database.dump", "manifest.json"
COUNTED = """
SELECT count(*), COALESCE(sum(('x' || substr(md5(t::text), 1, 16))::bit(64)::bigint), 0)::text FROM {table} AS t
"""


class CannotBackUp(Exception):
    """It cannot be done; the message says what to do."""


@dataclass(frozen=True)
class Restored:
    """What came back, and where it differs from what was kept; nothing differs in a good restore."""

    tables: int
    rows: int
    events: int
    differences: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return not self.differences


def back_up(folder: Path, *, at: datetime) -> Path:
    """Write a backup into a new folder inside this one and return it; a half-written one never has the final name."""
    final = folder / f"medcrm-{at:%Y%m%dT%H%M%SZ}"
    draft = final.with_suffix(".part")
    if final.exists():
        raise CannotBackUp(f"{final} exists already.")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        options = [
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--snapshot={snapshot}",
            f"--file={draft / DUMP}",
        ]
        _run("pg_dump", *options)
        manifest = _manifest(at) | {"sha256": _sha256(draft / DUMP)}
    (draft / DUMP).chmod(0o600)
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
    draft.rename(final)
    return final


def restore(folder: Path, *, at: datetime) -> Restored:
    """Bring a backup into the empty database that DATABASE_URL names, compare it, and leave all contact stopped.

    Raise CannotBackUp.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise CannotBackUp(f"{folder} is no backup: {MANIFEST} cannot be read ({type(error).__name__}).") from None
    if _sha256(folder / DUMP) != manifest["sha256"]:
        raise CannotBackUp(f"{folder / DUMP} is not the file that was written. Use another copy.")
    if connection.introspection.table_names():
        raise CannotBackUp("This database is not empty. Restore into a new one, then point DATABASE_URL at it.")
    if manifest["evidence_key"] != _fingerprint():
        raise CannotBackUp(
            "EVIDENCE_KEY is not the one of this backup. Set that one: addresses and checkpoints need it."
        )
    place = connection.settings_dict["NAME"]
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", f"--dbname={place}"]
    _run("pg_restore", *options, str(folder / DUMP))
    try:
        return compare(manifest)
    finally:
        _stop_contact(str(manifest["at"]), at=at)


@transaction.atomic
def _stop_contact(kept_at: str, *, at: datetime) -> None:
    """Let nobody be contacted on what the backup knows: who opted out since, and what was sent since, is not in it.

    What was on its way when the backup was made is marked unknown, so that it is not sent again.
    """
    reason = f"Restored from the backup of {kept_at}. Enter the opt-outs and repeat the erasures made since, then lift."
    stopping.stop_contact(owner="Whoever restored the backup", reason=reason)
    outbox.sweep_forgotten(at=at, after=timedelta(), may_have_left=True)
    gate.settle_forgotten(at=at, after=timedelta())


def compare(manifest: Mapping[str, object]) -> Restored:
    """Read every table and the whole ledger again and name what differs from the manifest."""
    with transaction.atomic():
        found = _manifest(datetime.fromisoformat(str(manifest["at"])))
    wanted, got = dict(manifest["tables"]), dict(found["tables"])  # type: ignore[call-overload]
    differences = [
        f"table {name}: {wanted.get(name)} was kept, {got.get(name)} came back"
        for name in sorted({*wanted, *got})
        if wanted.get(name) != got.get(name)
    ]
    differences += [f"{name} differ" for name in ("migrations", "events") if manifest[name] != found[name]]
    report = verify.verify()
    differences += [f"ledger: {found}" for found in report.breaks]
    return Restored(len(got), sum(rows for rows, _hash in got.values()), report.events, tuple(differences))


def _manifest(at: datetime) -> dict[str, object]:
    tables: dict[str, list[object]] = {}
    with connection.cursor() as cursor:
        # A row's text depends on these, wherever it is read.
        cursor.execute("SET LOCAL TIME ZONE 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL extra_float_digits = 1")
        for name in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(COUNTED.format(table=connection.ops.quote_name(name)))
            tables[name] = list(cursor.fetchone())
        cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY app, name")
        migrations = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT COALESCE(sum(head_seq), 0) FROM consent_address")
        events = int(cursor.fetchone()[0])
    return {
        "at": at.isoformat(),
        "tables": tables,
        "migrations": migrations,
        "events": events,
        "evidence_key": _fingerprint(),
    }


def _fingerprint() -> str:
    return hashlib.sha256(f"backup:{settings.EVIDENCE_KEY}".encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(tool: str, *options: str) -> None:
    """Run a PostgreSQL program against our database; the password goes by the environment, never by its arguments."""
    done = subprocess.run([str(program(tool)), "--no-password", *options], env=_place(), capture_output=True, text=True)
    if done.returncode:
        raise CannotBackUp(f"{tool} failed: {done.stderr.strip()[-2000:]}")


def _place() -> dict[str, str]:
    given = connection.settings_dict
    names = {"PGDATABASE": "NAME", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGHOST": "HOST", "PGPORT": "PORT"}
    found = {variable: str(given[name]) for variable, name in names.items() if given.get(name)}
    options = {"PGHOST": "host", "PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert"}
    found |= {variable: str(given["OPTIONS"][name]) for variable, name in options.items() if name in given["OPTIONS"]}
    return {**os.environ, **found}


def program(tool: str) -> Path:
    """The program from PG_BIN, from the embedded server's wheel or from PATH: the first that is new enough."""
    connection.ensure_connection()
    needed = connection.pg_version // 10_000
    for found in _candidates(tool):
        said = subprocess.run([str(found), "--version"], capture_output=True, text=True).stdout
        version = re.search(r"(\d+)(?:\.\d+)?", said)
        if version and int(version[1]) >= needed:
            return found
    raise CannotBackUp(f"There is no {tool} of PostgreSQL {needed} or newer. Install it, or name its folder in PG_BIN.")


def _candidates(tool: str) -> list[Path]:
    places: list[Path] = []
    if folder := os.environ.get("PG_BIN"):
        places.append(Path(folder) / tool)
    try:
        places.append(Postgres(Path()).binaries() / tool)
    except CannotStart:
        pass  # no wheel on this host: then the server is elsewhere too
    if on_path := shutil.which(tool):
        places.append(Path(on_path))
    return [place for place in places if place.exists()]
