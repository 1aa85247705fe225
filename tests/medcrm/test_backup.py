"""A backup comes back row by row into an empty server, with a ledger that verifies; anything else is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg import sql

from consent import erasure
from consent.models import Attempt
from leads.models import Lead, Source
from leads.services import intake
from leads.services.intake import Delivery
from medcrm import backup, journey
from medcrm.backup import CannotBackUp
from tests.conftest import CONSULT
from tests.processes import BASE_DIR, User, clean_environment
from tests.rows import make

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
NOT_A_DUMP = b"PGDMP"
# All contact is stopped, and what was under way is marked: everything else is as it was.
WRITTEN_BY_A_RESTORE = {"consent_attempt", "consent_policysetting", "consent_policysettingevent", "pghistory_context"}


def restore(folder: Path, home: Path, url: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(
        home, DATABASE_URL=url, SECRET_KEY=settings.SECRET_KEY, EVIDENCE_KEY=settings.EVIDENCE_KEY, INSECURE_HTTP="on"
    )
    command = [sys.executable, "manage.py", "restore", str(folder)]
    return subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True)


def rows(session: psycopg.Connection) -> dict[str, list[str]]:
    """Every row of every table as text."""
    session.execute("SET TIME ZONE 'UTC'")
    names = [r[0] for r in session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
    query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1")
    return {name: [r[0] for r in session.execute(query.format(sql.Identifier(name)))] for name in names}


def triggers(session: psycopg.Connection) -> set[tuple[str, str]]:
    found = session.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal")
    return {(table, name) for table, name in found}


def test_a_backup_comes_back_row_by_row_into_an_empty_server(transactional_organisation, tmp_path):
    source = Source.objects.select_related("disclosure").get(pk="web_consult")
    for number in range(6):
        person = {"phone": f"+1512555020{number}", "email": f"p{number}@example.org", "last_name": f"Person{number}"}
        lead = intake.receive(source, json.dumps(CONSULT | person).encode(), Delivery(), at=timezone.now()).lead
    journey.advance_due(at=timezone.now())
    erasure.erase(lead.phone_id, at=timezone.now(), by=None, reason="asked")
    remains = Lead.objects.exclude(phone=lead.phone_id).first()
    under_way = make(Attempt, address_id=remains.phone_id, state="reserved", at=timezone.now())
    made = backup.back_up(tmp_path / "kept", at=timezone.now())
    assert (made / backup.DUMP).stat().st_mode & 0o077 == 0

    home = tmp_path / "home"
    home.mkdir()
    other = User(home)
    try:
        url = other.environment["DATABASE_URL"]
        done = restore(made, home, url)
        assert done.returncode == 0, done.stderr
        assert "came back as kept" in done.stdout
        with psycopg.connect(url.replace("postgres://", "postgresql://")) as copy:
            connection.ensure_connection()
            original = rows(connection.connection)
            assert len(original) > 60
            came_back = rows(copy)
            assert {name for name in original if came_back[name] != original[name]} <= WRITTEN_BY_A_RESTORE
            told = copy.execute("SELECT state, outcome FROM consent_attempt WHERE id = %s", [under_way.pk])
            assert told.fetchone() == ("unknown", "not_settled")
            stop = copy.execute("SELECT value, reason FROM consent_policysetting WHERE code = 'contact_stopped'")
            is_stopped, reason = stop.fetchone()
            assert is_stopped is True and "Restored from the backup" in reason
            assert triggers(copy) == triggers(connection.connection)
            with pytest.raises(psycopg.Error):
                copy.execute("DELETE FROM consent_consentevent")
        again = restore(made, home, url)
        assert again.returncode == 1
        assert "not empty" in again.stderr
        with psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True) as copy:
            copy.execute("SET session_replication_role = replica")
            copy.execute("UPDATE leads_lead SET age = age + 1 WHERE id = (SELECT min(id) FROM leads_lead)")
            copy.execute("UPDATE consent_consentevent SET source = 'x' WHERE seq = 1")
        broken = compare(made, home, url)
        assert any("leads_lead" in line for line in broken)
        assert any("changed" in line for line in broken)
    finally:
        other.end()


def compare(folder: Path, home: Path, url: str) -> list[str]:
    code = (
        "import json, sys, django; django.setup(); from medcrm import backup; "
        f"print(json.dumps(backup.compare(json.load(open({str(folder / backup.MANIFEST)!r}))).differences))"
    )
    environment = clean_environment(
        home,
        DATABASE_URL=url,
        SECRET_KEY=settings.SECRET_KEY,
        DJANGO_SETTINGS_MODULE="medcrm.settings",
        CELERY_BROKER_URL=os.environ["CELERY_BROKER_URL"],
        CACHE_URL=os.environ["CACHE_URL"],
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, env=environment, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else pytest.fail(done.stderr)


def test_what_is_no_whole_backup_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(CannotBackUp, match="is no backup"):
        backup.restore(tmp_path, at=timezone.now())
    (tmp_path / backup.MANIFEST).write_text(json.dumps({"sha256": "0" * 64}))
    (tmp_path / backup.DUMP).write_bytes(NOT_A_DUMP)
    with pytest.raises(CannotBackUp, match="is not the file"):
        backup.restore(tmp_path, at=timezone.now())


def test_a_program_older_than_the_server_is_not_used(monkeypatch, tmp_path):
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    old.chmod(0o755)
    monkeypatch.setattr(backup, "_candidates", lambda tool: [old])
    with pytest.raises(CannotBackUp, match="PG_BIN"):
        backup.program("pg_dump")
