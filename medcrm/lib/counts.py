"""How much is there, as of a moment ago? Counts over all leads are kept for a minute, so that no page waits for them.

The page says when they were counted. Who comes first after the minute counts anew; meanwhile others read what is kept.
A first page shows what is kept though it be older, and fetches itself anew while it is being read.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class Counted(Generic[T]):
    value: T
    at: datetime


def counted(name: str, count: Callable[[], T], *, at: datetime) -> Counted[T]:
    """What `count` returned within the last minute; counted now where nothing is kept or the cache is away."""
    try:
        is_due = cache.add(f"{name}:fresh", 1, FRESH_SECONDS)
        kept = None if is_due else cache.get(name)
        if kept is not None:
            return kept
        made = Counted(count(), at)
        cache.set(name, made, KEPT_SECONDS)
    except (OSError, RedisError) as error:
        log.warning("cache_away", error=str(error))
        return Counted(count(), at)
    return made


class Counting:
    """The counts of one page, which come at once where any are kept, at most an hour old; `is_old` where one is.

    With `anew` they are what `counted` gives: the page asks so by itself when it has shown old ones.
    """

    def __init__(self, *, at: datetime, anew: bool) -> None:
        self.at = at
        self.anew = anew
        self.is_old = False

    def counted(self, name: str, count: Callable[[], T]) -> Counted[T]:
        found = {} if self.anew else _found(name)
        if name not in found:
            return counted(name, count, at=self.at)
        self.is_old |= f"{name}:fresh" not in found
        return found[name]


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
