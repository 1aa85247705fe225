"""The same organisation with few leads and with many, in two databases that one process visits in turn.

What another process does to the machine, and what this one keeps in memory, then falls on both alike. Each size has a
cache of its own. A user of this module sets the cache's KEY_FUNCTION to `key`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from django.core.cache.backends.base import default_key_func
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

FEW, MANY = "few", "many"
SIZES = (FEW, MANY)


def key(name: str, prefix: str, version: int) -> str:
    """Where the cache keeps something: apart for each size."""
    return default_key_func(name, f"{prefix}:{TwoSizes.size}", version)


class TwoSizes:
    """Scratch databases beside the one in use, made by `make` (few leads) and then `grow` (many)."""

    size: ClassVar[str] = FEW  # of the whole process: its threads, and the cache, ask the same one

    def __init__(self) -> None:
        self.usual = connections["default"]
        scratch = self.usual.creation._get_test_db_name()
        self.wrappers = {FEW: _wrapper(f"{scratch}_few"), MANY: _wrapper(scratch)}

    def build(self, make: Callable[[], None], grow: Callable[[], None]) -> None:
        """Make both anew; what stood there is dropped."""
        name = self.usual.settings_dict["NAME"]
        self.usual.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        make()
        self.usual.close()
        self.usual.settings_dict["NAME"] = name
        self._drop(FEW)
        self._ask('CREATE DATABASE "{few}" TEMPLATE "{many}"')
        with self.at(MANY):
            grow()

    def stand(self) -> bool:
        """Are both there from an earlier run?"""
        with self.usual._nodb_cursor() as cursor:
            names = [wrapper.settings_dict["NAME"] for wrapper in self.wrappers.values()]
            cursor.execute("SELECT count(*) = 2 FROM pg_database WHERE datname = ANY(%s)", [names])
            return cursor.fetchone()[0]

    def drop(self) -> None:
        for size, wrapper in self.wrappers.items():
            wrapper.close()
            self._drop(size)

    @contextmanager
    def at(self, size: str) -> Iterator[None]:
        """What is asked of the database and of the cache meanwhile is asked of this size, by other threads too."""
        before = connections["default"], TwoSizes.size
        self._turn(self.wrappers[size], size)
        try:
            yield
        finally:
            self._turn(*before)

    def _turn(self, wrapper: BaseDatabaseWrapper, size: str) -> None:
        connections["default"], TwoSizes.size = wrapper, size
        connections.settings["default"] = wrapper.settings_dict

    def _drop(self, size: str) -> None:
        self._ask(f'DROP DATABASE IF EXISTS "{{{size}}}"')

    def _ask(self, statement: str) -> None:
        names = {size: wrapper.settings_dict["NAME"] for size, wrapper in self.wrappers.items()}
        with self.usual._nodb_cursor() as cursor:
            cursor.execute(statement.format(**names))


def _wrapper(name: str) -> BaseDatabaseWrapper:
    made = connections.create_connection("default")
    made.settings_dict = {**connection.settings_dict, "NAME": name}
    return made
