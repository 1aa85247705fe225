"""How does the effect of a version read? Tables of old against new, who crosses, and each team's load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _later

from leads.effects import Effect, Move, Table
from leads.models import Carried, Lead
from leads.visibility import visible
from leads.vocabulary import Band, Decision, NextStep
from medcrm.lib.access import team_names

TITLES = {
    "score_band": _later("Score band"), "fit": _later("Fit"), "readiness": _later("Readiness"),
    "next_step": _later("Next step"),
}  # fmt: skip
MOST_COLUMNS = 4  # more values do not stand beside each other on a laptop
BAND_ORDER = (Band.HIGH.value, Band.MEDIUM.value, Band.LOW.value, "")


@dataclass(frozen=True)
class Cell:
    count: int
    is_move: bool


@dataclass(frozen=True)
class Grid:
    """One table of old values (rows) against new ones (columns)."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    changed: int


@dataclass(frozen=True)
class Total:
    """A value among many: how many leads have it, would have it, come to it and leave it."""

    label: str
    now: int
    then: int
    come: int
    leave: int


@dataclass(frozen=True)
class Totals:
    """One table of values that are too many to be put against each other."""

    title: str
    rows: Sequence[Total]
    changed: int


@dataclass(frozen=True)
class Crossing:
    old: str
    new: str
    team: str
    count: int
    leads: Sequence[Lead]


@dataclass(frozen=True)
class Load:
    """A team's open leads by value, now and then."""

    team: str
    values: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Shift:
    """What changes for a team in one of many values."""

    team: str
    label: str
    now: int
    then: int


@dataclass(frozen=True)
class Shown:
    effect: Effect
    grids: Sequence[Grid]
    totals: Sequence[Totals]
    crossings: Sequence[Crossing]
    load_columns: Sequence[str]
    loads: Sequence[Load]
    shifts: Sequence[Shift]
    names_leads: bool


def shown(effect: Effect, user: AbstractBaseUser) -> Shown:
    """The effect in words, naming only leads that this person may see."""
    teams = team_names()
    values = _ordered({value for table in (effect.before, effect.after) for row in table.values() for value in row})
    is_wide = len(values) > MOST_COLUMNS
    loads = [
        Load(
            teams.get(team, team) or _("no team yet"),
            [(effect.before.get(team, {}).get(v, 0), effect.after.get(team, {}).get(v, 0)) for v in values],
        )
        for team in sorted({*effect.before, *effect.after})
    ]
    tables = {name: effect.tables[name] for name in TITLES if name in effect.tables}
    return Shown(
        effect=effect,
        grids=[_grid(name, table) for name, table in tables.items() if not _is_wide(table)],
        totals=[_totals(name, table) for name, table in tables.items() if _is_wide(table)],
        crossings=_crossings(effect.moves, user, teams),
        load_columns=[_word(value) for value in values],
        loads=[] if is_wide else loads,
        shifts=_shifts(loads, values) if is_wide else [],
        names_leads=user.has_perm("leads.view_lead"),
    )


def seen(shown: Shown) -> set[int]:
    """The leads that it names."""
    return {lead.pk for crossing in shown.crossings for lead in crossing.leads}


def progress(publication: Carried) -> str:
    """How far it has come, e.g. “450,000 of 1,000,000 leads (45 %)”."""
    if publication.is_cut_short:
        return _("replaced after %(done)s of %(total)s leads") % _counts(publication)
    if publication.finished_at:
        return _("all %(done)s leads") % _counts(publication)
    percent = 100 * publication.done // publication.total if publication.total else 100
    return _("%(done)s of %(total)s leads (%(percent)s %%)") % {**_counts(publication), "percent": percent}


def _counts(publication: Carried) -> dict[str, str]:
    return {"done": f"{publication.done:,}", "total": f"{publication.total:,}"}


def _is_wide(table: Table) -> bool:
    return len(_values(table)) > MOST_COLUMNS


def _values(table: Table) -> list[str]:
    """What leads have or would have."""
    return _ordered({*table, *(new for row in table.values() for new in row)})


def _grid(name: str, table: Table) -> Grid:
    columns = _ordered({new for row in table.values() for new in row})
    rows = [(_word(old), [Cell(table[old].get(new, 0), old != new) for new in columns]) for old in _ordered(table)]
    return Grid(str(TITLES[name]), [_word(column) for column in columns], rows, _changed(table))


def _changed(table: Table) -> int:
    return sum(count for old, row in table.items() for new, count in row.items() if old != new)


def _totals(name: str, table: Table) -> Totals:
    """What changes most first."""
    rows = []
    for value in _values(table):
        stay = table.get(value, {}).get(value, 0)
        now, then = sum(table.get(value, {}).values()), sum(row.get(value, 0) for row in table.values())
        rows.append(Total(_word(value), now, then, come=then - stay, leave=now - stay))
    return Totals(str(TITLES[name]), sorted(rows, key=lambda row: -(row.come + row.leave)), _changed(table))


def _shifts(loads: Sequence[Load], values: Sequence[str]) -> list[Shift]:
    """The values of each team that change."""
    return [
        Shift(load.team, _word(value), now, then)
        for load in loads
        for value, (now, then) in zip(values, load.values, strict=True)
        if now != then
    ]


def _crossings(moves: Sequence[Move], user: AbstractBaseUser, teams: Mapping[str, str]) -> list[Crossing]:
    found: dict[int, Lead] = {}
    if user.has_perm("leads.view_lead"):
        keys = [lead for move in moves for lead in move.leads]
        found = Lead.objects.filter(visible(user), pk__in=keys).in_bulk()
    return [
        Crossing(
            _word(move.old),
            _word(move.new),
            teams.get(move.team, move.team) or _("no team yet"),
            move.count,
            [found[lead] for lead in move.leads if lead in found],
        )
        for move in moves
    ]


def _ordered(values: object) -> list[str]:
    known = {value: number for number, value in enumerate(BAND_ORDER)}
    return sorted(values, key=lambda value: (known.get(value, -1), value))


def _word(value: str) -> str:
    if not value:
        return _("none yet")
    if ":" in value:
        decision, next_step = value.split(":")
        parts = [str(Decision(decision).label)]
        if next_step not in ("", NextStep.NONE):
            parts.append(str(NextStep(next_step).label))
        return " · ".join(parts)
    return str(Band(value).label)
