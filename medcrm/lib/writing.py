"""How are many rows written in one statement?

bulk_update builds and compiles a CASE branch for each field of each row, which takes Python longer than
PostgreSQL takes to write them. Here the rows are a table of values that the statement joins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from django.db import connection, models, transaction

BATCH = 500
Made = TypeVar("Made", bound=models.Model)
LENGTH = re.compile(r"\(\d+(,\s*\d+)?\)")


def create_missing(rows: Iterable[Made], *key: str) -> list[Made]:
    """Create those of these rows of one model whose key is not there yet, and return them."""
    rows = list(rows)
    if not rows:
        return []
    table = type(rows[0])._default_manager
    present = set(table.values_list(*key))
    return table.bulk_create(row for row in rows if tuple(getattr(row, name) for name in key) not in present)


def update_rows(rows: Iterable[models.Model], names: Iterable[str], *, batch_size: int = BATCH) -> None:
    """Write these fields of these rows of one model as bulk_update does, which triggers see and auto_now does not.

    The values are cast without the lengths of their columns: a text that is too long is refused, not cut off.
    """
    rows = list(rows)
    if not rows:
        return
    meta, quote = rows[0]._meta, connection.ops.quote_name
    fields = [meta.pk, *(meta.get_field(name) for name in names)]
    key, *columns = [quote(field.column) for field in fields]
    given = ", ".join(f"%s::{LENGTH.sub('', field.db_type(connection))}" for field in fields)
    changes = ", ".join(f"{column} = given.{column}" for column in columns)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            values = ", ".join([f"({given})"] * len(batch))
            cursor.execute(
                f"UPDATE {quote(meta.db_table)} AS kept SET {changes} FROM (VALUES {values}) "  # noqa: S608 - our names
                f"AS given ({', '.join([key, *columns])}) WHERE kept.{key} = given.{key}",
                [_prepared(field, row) for row in batch for field in fields],
            )


def _prepared(field: models.Field, row: models.Model) -> object:
    return field.get_db_prep_save(getattr(row, field.attname), connection)
