"""Which addresses belong to one person? This room knows no people; the room above says how to find them."""

from __future__ import annotations

from collections.abc import Callable

Finder = Callable[[str], list[int]]
Companions = Callable[[int], list[int]]
_finder: Finder | None = None
_companions: Companions | None = None


def use(finder: Finder, companions: Companions) -> None:
    """Say how a name, and what else belongs to whoever has an address, is looked up; once when the apps are ready."""
    global _finder, _companions
    _finder, _companions = finder, companions


def find(name: str) -> list[int]:
    """Return the ids of the addresses of people with this name."""
    return _finder(name) if _finder else []


def companions(address_id: int) -> list[int]:
    """Return the ids of the other addresses of everybody who has this one."""
    return [pk for pk in _companions(address_id) if pk != address_id] if _companions else []
