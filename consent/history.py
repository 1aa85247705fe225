"""What happened to these addresses? Reads their chains in one query, each link and each proof checked on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection

from consent.fold import Event

COLUMNS = (
    "id",
    "seq",
    "kind",
    "occurred_at",
    "recorded_at",
    "effective_at",
    "expires_at",
    "channels",
    "purposes",
    "level",
    "sellers",
    "scope",
    "verdict",
    "fresh_opt_in",
    "disclosure_id",
    "is_evidence_complete",
    "about",
    "facts",
)
TUPLES = {"channels", "purposes", "sellers"}

CHAINED = """e.hash = consent_event_digest(e)
       AND e.seq = row_number() OVER chain
       AND e.prev_hash = COALESCE(lag(e.hash) OVER chain, consent_genesis(a.keyed_hash))"""

INTACT = """(e.disclosure_id IS NULL OR encode(sha256(convert_to(d.text, 'UTF8')), 'hex') = e.shown_sha256)
       AND (v.event_id IS NULL AND a.erased_at IS NOT NULL
            OR encode(sha256(convert_to(v.salt || v.body, 'UTF8')), 'hex') = e.commitment)"""

# The names interpolated here are constants of this module. One row per event, and one for an address without any.
READ = f"""
SELECT a.id, a.kind, a.value, a.erased_at, a.broken_at, a.head_seq, a.head_hash, e.hash,
       {", ".join("e." + name for name in COLUMNS)}, {CHAINED} AS is_chained, {INTACT} AS is_intact
FROM consent_address a
LEFT JOIN consent_consentevent e ON e.address_id = a.id
LEFT JOIN consent_disclosure d ON d.id = e.disclosure_id
LEFT JOIN consent_eventvalue v ON v.event_id = e.id
WHERE a.id = ANY(%s)
WINDOW chain AS (PARTITION BY a.id ORDER BY e.seq)
ORDER BY a.id, e.seq
"""  # noqa: S608 - names of our own columns; values are parameters


@dataclass(frozen=True)
class Chain:
    """An address and all that happened to it; `is_whole` says that every link and the head hold."""

    kind: str
    value: str | None
    erased_at: datetime | None
    events: tuple[Event, ...]
    is_whole: bool


def chains(address_ids: Iterable[int]) -> Mapping[int, Chain]:
    """Return each address with its events in chain order. One query."""
    with connection.cursor() as cursor:
        cursor.execute(READ, [sorted(set(address_ids))])
        rows = cursor.fetchall()
    return {address_id: _chain(list(group)) for address_id, group in groupby(rows, key=itemgetter(0))}


def _chain(rows: list[tuple[Any, ...]]) -> Chain:
    _id, kind, value, erased_at, broken_at, head_seq, head_hash = rows[0][:7]
    events = tuple(_event(row[8:]) for row in rows if row[8] is not None)
    last = (rows[-1][9], rows[-1][7]) if events else (0, "")
    is_whole = broken_at is None and last == (head_seq, head_hash) and all(event.is_chained for event in events)
    return Chain(kind, value, erased_at, events, is_whole)


def _event(values: tuple[Any, ...]) -> Event:
    fields = dict(zip((*COLUMNS, "is_chained", "is_intact"), values, strict=True))
    for name in TUPLES:
        fields[name] = tuple(fields[name])
    if isinstance(fields["facts"], str):
        fields["facts"] = json.loads(fields["facts"])
    fields["is_chained"], fields["is_intact"] = fields["is_chained"] is True, fields["is_intact"] is True
    return Event(**fields)
