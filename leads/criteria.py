"""Which leads does this rule mean? The one compiler from rule rows to database conditions.

Apps register their facts (`facts.py`); a rule names facts, operators and values. The same compiled condition serves
one lead, a million leads and the preview of a rule that is not saved yet. A fact that is unknown (NULL or blank)
satisfies no operator but `unknown`, so a rule is never true by accident, and no condition is ever negated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from django.core.exceptions import ValidationError
from django.db.models import Case, Expression, IntegerField, Q, QuerySet, Value, When
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, In, IsNull, LessThan, LessThanOrEqual
from django.utils.translation import gettext as _

Group = Sequence[dict[str, object]]
Criteria = Sequence[Group]


class Kind(StrEnum):
    CODE = "code"
    NUMBER = "number"
    YES_NO = "yes_no"


class Operator(StrEnum):
    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    LESS = "lt"
    AT_MOST = "lte"
    MORE = "gt"
    AT_LEAST = "gte"
    KNOWN = "known"
    UNKNOWN = "unknown"


OPERATORS: dict[Kind, tuple[Operator, ...]] = {
    Kind.CODE: (Operator.IS, Operator.IS_NOT, Operator.IN, Operator.NOT_IN, Operator.KNOWN, Operator.UNKNOWN),
    Kind.NUMBER: (
        Operator.IS,
        Operator.LESS,
        Operator.AT_MOST,
        Operator.MORE,
        Operator.AT_LEAST,
        Operator.KNOWN,
        Operator.UNKNOWN,
    ),
    Kind.YES_NO: (Operator.IS, Operator.KNOWN, Operator.UNKNOWN),
}

WORDS: dict[Operator, str] = {
    Operator.IS: "is",
    Operator.IS_NOT: "is known and not",
    Operator.IN: "is one of",
    Operator.NOT_IN: "is known and none of",
    Operator.LESS: "is less than",
    Operator.AT_MOST: "is at most",
    Operator.MORE: "is more than",
    Operator.AT_LEAST: "is at least",
    Operator.KNOWN: "is known",
    Operator.UNKNOWN: "is unknown",
}


@dataclass(frozen=True)
class Fact:
    """Something a rule may ask of a lead. `expression(at)` is NULL where the fact is unknown."""

    name: str
    label: str
    kind: Kind
    expression: Callable[[datetime], Expression]
    choices: Callable[[], Iterable[tuple[str, str]]] | None = None
    is_phi: bool = False


class SupportsCriteria(Protocol):
    pk: int
    criteria: Criteria


_facts: dict[str, Fact] = {}


def register(*facts: Fact) -> None:
    """Make facts known to every rule; called by each app's facts module when the apps are ready."""
    for fact in facts:
        if fact.name in _facts and _facts[fact.name] is not fact:
            raise ValueError(f"The fact {fact.name!r} is registered twice.")
        _facts[fact.name] = fact


def facts() -> list[Fact]:
    """All facts by label, for the rule editor."""
    return sorted(_facts.values(), key=lambda fact: fact.label)


def validate(criteria: object) -> None:
    """Raise ValidationError with a sentence for each condition that could not be compiled."""
    if not isinstance(criteria, list) or not all(isinstance(group, list) for group in criteria):
        raise ValidationError(_("Criteria are a list of groups; each group is a list of conditions."))
    problems = [problem for group in criteria for condition in group if (problem := _problem(condition))]
    if problems:
        raise ValidationError(problems)


def condition(criteria: Criteria, *, at: datetime) -> Q:
    """Compile criteria to a condition on leads: OR between groups, AND inside one; no group is always true."""
    compiled = Q()
    for group in criteria:
        terms = Q(Value(True))
        for term in group:
            terms &= Q(_lookup(term, at))
        compiled |= terms
    return compiled or Q(Value(True))


def first_match(rules: Iterable[SupportsCriteria], *, at: datetime) -> Expression:
    """The key of the first rule that holds, in the order given; NULL when none does."""
    whens = [When(condition(rule.criteria, at=at), then=Value(rule.pk)) for rule in rules]
    return Case(*whens, default=Value(None), output_field=IntegerField())


def match_leads(leads: QuerySet, rules: Sequence[SupportsCriteria], *, at: datetime) -> dict[int, int]:
    """Lead key → key of its first matching rule, in one query; leads without a match are left out."""
    rows = leads.order_by().values_list("pk", first_match(rules, at=at))
    return {pk: rule for pk, rule in rows if rule is not None}


def sentence(criteria: Criteria) -> str:
    """Say the criteria as an English sentence."""
    groups = [" and ".join(_clause(term) for term in group) for group in criteria if group]
    if not groups:
        return "always"
    return groups[0] if len(groups) == 1 else " or ".join(f"({group})" for group in groups)


def _lookup(term: dict[str, object], at: datetime) -> Expression:
    fact, operator, value = _facts[str(term["fact"])], Operator(str(term["op"])), term.get("value")
    left = fact.expression(at)
    match operator:
        case Operator.KNOWN:
            return IsNull(left, False)
        case Operator.UNKNOWN:
            return IsNull(left, True)
        case Operator.IS:
            return Exact(left, _bound(left, value))
        case Operator.IN:
            return In(left, list(value))  # type: ignore[call-overload]
        case Operator.IS_NOT:
            return _differs(left, [value])
        case Operator.NOT_IN:
            return _differs(left, list(value))  # type: ignore[call-overload]
        case Operator.LESS:
            return LessThan(left, value)
        case Operator.AT_MOST:
            return LessThanOrEqual(left, value)
        case Operator.MORE:
            return GreaterThan(left, value)
        case Operator.AT_LEAST:
            return GreaterThanOrEqual(left, value)


def _bound(left: Expression, value: object) -> object:
    return Value(value) if isinstance(value, bool) else value


def _differs(left: Expression, values: list[object]) -> Expression:
    # A known value outside the list; CASE keeps NULL on the false side without negating a condition.
    known_other = Case(
        When(IsNull(left, True), then=Value(False)), When(In(left, values), then=Value(False)), default=Value(True)
    )
    return Exact(known_other, Value(True))


def _problem(term: object) -> str:
    if not isinstance(term, dict) or "fact" not in term or "op" not in term:
        return _("A condition needs a fact and an operator, e.g. “timing is one of now, two_weeks”.")
    fact = _facts.get(str(term["fact"]))
    if fact is None:
        return _("There is no fact called “%(fact)s”.") % {"fact": term["fact"]}
    allowed = OPERATORS[fact.kind]
    if term["op"] not in allowed:
        words = ", ".join(WORDS[operator] for operator in allowed)
        return _("“%(label)s” can be compared with: %(words)s.") % {"label": fact.label, "words": words}
    return _value_problem(fact, Operator(str(term["op"])), term.get("value"))


def _value_problem(fact: Fact, operator: Operator, value: object) -> str:
    if operator in (Operator.KNOWN, Operator.UNKNOWN):
        return ""
    if operator in (Operator.IN, Operator.NOT_IN):
        if not isinstance(value, list) or not value:
            return _("“%(label)s %(words)s” needs a list of values.") % {"label": fact.label, "words": WORDS[operator]}
        return next((problem for item in value if (problem := _single_problem(fact, item))), "")
    return _single_problem(fact, value)


def _single_problem(fact: Fact, value: object) -> str:
    match fact.kind:
        case Kind.YES_NO:
            fits = isinstance(value, bool)
        case Kind.NUMBER:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            fits = isinstance(value, str) and value != ""
    if not fits:
        wanted = {Kind.YES_NO: _("yes or no"), Kind.NUMBER: _("a number"), Kind.CODE: _("a code")}[fact.kind]
        return _("“%(label)s” is compared with %(wanted)s, not with “%(value)s”.") % {
            "label": fact.label,
            "wanted": wanted,
            "value": value,
        }
    known = dict(fact.choices()) if fact.choices else {}
    if known and value not in known:
        return _("“%(value)s” is no value of “%(label)s”; known are: %(known)s.") % {
            "value": value,
            "label": fact.label,
            "known": ", ".join(sorted(known)),
        }
    return ""


def _clause(term: dict[str, object]) -> str:
    fact, operator, value = _facts.get(str(term.get("fact"))), Operator(str(term["op"])), term.get("value")
    label = fact.label if fact else str(term.get("fact"))
    if operator in (Operator.KNOWN, Operator.UNKNOWN):
        return f"{label} {WORDS[operator]}"
    if isinstance(value, bool):
        return f"{label} is {'yes' if value else 'no'}"
    names = dict(fact.choices()) if fact and fact.choices else {}
    values = [str(names.get(item, item)) for item in (value if isinstance(value, list) else [value])]
    return f"{label} {WORDS[operator]} {', '.join(values)}"
