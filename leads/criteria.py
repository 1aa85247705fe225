"""Which leads does this rule mean? The one compiler from rule rows to database conditions.

Apps register their facts (`facts.py`); a rule names facts, operators and values. A query first reads each fact that any
of its rules names, once per lead, as a column (`facts_query`); the conditions then compare columns with values
(`condition_sql`). The same two pieces serve one lead, a million leads and the preview of a rule not saved yet.

A fence keeps the layers apart: without it the planner would merge them and work out a fact again for every rule that
asks for it.

A fact that is unknown (NULL or blank) satisfies no operator but `unknown`, so a rule is never true by accident, and no
condition is ever negated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, reduce
from operator import or_
from typing import NamedTuple, Protocol

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Expression, F, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from medcrm.lib.later import MOMENT, Param, bind
from medcrm.lib.sessions import Span

# PostgreSQL merges no subquery that has an offset. In quotes it is a constant of the right type from the start: a plain
# 0 is still to be cast when the planner asks whether rows are skipped, and then nothing below is read in parallel.
FENCE = "OFFSET '0'"

Term = Mapping[str, Param]
Group = Sequence[Term]
Criteria = Sequence[Group]
Sql = tuple[str, Sequence[Param]]
FactSource = Callable[[Sequence[str], Sequence[str]], Sql]
"""Facts by name and stored columns → one row per case, keyed `lead`; for facts that are not a living lead's."""


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
class Entries:
    """An aggregate over the timeline's entries `among` these; `finish(value, at)` makes the fact of it.

    Where the lead has no such entries the value is NULL.
    """

    value: Expression
    among: Q
    finish: Callable[[Expression, datetime], Expression]


@dataclass(frozen=True)
class Fact:
    """Something a rule may ask of a lead. `expression(at)` is NULL where the fact is unknown.

    Three ways to read the same for many leads at once: `per` names the columns of the lead the fact depends on alone,
    so that it is worked out once for all leads that have them in common; `gathered(at)` is an aggregate over rows that
    point to the lead, so that all such facts are read in one pass; `entries` aggregates the timeline's entries, so that
    all such facts are read in one pass for every lead there is.

    An expression is made once and asked at many moments: what is made of rows as they stand is `told` by the moment.
    """

    name: str
    label: str
    kind: Kind
    expression: Callable[[datetime], Expression]
    choices: Callable[[], Iterable[tuple[str, str]]] | None = None
    is_phi: bool = False
    per: tuple[str, ...] = ()
    gathered: Callable[[datetime], Expression] | None = None
    entries: Entries | None = None


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


def fact(name: str) -> Fact:
    """The fact of this name. Raise KeyError for one that no app registered."""
    return _facts[name]


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


def names(rules: Iterable[Criteria]) -> list[str]:
    """The facts that these criteria ask for, each once."""
    return sorted({str(term["fact"]) for rule in rules for group in rule for term in group})


def values(rules: Iterable[Criteria], fact: str) -> list[str]:
    """The values with which these criteria compare a fact, each once."""
    said = [term.get("value") for rule in rules for group in rule for term in group if term["fact"] == fact]
    return sorted({str(one) for value in said for one in (value if isinstance(value, list) else [value])})


def facts_query(
    leads: QuerySet, facts: Sequence[str], *, at: datetime, extra: Sequence[str] = (), span: Span | None = None
) -> Sql:
    """One row per lead: its key as `lead`, the extra columns asked for, and each fact as `fact_<name>`.

    A span says that these are about all leads with such keys, so that what points to them is read from end to end.
    """
    own = None if span else _own_condition(leads)
    if own is None:
        made = _made(leads, facts, at, extra, span)
        return made.before + made.behind, [*made.values, *made.values_behind]
    made, (where, values) = _kept(tuple(facts), tuple(extra)), own
    return made.before + where + made.behind, [*bind(made.values, at), *values, *bind(made.values_behind, at)]


class Made(NamedTuple):
    """The SQL of some facts: up to the condition that the leads are asked under, and what comes behind."""

    before: str
    values: list[Param]
    behind: str
    values_behind: list[Param]


@lru_cache(maxsize=256)
def _kept(facts: Sequence[str], extra: Sequence[str]) -> Made:
    """The same facts of all leads, made once: that takes longer than to ask for those of a few leads."""
    with _reading_no_rows():
        return _made(_leads(), facts, MOMENT, extra, None)


@contextmanager
def _reading_no_rows() -> Iterator[None]:
    def refuse(*_query: object) -> None:
        raise RuntimeError("A fact is made once for good; what is read of rows for it is told by the moment.")

    with connection.execute_wrapper(refuse):
        yield


def _own_condition(leads: QuerySet) -> Sql | None:
    """What these leads are narrowed by, where that is said of their own columns alone."""
    query = leads.query
    if len(query.alias_map) > 1 or query.is_sliced or query.combinator or query.group_by is not None:
        return None
    if query.select_for_update or query.distinct:
        return None
    if not query.where:
        return "", []
    sql, params = query.get_compiler(connection=connection).compile(query.where)
    return f" WHERE {sql}", params


def _made(leads: QuerySet, facts: Sequence[str], at: datetime, extra: Sequence[str], span: Span | None) -> Made:
    asked = [_facts[name] for name in facts]
    each = {_column(fact): fact.entries for fact in asked if span and fact.entries}
    shared = {fact.per: [other for other in asked if other.per == fact.per] for fact in asked if fact.per}
    gathered = {_column(fact): fact.gathered for fact in asked if fact.gathered and _column(fact) not in each}
    plain = {_column(fact): fact.expression(at) for fact in asked if not (fact.per or fact.gathered or fact.entries)}
    keys = {f"key_{name}": F(name) for per in shared for name in per}
    if each:
        keys["key_created_at"] = F("created_at")
    base, params = _sql(leads.order_by().values(*extra, lead=F("pk"), **keys, **plain))
    picked = [f"base.{name}" for name in ("lead", *extra, *plain)]
    tables = [") AS base"]
    behind: list[Param] = []
    if span and each:
        sql, values = _entries_sql(each, span, at)
        tables[0] += sql
        picked += [f"finished.{column}" for column in each]
        behind += values
    for number, (per, found) in enumerate(shared.items()):
        sql, values = _shared_sql(per, found, at)
        tables.append(f"LATERAL ({sql} {FENCE}) AS shared_{number}")
        picked += [f"shared_{number}.{_column(fact)}" for fact in found]
        behind += values
    if gathered:
        sql, values = _gathered_sql(gathered, at)
        tables.append(f"LATERAL ({sql} {FENCE}) AS gathered")
        picked += [f"gathered.{column}" for column in gathered]
        behind += values
    before = f"SELECT {', '.join(picked)} FROM ({base}"  # noqa: S608 - declared names
    return Made(before, params, " CROSS JOIN ".join(tables), behind)


def _shared_sql(per: Sequence[str], facts: Sequence[Fact], at: datetime) -> Sql:
    """These facts read from the columns they depend on, so that PostgreSQL may remember them by those (Memoize)."""
    sql, params = _sql(_leads().order_by().values(**{_column(fact): fact.expression(at) for fact in facts}))
    table = _leads().model._meta.db_table
    columns = ", ".join(f"base.key_{name} AS {name}" for name in per)
    return sql.replace(f' FROM "{table}"', f' FROM (SELECT {columns}) AS "{table}"'), params


def _gathered_sql(facts: Mapping[str, Callable[[datetime], Expression]], at: datetime) -> Sql:
    """These facts in one pass over the rows that point to the lead."""
    of_lead = _leads().filter(pk=RawSQL("base.lead", []))  # noqa: S611 - a column of ours
    return _sql(of_lead.order_by().values("pk").annotate(**{column: make(at) for column, make in facts.items()}))


def _entries_sql(facts: Mapping[str, Entries], span: Span, at: datetime) -> Sql:
    """A join with one row per lead of the span that has such entries on its timeline, and the facts made of them."""
    entries = apps.get_model("leads.Interaction")._default_manager.order_by()
    entries = entries.filter(reduce(or_, (fact.among for fact in facts.values())), lead__pk__range=span)
    rows = entries.values("lead").annotate(**{f"value_{column}": fact.value for column, fact in facts.items()})
    joined, params = _sql(rows)
    finished = {}
    for column, fact in facts.items():
        field = rows.query.annotations[f"value_{column}"].output_field
        value = RawSQL(f"entries.value_{column}", [], output_field=field)  # noqa: S611 - a column of ours
        finished[column] = fact.finish(value, at)
    sql, values = _sql(_leads().order_by().values(**finished))
    table = _leads().model._meta.db_table
    lead = f' FROM (SELECT base.lead AS id, base.key_created_at AS created_at) AS "{table}"'
    finish = sql.replace(f' FROM "{table}"', lead)
    joins = f" LEFT JOIN ({joined}) AS entries ON entries.lead = base.lead CROSS JOIN LATERAL ({finish}) AS finished"
    return joins, [*params, *values]


def _column(fact: Fact) -> str:
    return f"fact_{fact.name}"


def _sql(rows: QuerySet) -> tuple[str, list[Param]]:
    sql, params = rows.query.sql_with_params()
    return sql, list(params)


def condition_sql(criteria: Criteria) -> Sql:
    """Criteria as a condition on the columns of `facts_query`; false, never NULL, where a fact is unknown."""
    groups, params = [], []
    for group in criteria:
        terms = [_term_sql(term) for term in group] or [("TRUE", ())]
        groups.append(" AND ".join(sql for sql, _values in terms))
        params += [value for _sql, values in terms for value in values]
    return f"COALESCE({' OR '.join(f'({group})' for group in groups) or 'TRUE'}, FALSE)", params


def condition(criteria: Criteria, *, at: datetime) -> Q:
    """The criteria as a filter on leads, for lists and counts."""
    facts, params = _listed(tuple(names([criteria])))
    params = bind(params, at)
    holds, values = condition_sql(criteria)
    query = f"SELECT lead FROM ({facts}) AS facts WHERE {holds}"  # noqa: S608 - every value is a parameter
    return Q(pk__in=RawSQL(query, [*params, *values]))  # noqa: S611 - compiled above from declared facts


@lru_cache(maxsize=256)
def _listed(facts: Sequence[str]) -> Sql:
    """Fact by fact as a list reads its leads: a list may need only a few of all there are."""
    with _reading_no_rows():
        columns = {f"fact_{name}": _facts[name].expression(MOMENT) for name in facts}
        return _sql(_leads().order_by().values(lead=F("pk"), **columns))


def match_leads(leads: QuerySet, rules: Sequence[SupportsCriteria], *, at: datetime) -> dict[int, int]:
    """Lead key → key of the first rule that holds, in the order given; one query, leads without a match left out."""
    return first_match(facts_query(leads, names(rule.criteria for rule in rules), at=at), rules)


def first_match(facts: Sql, rules: Sequence[SupportsCriteria]) -> dict[int, int]:
    """The same over rows of facts, wherever they come from."""
    found: dict[int, int] = {}
    for key, held in holds(facts, [rule.criteria for rule in rules]).items():
        first = next((rule.pk for rule, is_true in zip(rules, held, strict=True) if is_true), None)
        if first is not None:
            found[key] = first
    return found


def holding(leads: QuerySet, rules: Sequence[Criteria], *, at: datetime) -> dict[int, list[bool]]:
    """Lead key → for each of these criteria whether it holds; one query for any number of leads and rules."""
    return holds(facts_query(leads, names(rules), at=at), rules)


def holds(facts: Sql, rules: Sequence[Criteria]) -> dict[int, list[bool]]:
    """The same over rows of facts, keyed `lead`."""
    query, params = facts
    conditions = [condition_sql(rule) for rule in rules]
    columns = "".join(f", {sql}" for sql, _values in conditions)
    query = f"SELECT lead{columns} FROM ({query} {FENCE}) AS facts"  # noqa: S608 - every value is a parameter
    values = [value for _sql, given in conditions for value in given]
    with connection.cursor() as cursor:
        cursor.execute(query, [*values, *params])
        return {row[0]: list(row[1:]) for row in cursor.fetchall()}


def sentence(criteria: Criteria) -> str:
    """Say the criteria as an English sentence."""
    groups = [", and ".join(_clause(term) for term in group) for group in criteria if group]
    if not groups:
        return "always"
    return groups[0] if len(groups) == 1 else " or ".join(f"({group})" for group in groups)


COMPARISONS: dict[Operator, str] = {
    Operator.IS: "= %s",
    Operator.IS_NOT: "<> %s",
    Operator.IN: "= ANY(%s)",
    Operator.NOT_IN: "<> ALL(%s)",
    Operator.LESS: "< %s",
    Operator.AT_MOST: "<= %s",
    Operator.MORE: "> %s",
    Operator.AT_LEAST: ">= %s",
    Operator.KNOWN: "IS NOT NULL",
    Operator.UNKNOWN: "IS NULL",
}


def _term_sql(term: Term) -> Sql:
    fact, operator = _facts[str(term["fact"])], Operator(str(term["op"]))
    values = [] if operator in (Operator.KNOWN, Operator.UNKNOWN) else [term["value"]]
    return f'"fact_{fact.name}" {COMPARISONS[operator]}', values


def _leads() -> QuerySet:
    # By name, because models validate their criteria here and the compiler knows no model.
    return apps.get_model("leads.Lead")._default_manager.all()


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


def _clause(term: Term) -> str:
    fact, operator, value = _facts.get(str(term.get("fact"))), Operator(str(term["op"])), term.get("value")
    label = fact.label if fact else str(term.get("fact"))
    if operator in (Operator.KNOWN, Operator.UNKNOWN):
        return f"{label} {WORDS[operator]}"
    if isinstance(value, bool):
        return f"{label} is {'yes' if value else 'no'}"
    names = dict(fact.choices()) if fact and fact.choices else {}
    values = [str(names.get(str(item), item)) for item in (value if isinstance(value, list) else [value])]
    if operator == Operator.IN:
        return f"{label} is {_either(values)}"
    return f"{label} {WORDS[operator]} {', '.join(values)}"


def _either(values: Sequence[str]) -> str:
    """“A”, “A or B”, “A, B or C”."""
    return " or ".join([*([", ".join(values[:-1])] if values[1:] else []), values[-1]])
