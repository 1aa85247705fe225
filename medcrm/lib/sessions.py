"""How are all rows of a big table read by several database sessions side by side?

PostgreSQL itself reads a table with several processes, but each of them works out every subquery again that is not a
plain scan. Cut by the keys instead, each session does its own part of all the work, and of nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection, connections
from django.db.models import Max, Min, QuerySet

Span = tuple[int, int]
"""The first and the last key of a part."""

Found = TypeVar("Found")

SESSIONS = 2  # each keeps a core of the database busy for a second or two
FEW = 50_000  # rows that one session has read before others are connected


def spans_of(rows: QuerySet) -> list[Span]:
    """The keys of all rows, cut into parts of the same width.

    It is one part inside a transaction, whose rows other sessions do not see, and where there are few rows.
    """
    first, last = rows.order_by().aggregate(first=Min("pk"), last=Max("pk")).values()
    if first is None:
        return [(0, 0)]
    parts = 1 if connection.in_atomic_block or last - first < FEW else SESSIONS
    width = -(-(last + 1 - first) // parts)
    return [(start, min(start + width - 1, last)) for start in range(first, last + 1, width)]


def side_by_side(read: Callable[[Span], Found], parts: Sequence[Span]) -> list[Found]:
    """What `read` finds in each part, in a thread and a session for each; the first error is raised."""
    if len(parts) == 1:
        return [read(parts[0])]
    with ThreadPoolExecutor(max_workers=len(parts)) as threads:
        return list(threads.map(lambda part: _in_a_session(read, part), parts))


def _in_a_session(read: Callable[[Span], Found], part: Span) -> Found:
    try:
        return read(part)
    finally:
        connections.close_all()  # this thread's
