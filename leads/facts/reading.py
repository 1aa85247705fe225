"""How is a fact read, and what may it be? Columns and counts; words and rows of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db.models import Count, Expression, F, IntegerField, QuerySet, Subquery, TextChoices, Value
from django.db.models.functions import Coalesce, NullIf

Choices = Callable[[], Iterable[tuple[str, str]]]


def text(name: str) -> Callable[[datetime], Expression]:
    """A text column whose blank means unknown."""
    return lambda at: NullIf(F(name), Value(""))


def column(name: str) -> Callable[[datetime], Expression]:
    """A column as it stands."""
    return lambda at: F(name)


def rows(model: type) -> Choices:
    """The codes and names of the catalogue, as they are when a rule is written."""
    return lambda: model.objects.values_list("pk", "name")


def words(choices: type[TextChoices]) -> Choices:
    return lambda: choices.choices


def counted(of_lead: QuerySet) -> Expression:
    """How many of these rows of the lead there are, 0 where none: no rule on a count asks whether it is known."""
    number = of_lead.order_by().values("lead").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(number, output_field=IntegerField()), Value(0))
