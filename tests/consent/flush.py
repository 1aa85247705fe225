"""Lets the test database be emptied between transactional tests, although the ledger refuses TRUNCATE.

Only for tests: a superuser's session is told to fire no triggers while Django flushes, and the rules that migrations
had installed are installed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

_truncate = DatabaseOperations.execute_sql_flush


def _flush(self: DatabaseOperations, sql_list: list[str]) -> None:
    with without_triggers():
        _truncate(self, sql_list)
    from consent import seed
    from consent.models import CallingRule, PolicySetting

    seed.install(CallingRule, PolicySetting)


@contextmanager
def without_triggers() -> Iterator[None]:
    """Fire no triggers in this session, as a superuser who wants to tamper would."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            cursor.execute("SET session_replication_role = DEFAULT")


def install() -> None:
    """Make Django's flush pass the ledger's triggers."""
    DatabaseOperations.execute_sql_flush = _flush
