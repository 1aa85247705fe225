"""Counting in the cache, for all processes together: spans, a cache emptied meanwhile, a cache away."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.cache import cache

from medcrm.lib import rates
from medcrm.servers import free_port


@pytest.fixture
def name() -> str:
    """What nobody counted before."""
    return str(uuid4())


def test_each_span_counts_for_itself(name) -> None:
    assert [rates.count(name, at=at, seconds=60) for at in (60, 90, 119.9, 120)] == [1, 2, 3, 1]
    assert rates.count(f"{name}:other", at=60, seconds=60) == 1


def test_a_cache_emptied_in_between_counts_all_the_same(name, monkeypatch) -> None:
    emptied = iter([True])

    class Emptied:
        """The cache, which somebody empties once, right before the number goes up."""

        add = staticmethod(cache.add)

        def incr(self, place: str) -> int:
            if next(emptied, False):
                cache.delete(place)
            return cache.incr(place)

    monkeypatch.setattr(rates, "cache", Emptied())
    assert [rates.count(name, at=60, seconds=60) for _ in range(2)] == [1, 2]


def test_nobody_is_counted_while_the_cache_is_away(name, settings) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": away}}
    assert rates.count(name, at=60, seconds=60) is None
