"""How much is there, as of a moment ago? Counts over all leads are kept for a minute, so that no page waits for them.

The page says when they were counted. Who comes first after the minute counts anew; meanwhile others read what is kept.
A first page shows what is kept though it be older, from Friday on a Monday morning, and fetches itself anew while it is
being read. What is kept belongs to the code that counted it: after an upgrade it may have another shape.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Generic, TypeVar

import structlog
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from redis.exceptions import RedisError

from medcrm.lib.access import scope_of

log = structlog.get_logger(__name__)
T = TypeVar("T")

FRESH_SECONDS = 60
KEPT_SECONDS = 3600
OVER_A_WEEKEND = 4 * 24 * 3600  # what a first page shows while it counts anew


@dataclass(frozen=True)
class Counted(Generic[T]):
    value: T
    at: datetime


def counted(name: str, count: Callable[[], T], *, at: datetime, seconds: int = KEPT_SECONDS) -> Counted[T]:
    """What `count` returned within the last minute; counted now where nothing is kept or the cache is away."""
    name = _key(name, count)
    try:
        is_due = cache.add(f"{name}:fresh", 1, FRESH_SECONDS)
        kept = None if is_due else cache.get(name)
        if kept is not None:
            return kept
        made = Counted(count(), at)
        cache.set(name, made, seconds)
    except (OSError, RedisError) as error:
        log.warning("cache_away", error=str(error))
        return Counted(count(), at)
    return made


class Counting:
    """The counts of one page, which come at once where any are kept, at most four days old; `is_old` where one is.

    With `anew` they are what `counted` gives: the page asks so by itself when it has shown old ones.
    """

    def __init__(self, *, at: datetime, anew: bool) -> None:
        self.at = at
        self.anew = anew
        self.is_old = False

    def counted(self, name: str, count: Callable[[], T]) -> Counted[T]:
        key = _key(name, count)
        found = {} if self.anew else _found(key)
        if key not in found:
            return counted(name, count, at=self.at, seconds=OVER_A_WEEKEND)
        self.is_old |= f"{key}:fresh" not in found
        return found[key]


def _key(name: str, count: Callable[[], T]) -> str:
    return f"{name}:{_code(count.__module__)}"


@functools.cache
def _code(module: str) -> str:
    """What the text of a module amounts to."""
    return sha256(inspect.getsource(sys.modules[module]).encode()).hexdigest()[:12]


def _found(name: str) -> dict[str, Any]:
    try:
        return cache.get_many([name, f"{name}:fresh"])
    except (OSError, RedisError):
        return {}  # `counted` says so


def scope_key(user: AbstractBaseUser) -> str:
    """The same for all who see the same leads."""
    scope = scope_of(user)
    alone = "" if scope.sees_all_teams or scope.teams else user.pk
    seen = (sorted(scope.teams), sorted(scope.trainings), scope.sees_all_teams, scope.sees_sensitive, alone)
    return sha256(repr(seen).encode()).hexdigest()[:16]
