"""How does a fact about permission enter the ledger, and what did the ledger say at any moment?

`record` and `record_many` are the only way in. The database links the rows; the projection is folded again in the
same transaction; `permission_changed` tells the rooms above.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _
from uuid_utils.compat import uuid7

from consent import fold, history, wording
from consent.models import Address, ConsentEvent, Disclosure, Permission
from consent.models.ledger import PEWC_ELEMENTS
from consent.signals import permission_changed
from consent.vocabulary import EventKind, Scope
from medcrm.lib.aside import ahead, aside, at_once
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

SKEW = timedelta(minutes=2)  # clocks of providers may run ahead of ours [contact_rules 14(g)]
KINDS, SCOPES = frozenset(EventKind.values), frozenset(Scope.values)  # the enum makes its list anew at every look
PART = 500  # entries per statement; the next ones are made while the database links these
SILENT = frozenset({EventKind.PURCHASED.value})  # changes nobody's permission


class InvalidEvent(RuleError):
    """The ledger cannot take this entry; the message says why."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__("INVALID_EVENT", message, field=field)


@dataclass(frozen=True)
class Entry:
    """One thing that happened, as `record` takes it. What is personal goes in `text` and `evidence`."""

    address_id: int
    kind: str
    occurred_at: datetime = field(kw_only=True)
    channels: Sequence[str] = field(default=(), kw_only=True)
    purposes: Sequence[str] = field(default=(), kw_only=True)
    level: str = field(default="", kw_only=True)
    seller: str | Sequence[str] = field(default=(), kw_only=True)
    disclosure: Disclosure | None = field(default=None, kw_only=True)
    shown_sha256: str = field(default="", kw_only=True)
    scope: str = field(default="", kw_only=True)
    verdict: str = field(default="", kw_only=True)
    fresh_opt_in: bool = field(default=False, kw_only=True)
    effective_at: datetime | None = field(default=None, kw_only=True)
    expires_at: datetime | None = field(default=None, kw_only=True)
    about: UUID | None = field(default=None, kw_only=True)
    facts: Mapping[str, object] = field(default_factory=dict, kw_only=True)
    evidence: Mapping[str, object] = field(default_factory=dict, kw_only=True)
    text: str = field(default="", kw_only=True)
    by: AbstractBaseUser | None = field(default=None, kw_only=True)
    id: UUID = field(default_factory=uuid7, kw_only=True)
    source: str = field(default="", kw_only=True)


class Link(NamedTuple):
    """Where the database put an event in its chain."""

    seq: int
    prev_hash: str
    hash: str
    address_kind: str


Written = dict[str, Any]
"""A row as it goes to the database, by column."""

as_body = json.JSONEncoder(sort_keys=True, default=str).encode


def record(address_id: int, kind: str, *, at: datetime, **fields: object) -> ConsentEvent:
    """Write one event (see Entry for the fields) and return it. Locks the address."""
    [event] = record_many([Entry(address_id, kind, **fields)], at=at)  # type: ignore[arg-type]
    return event


def record_many(entries: Sequence[Entry], *, at: datetime) -> list[ConsentEvent]:
    """Write events in their order, fold the projection again, tell the rooms above; return them in that order.

    Raise InvalidEvent for an entry that cannot be true; then nothing is written. Three queries per five hundred.
    """
    return [_instance(row, link) for row, link in append(entries, at=at)]


def append(entries: Sequence[Entry], *, at: datetime) -> list[tuple[Written, Link]]:
    """Do as `record_many` does for the thousands of events of a file: rows and their links, no instances."""
    return write(made_ahead(entries, at=at))


@dataclass(frozen=True)
class Made:
    """Entries on their way to rows, in parts that the database takes one after the other."""

    entries: Sequence[Entry]
    parts: Iterator[tuple[list[int], list[Written], str]]
    is_many: bool
    at: datetime


def made_ahead(entries: Sequence[Entry], *, at: datetime) -> Made:
    """Check the entries and begin to make their rows, aside where they are many. Raise InvalidEvent."""
    _check_aware(at)
    for entry in entries:
        _check(entry, at)
    parts = _parts(entries)
    return Made(entries, ahead(lambda places: _made(entries, places, at), parts), len(parts) > 1, at)


def write(made: Made) -> list[tuple[Written, Link]]:
    """Write what was made ahead; see `append`."""
    entries, at = made.entries, made.at
    found: dict[int, tuple[Written, Link]] = {}
    begin = aside if made.is_many else at_once  # the database links the next part while this one is folded
    with transaction.atomic(savepoint=False):
        folding = []
        for places, rows, document in made.parts:
            links = _insert(rows, document)
            part = [entries[place] for place in places]
            folding.append(begin(_folded_after, part, rows, links, _older(part, links), at))
            found.update(zip(places, zip(rows, links, strict=True), strict=True))
        for folded in folding:
            _keep(folded.result())
        changed = sorted({entry.address_id for entry in entries if entry.kind not in SILENT})
        if changed:
            permission_changed.send(sender=ConsentEvent, address_ids=changed, at=at)
    return [found[place] for place in range(len(entries))]


def _parts(entries: Sequence[Entry]) -> list[list[int]]:
    """The places of the entries by address, so that writers lock in one order; an address is in one part only."""
    places = sorted(range(len(entries)), key=lambda place: entries[place].address_id)
    parts: list[list[int]] = []
    for place in places:
        if not parts or len(parts[-1]) >= PART and entries[parts[-1][-1]].address_id != entries[place].address_id:
            parts.append([])
        parts[-1].append(place)
    return parts


def _made(entries: Sequence[Entry], places: list[int], at: datetime) -> tuple[list[int], list[Written], str]:
    """The rows of a part and the document that carries them to the database. Asks the database nothing."""
    salts = secrets.token_bytes(16 * len(places)).hex()
    rows = [_row(entries[place], at, salts[32 * n : 32 * n + 32]) for n, place in enumerate(places)]
    return places, rows, json.dumps(rows)


def permission(address: Address, *, at: datetime, known_at: datetime | None = None) -> tuple[fold.ChannelView, ...]:
    """Return the permission per channel as of any moment; `known_at` leaves out what was written down later."""
    chain = history.chains([address.pk]).get(address.pk)
    events = chain.events if chain else ()
    if chain is not None and not chain.is_whole:
        return fold.barred(address.kind, "LEDGER_INTEGRITY_FAILED")
    heard = [e for e in events if known_at is None or e.recorded_at <= known_at]
    return fold.views(heard, kind=address.kind, at=at)


def project(address_ids: Iterable[int]) -> int:
    """Fold the chains of these addresses into Permission rows and return of how many. Two queries."""
    chains = [(pk, chain.kind, chain.events) for pk, chain in history.chains(address_ids).items() if chain.events]
    if chains:
        _keep(_folded(chains))
    return len(chains)


def _older(entries: Sequence[Entry], links: Sequence[Link]) -> Mapping[int, history.Chain]:
    """The chains just written to that did not begin just now; those that did are known whole and are not read again."""
    begun = {entry.address_id for entry, link in zip(entries, links, strict=True) if link.seq == 1}
    older = {entry.address_id for entry in entries} - begun
    return history.chains(older) if older else {}


def _folded_after(
    entries: Sequence[Entry],
    rows: Sequence[Written],
    links: Sequence[Link],
    older: Mapping[int, history.Chain],
    at: datetime,
) -> str:
    """What the projection must say of the addresses just written to, see `_folded`. Asks the database nothing."""
    begun: dict[int, list[tuple[int, fold.Event]]] = {}
    kinds = {}
    for entry, row, link in zip(entries, rows, links, strict=True):
        if entry.address_id not in older:
            begun.setdefault(entry.address_id, []).append((link.seq, _as_read(entry, row, link, at)))
            kinds[entry.address_id] = link.address_kind
    chains = [
        (pk, kinds[pk], [event for _seq, event in sorted(found, key=itemgetter(0))]) for pk, found in begun.items()
    ]
    return _folded([*chains, *((pk, chain.kind, chain.events) for pk, chain in older.items())])


def _as_read(entry: Entry, row: Written, link: Link, at: datetime) -> fold.Event:
    """The event as `history` would read it back: linked and proven, as it was made just now."""
    return fold.Event(
        id=entry.id,
        seq=link.seq,
        kind=row["kind"],
        occurred_at=entry.occurred_at,
        recorded_at=at,
        effective_at=entry.effective_at,
        expires_at=entry.expires_at,
        channels=tuple(row["channels"]),
        purposes=tuple(row["purposes"]),
        level=row["level"],
        sellers=tuple(row["sellers"]),
        scope=row["scope"],
        verdict=row["verdict"],
        fresh_opt_in=entry.fresh_opt_in,
        disclosure_id=row["disclosure_id"],
        is_evidence_complete=row["is_evidence_complete"],
        about=entry.about,
        facts=row["facts"],
        is_intact=entry.disclosure is None or row["shown_sha256"] == _text_sha256(entry.disclosure.text),
    )


def _folded(chains: Iterable[tuple[int, str, Sequence[fold.Event]]]) -> str:
    """What the projection must say of these addresses, each with its kind and its chain, as the database takes it."""
    rows = [
        {"address_id": address_id, "channel": view.channel, "seq": len(events)}
        | {name: getattr(view, name) for name in PROJECTED if name != "seq"}
        for address_id, kind, events in chains
        for view in fold.views(events, kind=kind)
    ]
    return json.dumps(rows, default=str)


def _keep(document: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, [document])


def stale_projections(address_ids: Iterable[int]) -> list[tuple[int, str]]:
    """Return the address and channel of each Permission row that differs from the fold of its chain."""
    kept = {(row.address_id, row.channel): row for row in Permission.objects.filter(address_id__in=address_ids)}
    wanted = {
        (address_id, view.channel): _projected(address_id, view, len(chain.events))
        for address_id, chain in history.chains(address_ids).items()
        if chain.events
        for view in fold.views(chain.events, kind=chain.kind)
    }
    return sorted(key for key in wanted.keys() | kept.keys() if _said(kept.get(key)) != _said(wanted.get(key)))


def _said(row: Permission | None) -> tuple[object, ...] | None:
    return None if row is None else tuple(getattr(row, name) for name in PROJECTED)


FOLDED = {
    "state": "text",
    "code": "text",
    "level": "text",
    "purposes": "text[]",
    "sellers": "text[]",
    "since": "timestamptz",
    "expires_at": "timestamptz",
    "event": "uuid",
    "seq": "integer",
}
PROJECTED = list(FOLDED)
# One JSON document instead of bulk_create, which took three quarters of the time of a large import.
UPSERT = f"""
INSERT INTO consent_permission (address_id, channel, {", ".join(FOLDED)})
SELECT address_id, channel, {", ".join(FOLDED)}
FROM jsonb_to_recordset(%s) AS r (address_id bigint, channel text, {", ".join(f"{k} {v}" for k, v in FOLDED.items())})
ON CONFLICT (address_id, channel) DO UPDATE SET {", ".join(f"{name} = EXCLUDED.{name}" for name in FOLDED)}
"""  # noqa: S608 - names of our own columns; values are parameters


def _projected(address_id: int, view: fold.ChannelView, length: int) -> Permission:
    return Permission(
        address_id=address_id,
        channel=view.channel,
        state=view.state,
        code=view.code,
        level=view.level,
        purposes=list(view.purposes),
        sellers=list(view.sellers),
        since=view.since,
        expires_at=view.expires_at,
        event=view.event,
        seq=length,
    )


# Entry to row


def _row(entry: Entry, at: datetime, salt: str) -> Written:
    disclosure = entry.disclosure
    sellers = [entry.seller] if isinstance(entry.seller, str) else list(entry.seller)
    if disclosure and not sellers:
        sellers = [disclosure.seller_id]
    body = as_body({"text": entry.text, "evidence": dict(entry.evidence)})
    return {
        "id": str(entry.id),
        "address_id": entry.address_id,
        "kind": str(entry.kind),
        "occurred_at": entry.occurred_at.isoformat(),
        "recorded_at": at.isoformat(),
        "effective_at": entry.effective_at and entry.effective_at.isoformat(),
        "expires_at": entry.expires_at and entry.expires_at.isoformat(),
        "channels": list(entry.channels) or (list(disclosure.channels) if disclosure else []),
        "purposes": list(entry.purposes) or (list(disclosure.purposes) if disclosure else []),
        "level": str(entry.level or (disclosure.level if disclosure else "")),
        "sellers": [s for s in sellers if s],
        "scope": str(entry.scope or _default_scope(entry.kind)),
        "verdict": str(entry.verdict or _verdict(entry)),
        "fresh_opt_in": entry.fresh_opt_in,
        "disclosure_id": disclosure.pk if disclosure else None,
        "shown_sha256": entry.shown_sha256 or (_text_sha256(disclosure.text) if disclosure else ""),
        "is_evidence_complete": bool(disclosure and set(PEWC_ELEMENTS) <= set(disclosure.elements)),
        "about": entry.about and str(entry.about),
        "facts": dict(entry.facts),
        "source": entry.source,
        "by_id": entry.by.pk if entry.by else None,
        "commitment": _sha256(salt + body),
        "salt": salt,
        "body": body,
    }


def _verdict(entry: Entry) -> str:
    if entry.kind != EventKind.INBOUND:
        return ""
    return wording.understand(entry.text, str(entry.facts.get("channel", "")))


def _default_scope(kind: str) -> str:
    """A withdrawal that does not say how far it reaches means everything [V06, policy revocation_scope_default]."""
    return Scope.ALL.value if kind in (EventKind.REVOKE, EventKind.INTERNAL_DNC) else ""


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=64)
def _text_sha256(text: str) -> str:
    """Of a disclosure: a file names the same few for all its rows."""
    return _sha256(text)


def _check(entry: Entry, at: datetime) -> None:
    """Raise unless the entry could be true."""
    _check_aware(entry.occurred_at, entry.effective_at, entry.expires_at)
    if entry.kind not in KINDS:
        raise InvalidEvent(_("The ledger knows no event “%(kind)s”.") % {"kind": entry.kind}, field="kind")
    if entry.scope and entry.scope not in SCOPES:
        raise InvalidEvent(_("“%(scope)s” is not a scope of a withdrawal.") % {"scope": entry.scope}, field="scope")
    if entry.occurred_at > at + SKEW:
        raise InvalidEvent(
            _("This lies in the future. Enter when it happened; a later start goes into “effective”."),
            field="occurred_at",
        )
    if entry.kind in (EventKind.REVIEW, EventKind.CORRECTION) and entry.about is None:
        raise InvalidEvent(_("Name the entry that this one is about."), field="about")
    if entry.kind == EventKind.GRANT and not (entry.disclosure or (entry.level and entry.channels and entry.purposes)):
        raise InvalidEvent(_("A grant says its level, channels and purposes, or names the disclosure shown."))


def _check_aware(*instants: datetime | None) -> None:
    if any(instant is not None and instant.tzinfo is None for instant in instants):
        raise ValueError("ledger times are aware datetimes")


# Rows into the database

TYPES = {
    "id": "uuid",
    "address_id": "bigint",
    "kind": "text",
    "occurred_at": "timestamptz",
    "recorded_at": "timestamptz",
    "effective_at": "timestamptz",
    "expires_at": "timestamptz",
    "channels": "text[]",
    "purposes": "text[]",
    "level": "text",
    "sellers": "text[]",
    "scope": "text",
    "verdict": "text",
    "fresh_opt_in": "boolean",
    "disclosure_id": "bigint",
    "shown_sha256": "text",
    "is_evidence_complete": "boolean",
    "about": "uuid",
    "facts": "jsonb",
    "source": "text",
    "by_id": "integer",
    "commitment": "text",
}

# One statement for events and their personal values; addresses in key order, so that writers never deadlock.
# The names interpolated here are constants of this module.
INSERT = f"""
WITH entries AS MATERIALIZED (
  SELECT * FROM ROWS FROM (
    jsonb_to_recordset(%s) AS ({", ".join(f"{k} {v}" for k, v in TYPES.items())}, salt text, body text)
  ) WITH ORDINALITY AS r ({", ".join(TYPES)}, salt, body, place)
), kept AS (
  INSERT INTO consent_eventvalue (event_id, salt, body) SELECT id, salt, body FROM entries
)
INSERT INTO consent_consentevent ({", ".join(TYPES)}, seq, prev_hash, hash)
SELECT {", ".join(TYPES)}, 0, '', '' FROM entries ORDER BY address_id, place
RETURNING id::text, seq, prev_hash, hash, (SELECT a.kind FROM consent_address a WHERE a.id = address_id)
"""  # noqa: S608 - names of our own columns; values are parameters


def _insert(rows: Sequence[Written], document: str) -> list[Link]:
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [document])
        links = {row[0]: Link(*row[1:]) for row in cursor.fetchall()}
    return [links[row["id"]] for row in rows]


def _instance(row: Written, link: Link) -> ConsentEvent:
    """Build the saved event from what was written, without reading it back."""
    fields = {name: row[name] for name in TYPES}
    for name in ("occurred_at", "recorded_at", "effective_at", "expires_at"):
        fields[name] = fields[name] and datetime.fromisoformat(str(fields[name]))
    fields["id"], fields["about"] = UUID(str(row["id"])), row["about"] and UUID(str(row["about"]))
    event = ConsentEvent(**fields, seq=link.seq, prev_hash=link.prev_hash, hash=link.hash)
    event._state.adding, event._state.db = False, connection.alias
    return event
