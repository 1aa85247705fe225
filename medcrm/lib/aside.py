"""How is work prepared while the database is busy with what came before? On one thread that asks the database nothing.

One thread for the whole process: what is asked for first is ready first, and what is needed now never competes
with what is only read ahead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Part = TypeVar("Part")
Made = TypeVar("Made")

SWITCH = 0.0002  # seconds; at Python's own 5 ms the session waits longer for this thread's turn than for its answer

_thread = ThreadPoolExecutor(
    max_workers=1, thread_name_prefix="aside", initializer=sys.setswitchinterval, initargs=(SWITCH,)
)


def aside(make: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Future[Made]:
    """Begin with `make`, which must not wait for other work aside; its result, or what it raised, is in the future."""
    return _thread.submit(make, *args, **kwargs)


def at_once(make: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Future[Made]:
    """Do it now: for so little that a thread would cost more than it saves."""
    future: Future[Made] = Future()
    future.set_result(make(*args, **kwargs))
    return future


def ahead(make: Callable[[Part], Made], parts: Sequence[Part]) -> Iterator[Made]:
    """Give `make` of each part; the first is begun with now, and all are made while the caller is at work."""
    if len(parts) < 2:
        return map(make, parts)
    coming = [aside(make, part) for part in parts]
    return (future.result() for future in coming)
