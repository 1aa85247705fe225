"""What every test stands on: one clock, the reference organisation and the cast."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Long searches run only when asked for by marker; browser tests run wherever Debian's chromium is."""
    wanted = config.option.markexpr or ""
    left_out = set() if "long" in wanted else {"long"}
    if not shutil.which("chromium"):
        left_out.add("browser")
    for item in list(items):
        if any(item.get_closest_marker(name) for name in left_out):
            items.remove(item)
            config.hook.pytest_deselected(items=[item])


@pytest.fixture
def now() -> datetime:
    """A Tuesday at 10:00 in Austin."""
    return datetime(2026, 12, 1, 16, tzinfo=UTC)
