"""How do thousands of rows enter a table at once? COPY, with the columns that are the same for all written once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from psycopg import sql

ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": ""})


def as_copied(value: object) -> str:
    """One value in COPY's text format."""
    if type(value) is str:
        return value if value.isalnum() else value.translate(ESCAPES)
    if value is None:
        return "\\N"
    if value is True:
        return "t"
    if value is False:
        return "f"
    if isinstance(value, str):
        return value.translate(ESCAPES)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def defaults(model: type[models.Model]) -> dict[str, Any]:
    """Column → value of a row nobody said anything about, ready to be copied; without the primary key."""
    found: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.primary_key:
            continue
        value = field.get_default() if field.has_default() or not field.null else None
        if isinstance(field, ArrayField):
            value = "{}"
        elif isinstance(field, models.JSONField):
            value = "{}"
        found[field.attname] = value
    return found


def next_ids(model: type[models.Model], count: int) -> list[int]:
    """Take this many numbers from the table's sequence."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]


def copy_rows(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[object]], same: Mapping[str, object]
) -> None:
    """Copy rows of `columns` (attribute names); `same` holds the other columns' value for all of them."""
    meta = model._meta
    names = [meta.get_field(name).column for name in (*columns, *same)]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(meta.db_table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    tail = "".join("\t" + as_copied(value) for value in same.values()) + "\n"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("".join("\t".join(map(as_copied, row)) + tail for row in rows))


def update_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write these columns of many rows, the first column being the key: copied beside the table, then one UPDATE."""
    lines = ["\t".join(map(as_copied, row)) + "\n" for row in rows]
    if not lines:
        return
    meta = model._meta
    key, *names = [sql.Identifier(meta.get_field(name).column) for name in columns]
    table, comma = sql.Identifier(meta.db_table), sql.SQL(", ")
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMP TABLE copied_change ON COMMIT DROP AS SELECT {}, {} FROM {} WITH NO DATA").format(
                key, comma.join(names), table
            )
        )
        with cursor.copy("COPY copied_change FROM STDIN") as copy:
            copy.write("".join(lines))
        changes = comma.join(sql.SQL("{0} = c.{0}").format(name) for name in names)
        cursor.execute(
            sql.SQL("UPDATE {} AS t SET {} FROM copied_change c WHERE t.{} = c.{}").format(table, changes, key, key)
        )
        cursor.execute("DROP TABLE copied_change")
