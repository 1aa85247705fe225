"""Is a worked case of its form? Readers of the values in it; what is not of the form is named, never passed in silence.

A reader takes a value and the field it stands in, and raises Wrong. A field that is null counts as left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any

Json = Mapping[str, Any]
Reader = Callable[[object, str], None]


_passed_over: ContextVar[list[str]] = ContextVar("passed_over")


@contextmanager
def noting_passed_over() -> Iterator[list[str]]:
    """The fields of a case that are not of the form and were passed over, as they are found."""
    token = _passed_over.set([])
    try:
        yield _passed_over.get()
    finally:
        _passed_over.reset(token)


class MalformedCase(Exception):
    """The file is not of the form; names the case and the field."""

    def __init__(self, case: object, field: str, problem: str) -> None:
        super().__init__(f"{case}: {field}: {problem}")


class Wrong(Exception):
    """This field of a case is not of the form."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field, self.problem = field, problem


def check_cases(cases: object) -> Sequence[Json]:
    """Return the cases of a parsed file. Raise MalformedCase where it is no list of cases with ids."""
    if not isinstance(cases, list):
        raise MalformedCase("file", "(top)", "a list of cases is needed")
    for place, case in enumerate(cases):
        name = case.get("id") if isinstance(case, Mapping) else None
        if not isinstance(name, str) or not name:
            raise MalformedCase(f"case {place + 1}", "id", "each case is an object with an id, e.g. “CC-001”")
    return cases


def as_instant(value: object) -> datetime:
    """Return the instant that was written. Raise ValueError, with what is wrong, where it is none."""
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"“{value}” is not an instant like 2026-11-24T16:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"“{value}” lacks its zone; write Z for UTC")
    if not 1990 <= moment.year < 2200:
        raise ValueError(f"“{value}” is too far away")
    return moment


def instant(value: object, field: str) -> None:
    """An aware moment in ISO form. Raise Wrong."""
    try:
        as_instant(value)
    except ValueError as error:
        raise Wrong(field, str(error)) from None


def day(value: object, field: str) -> None:
    """A day in ISO form. Raise Wrong."""
    try:
        date.fromisoformat(str(value))
    except ValueError:
        raise Wrong(field, f"“{value}” is no date like 2026-12-03") from None


def flag(value: object, field: str) -> None:
    if not isinstance(value, bool):
        raise Wrong(field, f"true or false is needed, not {value!r}")


def count(value: object, field: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Wrong(field, f"a whole number is needed, not {value!r}")


def share(value: object, field: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Wrong(field, f"a share like 0.03 is needed, not {value!r}")


def anything(value: object, field: str) -> None:
    """What the code that the case plays through reads and refuses by itself."""


def text(most: int = 4000) -> Reader:
    def read(value: object, field: str) -> None:
        if not isinstance(value, str) or len(value) > most or "\0" in value:
            raise Wrong(field, f"a text of at most {most:,} characters is needed, not {str(value)[:40]!r}")

    return read


def one_of(choices: Collection[str]) -> Reader:
    def read(value: object, field: str) -> None:
        if not isinstance(value, str) or value not in choices:
            raise Wrong(field, f"“{value}” is none of {', '.join(sorted(choices))}")

    return read


def each(item: Reader, *, is_needed: bool = False) -> Reader:
    """A list whose every item this reader takes; faults are named by place. With `is_needed` it is not empty."""

    def read(value: object, field: str) -> None:
        if not isinstance(value, list):
            raise Wrong(field, "a list is needed here")
        if is_needed and not value:
            raise Wrong(field, "name at least one")
        for place, one in enumerate(value):
            item(one, f"{field}[{place}]")

    return read


def part(fields: Mapping[str, Reader], *, needs: Sequence[str] = (), is_open: bool = False) -> Reader:
    """An object with these fields and no others; an open one may say more, which is noted and passed over."""

    def read(value: object, field: str) -> None:
        if not isinstance(value, Mapping):
            raise Wrong(field or "(top)", "an object is needed here")
        for name, found in value.items():
            where = f"{field}.{name}" if field else str(name)
            if name not in fields and not is_open:
                raise Wrong(where, f"no such key; known are {', '.join(sorted(fields))}")
            if name not in fields:
                _passed_over.get([]).append(where)
            elif found is not None:
                fields[name](found, where)
        demand(value, needs, field)

    return read


def demand(value: Json, needs: Sequence[str], field: str) -> None:
    """Raise Wrong for the first of these parts that is not given; null counts as not given."""
    for name in needs:
        if value.get(name) is None:
            raise Wrong(f"{field}.{name}" if field else name, "this is needed")
