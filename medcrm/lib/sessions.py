"""How are all rows of a big table read by several database sessions side by side?

PostgreSQL itself reads a table with several processes, but each of them works out every subquery again that is not a
plain scan. Cut by the keys instead, each session does its own part of all the work, and of nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection, connections
from django.db.models import Max, Min, QuerySet

Span = tuple[int, int]
"""The first and the last key of a part."""

Found = TypeVar("Found")

SESSIONS = 2  # each keeps a core of the database busy
FEW = 50_000  # rows that one session has read before others are connected
MOST = 500_000  # keys in one part, a second or two, so that one can tell how far it came


def spans_of(rows: QuerySet) -> list[Span]:
    """The keys of all rows, cut into parts of the same width, as many for each session.

    It is one part inside a transaction, whose rows other sessions do not see, and where there are few rows.
    """
    first, last = rows.order_by().aggregate(first=Min("pk"), last=Max("pk")).values()
    if first is None:
        return [(0, 0)]
    alone = connection.in_atomic_block or last - first < FEW
    parts = 1 if alone else SESSIONS * -(-(last + 1 - first) // (SESSIONS * MOST))
    width = -(-(last + 1 - first) // parts)
    return [(start, min(start + width - 1, last)) for start in range(first, last + 1, width)]


def side_by_side(read: Callable[[Span], Found], parts: Sequence[Span]) -> Iterator[Found]:
    """What `read` finds in part after part, several at once in threads with sessions of their own.

    The first error is raised, and ends it.
    """
    if len(parts) == 1:
        yield read(parts[0])
        return
    with ThreadPoolExecutor(max_workers=SESSIONS) as threads:
        yield from threads.map(lambda part: _in_a_session(read, part), parts)


def _in_a_session(read: Callable[[Span], Found], part: Span) -> Found:
    try:
        return read(part)
    finally:
        connections.close_all()  # this thread's
