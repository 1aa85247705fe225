"""The demo's organisation with any number of leads: whatever belongs to a lead or an address is copied with it.

Two weeks of the demo are lived through the real code; then all its leads, their timelines, handoffs, clocks, messages,
addresses, ledgers and histories are copied inside the database, each copy an hour older than the one before: a million
leads are ten months of work. So every list grows, while what each person has to do stays as it is: the copies beyond
the first few lie in the queues of the teams. Their days are added up for the reports, as the worker does it.
"""

from __future__ import annotations

from django.apps import apps
from django.db import connection, models

from audit.models import Access
from consent.models import Address, ConsentEvent, Permission
from leads import summaries
from leads.models import Lead
from nurture.models import ProviderEvent
from routing.models import Clock

OLDER = "1 hour"
OWNED = 6  # copies whose leads stay with their owners
BATCH = 500  # copies in one statement

STALE = """
INSERT INTO leads_staleday (day) SELECT DISTINCT (captured_at AT TIME ZONE 'UTC')::date FROM leads_milestone
"""

# What is unique beside the key gets another value in each copy.
KEY_OF_EVENT = "md5({column}::text || n.k)::uuid"
IN_QUEUE = {"owner_id": f"CASE WHEN n.k <= {OWNED} THEN t.owner_id END"}
OTHERWISE: dict[type[models.Model], dict[str, str]] = {
    Address: {
        "value": "CASE WHEN t.value IS NULL THEN NULL WHEN t.kind = 'phone' THEN '+1' || (2000000000 + {key}) "
        "ELSE n.k || '.' || t.value END",
        "keyed_hash": "md5(t.keyed_hash || n.k) || md5(n.k || t.keyed_hash)",
    },
    ConsentEvent: {"about": KEY_OF_EVENT.format(column="t.about")},
    Permission: {"event": KEY_OF_EVENT.format(column="t.event")},
    # Looking at pages writes here between two copies, so these have no keys set aside.
    Access: {"id": "nextval('audit_access_id_seq')", "subjects": "ARRAY['leads.lead:' || n.k]::varchar[]"},
    ProviderEvent: {"key": "n.k || '-' || t.key"},
    Lead: IN_QUEUE,
    Clock: IN_QUEUE,
}
FRESH = {
    "public_id": "gen_random_uuid()",
    "idempotency_key": "CASE WHEN t.idempotency_key = '' THEN '' ELSE n.k || '-' || t.idempotency_key END",
    "provider_id": "CASE WHEN t.provider_id = '' THEN '' ELSE n.k || '-' || t.provider_id END",
}


def growing() -> list[type[models.Model]]:
    """Leads and addresses, whatever points to one of them directly or by another row, and the log of who looked."""
    found: set[type[models.Model]] = {Lead, Address, Access}
    every = [model for model in apps.get_models() if model._meta.managed and not model._meta.proxy]
    while more := {m for m in every if m not in found and any(f.related_model in found for f in _keys(m))}:
        found |= more
    return sorted(found, key=lambda model: model._meta.db_table)


def _keys(model: type[models.Model]) -> list[models.Field]:
    return [field for field in model._meta.concrete_fields if field.is_relation]


class Multiplied:
    """The rows that the demo made, set aside, and how many times they were copied."""

    def __init__(self) -> None:
        self.models = growing()
        self.leads = self.copies = 0
        self.spans: dict[type[models.Model], int] = {}

    def set_aside(self) -> None:
        """Keep the rows that are there now as what is copied."""
        self.leads = Lead.objects.count()
        with connection.cursor() as cursor:
            for model in self.models:
                table, key = model._meta.db_table, model._meta.pk
                cursor.execute(f"CREATE TABLE bench_{table} AS TABLE {table}")
                if isinstance(key, models.AutoField):
                    cursor.execute(f"SELECT COALESCE(max({key.column}) - min({key.column}) + 1, 1) FROM {table}")
                    self.spans[model] = cursor.fetchone()[0]

    def grow(self, leads: int) -> int:
        """Copy until there are so many leads, or a few more; return how many rows were written."""
        wanted, written = -(-leads // self.leads) - 1, 0
        with connection.cursor() as cursor:
            # Every key written here points to a row that is copied too; checking each would be most of the wait.
            cursor.execute("SET session_replication_role = replica")
            for model in self.models:
                statement = self._statement(model)
                for first in range(self.copies + 1, wanted + 1, BATCH):
                    cursor.execute(statement, [first, min(first + BATCH - 1, wanted)])
                    written += cursor.rowcount
                if model in self.spans:
                    _go_on_after(cursor, model._meta.db_table, model._meta.pk.column)
            cursor.execute("SET session_replication_role = DEFAULT")
            cursor.execute(STALE)
            summaries.refresh_all()
            cursor.execute("VACUUM ANALYZE")
        self.copies = max(self.copies, wanted)
        return written

    def _statement(self, model: type[models.Model]) -> str:
        meta = model._meta
        columns = {field.column: self._value(model, field) for field in meta.concrete_fields if not field.generated}
        return (
            f"INSERT INTO {meta.db_table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} "
            f"FROM bench_{meta.db_table} AS t, generate_series(%s, %s) AS n (k) ORDER BY n.k"
        )

    def _value(self, model: type[models.Model], field: models.Field) -> str:
        """What a copy holds here: a key of its own, the copies of what it points to, times a little earlier."""
        column = f"t.{field.column}"
        if made := OTHERWISE.get(model, {}).get(field.column):
            return made.format(key=self._key(model, "t.id"))
        if field.is_relation and field.related_model in self.models:
            return self._key(field.related_model, column)
        if field.primary_key:
            return self._key(model, column)
        if isinstance(field, models.DateTimeField):
            return f"{column} - n.k * interval '{OLDER}'"
        return FRESH.get(field.column, column)

    def _key(self, model: type[models.Model], column: str) -> str:
        key = model._meta.pk
        while key.is_relation:  # a row that shares the key of another
            model = key.related_model
            key = model._meta.pk
        if model in self.spans:
            return f"{column} + n.k * {self.spans[model]}"
        return KEY_OF_EVENT.format(column=column)


def _go_on_after(cursor: object, table: str, key: str) -> None:
    """New rows get keys after those of the copies."""
    sequence = f"pg_get_serial_sequence('{table}', '{key}')"
    cursor.execute(f"SELECT setval({sequence}, max({key})) FROM {table}")
