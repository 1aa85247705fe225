"""How does each test get the reference organisation, or people who lived in it, without making them anew?

The first test of a process that asks makes them, and what that wrote stays in memory; the next ones copy the same rows,
with the same keys, into their own transaction. Where that cannot be done, or there is none, they are made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from django.db import connection
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from psycopg import sql

from tests.consent.flush import without_triggers

WRITTEN = """
SELECT relname FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY relname
"""


@dataclass(frozen=True)
class Rows:
    """What a table holds after the load, as the server's binary copy."""

    table: sql.Identifier
    data: bytes


_kept: dict[Hashable, list[Rows]] = {}


@receiver(post_migrate)
def forget(**_signal: object) -> None:
    """A flushed database gives permissions and rows other keys."""
    _kept.clear()


def rows_of(key: Hashable, load: Callable[[], object]) -> None:
    """Have in the database what `load` writes. Rows of a transaction that has written before are left alone."""
    if not (connection.in_atomic_block and _is_untouched()):
        load()
    elif key in _kept:
        with without_triggers():
            for rows in _kept[key]:
                _put(rows)
    else:
        load()
        _kept[key] = _written()


def _is_untouched() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on' AND pg_current_xact_id_if_assigned() IS NULL")
        return bool(cursor.fetchone()[0])


def _written() -> list[Rows]:
    with connection.cursor() as cursor:
        cursor.execute(WRITTEN)
        tables = [sql.Identifier(name) for (name,) in cursor.fetchall()]
        kept = []
        for table in tables:
            with cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(table)) as copy:
                kept.append(Rows(table, b"".join(copy)))
        return kept


def _put(rows: Rows) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DELETE FROM {}").format(rows.table))
        with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(rows.table)) as copy:
            copy.write(rows.data)
