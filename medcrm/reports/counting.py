"""How are the rows of a report counted and timed by the database?"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db.models import Aggregate, Count, DurationField, Expression, ExpressionWrapper, F, FloatField
from django.db.models.functions import Extract

from leads.measures import Beside
from medcrm.reports.ask import Ask


class Percentiles(Aggregate):
    """The values below which these parts of the rows lie, in their order, from one sort; None of no rows."""

    function = "percentile_cont"
    template = "%(function)s(ARRAY[%(parts)s]) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = ArrayField(FloatField())

    def __init__(self, expression: Expression, *parts: float, **extra: object) -> None:
        super().__init__(expression, parts=", ".join(map(str, parts)), **extra)


def seconds_between(start: str, end: str) -> Expression:
    gap = ExpressionWrapper(F(end) - F(start), output_field=DurationField())
    return Extract(gap, "epoch")


def counts(ask: Ask, beside: Beside) -> dict[str, Count]:
    """One conditional count for each part of the rows."""
    return {part: Count("pk", filter=condition(ask.at) or None) for part, condition in beside.parts.items()}
