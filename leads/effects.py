"""What would change, for every lead, if this version came into force now? Read-only, and by the very rules it has.

A draft is compared with what the leads carry. Where the version in force has the same rule, its answer is read from the
stored score, so a preview asks only for the facts behind what changed; a lead that another version scored is worked out
in full. Time that passed since a lead was scored is no effect of the draft and is left out.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q, QuerySet

from leads import criteria, qualification, scoring
from leads.criteria import FENCE, Criteria
from leads.lifecycle import OPEN
from leads.models import Lead, NextStepRule, NextStepSet, ScoringModel
from leads.scoring import Category, Kept, Scale
from leads.vocabulary import Decision, NextStep
from medcrm.lib.models import VersionedSet, VersionStatus
from medcrm.lib.sessions import Span, side_by_side, spans_of

SAMPLE = 20  # leads named for each move of each team; the counts are of all

# All leads in a hundred groups or so, where the planner expects every combination of values and would sort all leads.
# And what is in memory it takes for a disk of old, and would read the timeline's rows where the index says it all.
PLANNED = {"work_mem": "64MB", "enable_sort": "off", "random_page_cost": "1.1"}
ONE_PROCESS = {"max_parallel_workers_per_gather": "0"}  # where several sessions share the work already

Table = dict[str, dict[str, int]]  # old value → new value → leads
Tell = Callable[[int, int], object]
"""Is told of how many parts of all leads how many were looked at."""


def untold(_done: int, _parts: int) -> None:
    """For who waits for the whole."""


@dataclass(frozen=True)
class Move:
    """Leads of one team that would get another value, with a few of them by key."""

    old: str
    new: str
    team: str
    count: int
    leads: list[int]


@dataclass(frozen=True)
class Effect:
    """What a version changes: tables of old against new values, the moves, and each team's open leads by value."""

    total: int = 0
    changed: int = 0
    tables: dict[str, Table] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    before: Table = field(default_factory=dict)
    after: Table = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Effect:
        moves = [Move(**move) for move in stored.get("moves", [])]
        return cls(**{**stored, "moves": moves})


def effect_of(version: VersionedSet, *, at: datetime, tell: Tell = untold) -> Effect:
    """What this version would change for all leads it concerns; nothing for a kind of version that has no preview."""
    match version:
        case ScoringModel():
            return scoring_effect(version, at=at, tell=tell)
        case NextStepSet():
            return next_step_effect(version, at=at, tell=tell)
        case _:
            return Effect()


def scoring_effect(model: ScoringModel, *, at: datetime, tell: Tell = untold) -> Effect:
    """Which leads would change their score band, fit or readiness under this model."""
    tables: dict[str, Table] = {"score_band": {}, "fit": {}, "readiness": {}}
    before, after, moves = Loads(), Loads(), Moves()
    total = changed = 0
    for *values, team, is_open, count, moved, sample in _moved(model, at, tell):
        total, changed = total + count, changed + moved
        for name, old, new in zip(tables, values[::2], values[1::2], strict=True):
            _add(tables[name], old, new, count)
        old_band, band = values[:2]
        moves.add(old_band, band, team, count, sample)
        if is_open:
            before.add(team, old_band, count)
            after.add(team, band, count)
    return Effect(total, changed, tables, moves.most(), before.table(), after.table())


def _moved(model: ScoringModel, at: datetime, tell: Tell) -> Iterator[tuple]:
    """Old and new values, whether open, how many leads, how many scores move, some keys: by group of leads."""
    scale, current = scoring.scale(model), in_force(model)

    def statements(span: Span) -> Iterator[criteria.Sql]:
        for sql, params in _rescored_sql(scale, current, span, at):
            statement = f"""
                SELECT old_band, band, old_fit, fit, old_readiness, readiness, team, stage = ANY(%s) AS is_open,
                       count(*), count(*) FILTER (WHERE old_score IS DISTINCT FROM score),
                       (array_agg(id) FILTER (WHERE old_band <> band))[1:{SAMPLE}]
                  FROM ({sql}) AS scored
                 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
            """  # noqa: S608 - every value is a parameter
            yield statement, [[*map(str, OPEN)], *params]

    return _rows(statements, tell)


def next_step_effect(rule_set: NextStepSet, *, at: datetime, tell: Tell = untold) -> Effect:
    """Which open leads that no person decided would get another decision, next step or reason."""
    rules = active_rules(rule_set)

    def statements(span: Span) -> Iterator[criteria.Sql]:
        sql, params = chosen_sql(rules, undecided().filter(pk__range=span), at)
        statement = f"""
            SELECT decision, next_step, hold_reason_id, stop_reason_id, rule, team, count(*),
                   (array_agg(lead))[1:{SAMPLE}]
              FROM ({sql}) AS chosen
             GROUP BY 1, 2, 3, 4, 5, 6
        """  # noqa: S608 - every value is a parameter
        yield statement, params

    table: Table = {}
    before, after, moves = Loads(), Loads(), Moves()
    total = changed = 0
    for *old, rule, team, count, sample in _rows(statements, tell):
        new = verdict_of(rules, rule)
        total, changed = total + count, changed + (count if tuple(old) != new else 0)
        old_word, new_word = _word(*old[:2]), _word(*new[:2])
        _add(table, old_word, new_word, count)
        moves.add(old_word, new_word, team, count, sample)
        before.add(team, old_word, count)
        after.add(team, new_word, count)
    return Effect(total, changed, {"next_step": table}, moves.most(), before.table(), after.table())


Verdict = tuple[str, str, str | None, str | None]


def undecided() -> QuerySet[Lead]:
    """Open leads that the rules decide, because no person did."""
    return qualification.undecided(Lead.objects.order_by().values("pk"))


def active_rules(rule_set: NextStepSet) -> list[NextStepRule]:
    """The rules of a set that count, in their order."""
    return list(rule_set.rules.filter(is_active=True).order_by("position", "pk"))


def verdict_of(rules: Sequence[NextStepRule], number: int) -> Verdict:
    """What the rule of this number says; no rule is a review by a person."""
    if number >= len(rules):
        return Decision.REVIEW.value, NextStep.NONE.value, None, None
    rule = rules[number]
    return rule.decision, rule.next_step, rule.hold_reason_id, rule.stop_reason_id


def chosen_sql(rules: Sequence[NextStepRule], leads: QuerySet[Lead], at: datetime) -> criteria.Sql:
    """One row per lead with its present decision and the number of the first rule that holds."""
    stored = ["decision", "next_step", "hold_reason_id", "stop_reason_id", "team"]
    facts, params = criteria.facts_query(leads, criteria.names(rule.criteria for rule in rules), at=at, extra=stored)
    conditions = [criteria.condition_sql(rule.criteria) for rule in rules]
    whens = "".join(f" WHEN {sql} THEN {number}" for number, (sql, _values) in enumerate(conditions))
    chosen = f"CASE{whens} ELSE {len(rules)} END" if whens else "0"
    sql = f"SELECT facts.*, {chosen} AS rule FROM ({facts} {FENCE}) AS facts"  # noqa: S608 - values are parameters
    return sql, [*(value for _sql, values in conditions for value in values), *params]


def in_force(version: VersionedSet) -> VersionedSet | None:
    """The version in force of the same thing."""
    return version.all_versions().filter(status=VersionStatus.PUBLISHED).first()


def _rescored_sql(scale: Scale, current: ScoringModel | None, span: Span, at: datetime) -> Iterator[criteria.Sql]:
    """Every lead of the type, old and new: those that the version in force scored, and those that it did not."""
    leads = Lead.objects.filter(merged_into=None, pk__range=span)
    if current is None:
        yield _scored(scale, leads, at)
        return
    pk = current.pk
    yield _scored(scale, leads.filter(score_model=pk), at, what_is_kept(scoring.scale(current), scale), span)
    others = leads.filter(Q(score_model__lt=pk) | Q(score_model__gt=pk) | Q(score_model=None))  # ranges use the index
    yield _scored(scale, others, at)


def _scored(
    scale: Scale, leads: QuerySet[Lead], at: datetime, kept: Kept = scoring.NOTHING_KEPT, span: Span | None = None
) -> criteria.Sql:
    scored, params = scoring.scored_sql(scale, leads, at, kept=kept, extra=["team"], span=span)
    columns = "id, stage, team, old_score, score, old_band, band, old_fit, fit, old_readiness, readiness"
    return f"WITH {scored} SELECT {columns} FROM scored", params  # noqa: S608 - compiled from declared facts


def what_is_kept(old: Scale, new: Scale) -> Kept:
    """What a score by the old scale answers for the new one."""
    known = {_canonical(point.criteria): point.pk for point in old.points}
    hits = {point.pk: known[key] for point in new.points if (key := _canonical(point.criteria)) in known}
    before, after = ({c.code: _content(scale, c) for c in scale.categories} for scale in (old, new))
    codes = frozenset(code for code, content in after.items() if before.get(code) == content)
    same = [
        target
        for (target, was), (_target, now) in zip(scoring.bands_of(old), scoring.bands_of(new), strict=True)
        if [(_canonical(r.criteria), r.band) for r in was] == [(_canonical(r.criteria), r.band) for r in now]
    ]
    return Kept(hits, codes, frozenset(before) - codes, frozenset(same))


def _content(scale: Scale, category: Category) -> tuple[object, ...]:
    rules = sorted((_canonical(p.criteria), p.points) for p in scale.points if p.category == category.pk)
    return category.cap, category.half_life_days, rules


def _canonical(rule: Criteria) -> str:
    return json.dumps(rule, sort_keys=True)


class Loads:
    """Leads by team and value."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, team: str, value: str, count: int) -> None:
        self.counts[team][value] += count

    def table(self) -> Table:
        return {team: dict(counts) for team, counts in sorted(self.counts.items())}


class Moves:
    """Who changes from one value to another, team by team."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.samples: dict[tuple[str, str, str], list[int]] = defaultdict(list)

    def add(self, old: str, new: str, team: str, count: int, sample: Iterable[int] | None) -> None:
        if old != new:
            self.counts[old, new, team] += count
            self.samples[old, new, team] += sample or []

    def most(self) -> list[Move]:
        return [Move(*key, count, sorted(self.samples[key])[:SAMPLE]) for key, count in self.counts.most_common()]


def _add(table: Table, old: str, new: str, count: int) -> None:
    row = table.setdefault(old, {})
    row[new] = row.get(new, 0) + count


def _word(decision: str, next_step: str) -> str:
    return f"{decision}:{next_step}" if decision else ""


def _rows(statements: Callable[[Span], Iterable[criteria.Sql]], tell: Tell) -> Iterator[tuple]:
    """What these statements say of all leads, part by part, and several parts at once."""
    spans = spans_of(Lead.objects.all())
    settings = PLANNED if len(spans) == 1 else PLANNED | ONE_PROCESS

    def read(span: Span) -> list[tuple]:
        return [row for statement, params in statements(span) for row in _planned(settings, statement, params)]

    for done, rows in enumerate(side_by_side(read, spans), 1):
        tell(done, len(spans))
        yield from rows


def _planned(settings: Mapping[str, str], statement: str, params: Sequence[object]) -> list[tuple]:
    """Run a statement that counts all leads, planned for that; the settings are undone whatever happens."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join('current_setting(%s)' for _name in settings)}", list(settings))  # noqa: S608
        as_before = dict(zip(settings, cursor.fetchone(), strict=True))
        _set(cursor, settings)
        cursor.execute(statement, params)
        rows = cursor.fetchall()
        _set(cursor, as_before)
        return rows


def _set(cursor: CursorWrapper, settings: Mapping[str, str]) -> None:
    pairs = [text for pair in settings.items() for text in pair]
    cursor.execute(f"SELECT {', '.join('set_config(%s, %s, TRUE)' for _name in settings)}", pairs)  # noqa: S608
