"""Which rows have one of these thousand keys? `column = ANY(array)`: one parameter, where IN takes one for each."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.db.models import Func, Value


class Among(Func):
    """Say of a column of whole numbers that it is one of these; combine it in Q like any condition."""

    template = "(%(expressions)s))"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()

    def __init__(self, column: str, keys: Iterable[int]) -> None:
        super().__init__(column, _Array(f"{{{','.join(map(str, keys))}}}"))


class _Array(Value):
    def as_sql(self, compiler: object, connection: object) -> tuple[str, list[object]]:
        return "%s::bigint[]", [self.value]
