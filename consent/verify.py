"""Is the ledger whole? Recomputes every link in the database and names the first one that does not hold."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from consent import checkpoints
from consent.checkpoints import Head
from consent.history import CHAINED, INTACT
from consent.models import Address, Checkpoint, Verification

KEPT = 100  # breaks stored with a run; one is enough to stop and look


@dataclass(frozen=True)
class Break:
    """The place where a chain does not hold.

    changed: the row is not what was hashed · missing: a link before it was removed, inserted or moved · unlinked:
    it does not follow the link before · head: the last link is not the one the address knows · evidence: values or
    disclosure do not match · sealed: a checkpoint saw another link here · checkpoint_changed, checkpoint_not_signed.
    """

    problem: str
    address_id: int | None = None
    seq: int | None = None
    event: UUID | None = None
    checkpoint: int | None = None

    def __str__(self) -> str:
        where = f"checkpoint {self.checkpoint}" if self.address_id is None else f"address {self.address_id}"
        link = f", link {self.seq}" if self.seq else ""
        return f"{where}{link}: {self.problem}"


@dataclass(frozen=True)
class Report:
    """What a verification covered and found."""

    chains: int
    events: int
    checkpoints: int
    breaks: tuple[Break, ...]

    @property
    def is_whole(self) -> bool:
        return not self.breaks

    @property
    def first(self) -> Break | None:
        """One break to show for all of them; None where all chains hold."""
        return self.breaks[0] if self.breaks else None


# The names interpolated here are constants of this project.
LINKS = f"""
SELECT * FROM (
  SELECT a.id AS address_id, e.seq, e.id, CASE
      WHEN e.hash <> consent_event_digest(e) THEN 'changed'
      WHEN e.seq <> row_number() OVER chain THEN 'missing'
      WHEN NOT ({CHAINED}) THEN 'unlinked'
      WHEN lead(e.seq) OVER chain IS NULL AND (e.seq, e.hash) <> (a.head_seq, a.head_hash) THEN 'head'
      WHEN ({INTACT}) IS NOT TRUE THEN 'evidence'
    END AS problem
  FROM consent_consentevent e
  JOIN consent_address a ON a.id = e.address_id
  LEFT JOIN consent_disclosure d ON d.id = e.disclosure_id
  LEFT JOIN consent_eventvalue v ON v.event_id = e.id
  WHERE %(ids)s::bigint[] IS NULL OR a.id = ANY(%(ids)s)
  WINDOW chain AS (PARTITION BY a.id ORDER BY e.seq)
) AS link WHERE problem IS NOT NULL
UNION ALL
SELECT a.id, a.head_seq, NULL, 'head' FROM consent_address a
WHERE a.head_seq > 0 AND (%(ids)s::bigint[] IS NULL OR a.id = ANY(%(ids)s))
  AND NOT EXISTS (SELECT 1 FROM consent_consentevent e WHERE e.address_id = a.id)
ORDER BY 1, 2
"""  # noqa: S608 - names of our own columns; values are parameters

SEALED = """
SELECT a.id, h.seq, e.id, h.checkpoint_id, h.keyed_hash
FROM consent_checkpointhead h
LEFT JOIN consent_address a ON a.keyed_hash = h.keyed_hash
LEFT JOIN consent_consentevent e ON e.address_id = a.id AND e.seq = h.seq
WHERE e.hash IS DISTINCT FROM h.hash
ORDER BY h.checkpoint_id, h.keyed_hash
"""


def verify(address_ids: Iterable[int] | None = None) -> Report:
    """Check every link, head and proof, and every checkpoint. With ids only their chains, without checkpoints."""
    ids = None if address_ids is None else sorted(address_ids)
    breaks = list(_links(ids))
    if ids is None:
        breaks += [*_sealed(), *_checkpoints()]
    counted = "SELECT count(*), COALESCE(sum(head_seq), 0) FROM consent_address WHERE head_seq > 0"
    with connection.cursor() as cursor:
        cursor.execute(f"{counted} AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))", {"ids": ids})
        chains, events = cursor.fetchone()
    sealed = 0 if ids is not None else Checkpoint.objects.count()
    return Report(chains, int(events), sealed, tuple(breaks))


def _links(ids: list[int] | None) -> Iterator[Break]:
    with connection.cursor() as cursor:
        cursor.execute(LINKS, {"ids": ids})
        for address_id, seq, event, problem in cursor.fetchall():
            yield Break(problem, address_id, seq, event)


def _sealed() -> Iterator[Break]:
    """Find what a checkpoint saw and the chains no longer show."""
    with connection.cursor() as cursor:
        cursor.execute(SEALED)
        for address_id, seq, event, checkpoint, _name in cursor.fetchall():
            yield Break("sealed", address_id, seq, event, checkpoint)


def _checkpoints() -> Iterator[Break]:
    """Check each checkpoint by itself and that it follows the one before."""
    before = ""
    for checkpoint in Checkpoint.objects.order_by("pk").iterator(chunk_size=200):
        heads = checkpoint.heads.order_by("keyed_hash").values_list("keyed_hash", "seq", "hash")
        for problem in checkpoints.problems(checkpoint, heads):
            yield Break(problem, checkpoint=checkpoint.pk)
        if checkpoint.prev_digest != before:
            yield Break("checkpoint_missing", checkpoint=checkpoint.pk)
        before = checkpoint.digest


def verify_exported(data: Mapping[str, Any]) -> tuple[Break, ...]:
    """Check an exported checkpoint's signature, and that this database still holds every head it names."""
    checkpoint, heads = checkpoints.imported(data)
    found = [Break(problem, checkpoint=checkpoint.pk) for problem in checkpoints.problems(checkpoint, heads)]
    return (*found, *_missing_heads(checkpoint, heads))


def _missing_heads(checkpoint: Checkpoint, heads: list[Head]) -> Iterator[Break]:
    names = [head[0] for head in heads]
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT h.name, h.seq, a.id FROM unnest(%s::text[], %s::int[], %s::text[]) AS h(name, seq, hash)
               LEFT JOIN consent_address a ON a.keyed_hash = h.name
               LEFT JOIN consent_consentevent e ON e.address_id = a.id AND e.seq = h.seq
               WHERE e.hash IS DISTINCT FROM h.hash ORDER BY h.name""",
            [names, [head[1] for head in heads], [head[2] for head in heads]],
        )
        for _name, seq, address_id in cursor.fetchall():
            yield Break("sealed", address_id, seq, checkpoint=checkpoint.pk)


def run(*, at: datetime) -> tuple[Report, Verification]:
    """Verify everything, keep the result, and bar contact with every address whose chain does not hold."""
    began = time.monotonic()
    report = verify()
    broken = {b.address_id for b in report.breaks if b.address_id is not None}
    with transaction.atomic():
        Address.objects.filter(pk__in=broken, broken_at=None).update(broken_at=at)
        Address.objects.filter(broken_at__isnull=False).exclude(pk__in=broken).update(broken_at=None)
        kept = Verification.objects.create(
            ran_at=at,
            took_ms=int((time.monotonic() - began) * 1000),
            chains_count=report.chains,
            events_count=report.events,
            checkpoints_count=report.checkpoints,
            breaks_count=len(report.breaks),
            breaks=[{**asdict(b), "event": b.event and str(b.event)} for b in report.breaks[:KEPT]],
        )
    return report, kept
