"""Which rows come next? While the database writes one chunk of a run, the next one is read on the other core.

What was read ahead is only a saving: it is used for the very rows it was read for, and read anew by whoever lacks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

from leads.importing import files, kinds
from leads.importing.kinds import Kind, Read, Row
from leads.models import ImportRun
from medcrm.lib.aside import aside

Chunk = tuple[list[Row], int]
"""Rows in their order, and the position behind them."""

_waiting: dict[tuple[object, ...], Future[Chunk]] = {}  # one at most


def chunk(kind: Kind, run: ImportRun, staged: Path, *, at: datetime) -> Chunk:
    """The next rows of the run, read. Empty at the file's end."""
    waiting = _waiting.pop(_key(run, staged, run.position), None)
    _waiting.clear()
    if waiting:
        return waiting.result()
    return _read(kind, run, staged, run.position, kind.reader(run, at) if kind.reader else None)


def read_on(kind: Kind, run: ImportRun, staged: Path, position: int, *, at: datetime) -> None:
    """Begin with the rows behind those at hand, against the catalogue as it is now."""
    if kind.reader:
        _waiting[_key(run, staged, position)] = aside(_read, kind, run, staged, position, kind.reader(run, at))


def _key(run: ImportRun, staged: Path, position: int) -> tuple[object, ...]:
    """A run that is started anew, with another mapping or other options, has another beginning."""
    return run.pk, run.phase, run.started_at, staged, position


def _read(kind: Kind, run: ImportRun, staged: Path, position: int, read: Read | None) -> Chunk:
    raw, behind = files.read(staged, position, kind.chunk)
    rows = kinds.open_rows(kind, run.mapping, run.reading["header"], raw)
    if read:
        _understand(rows, read)
    return rows, behind


def _understand(rows: Sequence[Row], read: Read) -> None:
    for row in rows:
        if not row.problems:
            row.read = read(row)
