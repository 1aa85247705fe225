"""How often did something happen in this span of time? Counted in the cache, for all processes together."""

from __future__ import annotations

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)
TRIES = 2


def count(name: str, *, at: float, seconds: int) -> int | None:
    """Count one more in the span of so many seconds that holds `at` [seconds since 1970], and say how many that makes.

    None while the cache cannot count: nobody is turned away for that.
    """
    place = f"rate:{name}:{int(at // seconds)}"
    failed: Exception | None = None
    for _ in range(TRIES):
        try:
            cache.add(place, 0, timeout=2 * seconds)  # outlives its span, so it never ends while somebody counts
            return cache.incr(place)
        except ValueError as error:  # the cache was emptied between the two
            failed = error
        except (OSError, RedisError) as error:
            failed = error
            break
    log.warning("rate_not_counted", error=type(failed).__name__, text=str(failed))
    return None
