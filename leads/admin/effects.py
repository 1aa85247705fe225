"""How does the effect of a version read? Tables of old against new, who crosses, and each team's load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from leads.effects import Effect, Move, Table
from leads.models import Lead, Publication
from leads.visibility import visible
from leads.vocabulary import Band, Decision, NextStep
from medcrm.lib.access import team_names

TITLES = {"score_band": _("Score band"), "fit": _("Fit"), "readiness": _("Readiness"), "next_step": _("Next step")}
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
class Shown:
    effect: Effect
    grids: Sequence[Grid]
    crossings: Sequence[Crossing]
    load_columns: Sequence[str]
    loads: Sequence[Load]
    names_leads: bool


def shown(effect: Effect, user: AbstractBaseUser) -> Shown:
    """The effect in words, naming only leads that this person may see."""
    teams = team_names()
    values = _ordered({value for table in (effect.before, effect.after) for row in table.values() for value in row})
    return Shown(
        effect=effect,
        grids=[_grid(name, effect.tables[name]) for name in TITLES if name in effect.tables],
        crossings=_crossings(effect.moves, user, teams),
        load_columns=[_word(value) for value in values],
        loads=[
            Load(
                teams.get(team, team) or _("no team yet"),
                [(effect.before.get(team, {}).get(v, 0), effect.after.get(team, {}).get(v, 0)) for v in values],
            )
            for team in sorted({*effect.before, *effect.after})
        ],
        names_leads=user.has_perm("leads.view_lead"),
    )


def render(effect: Effect, user: AbstractBaseUser) -> SafeString:
    return render_to_string("leads/effect.html", {"shown": shown(effect, user)})


def progress(publication: Publication) -> str:
    """How far it has come, e.g. “450,000 of 1,000,000 leads (45 %)”."""
    if publication.is_cut_short:
        return _("replaced after %(done)s of %(total)s leads") % _counts(publication)
    if publication.finished_at:
        return _("all %(done)s leads") % _counts(publication)
    percent = 100 * publication.done // publication.total if publication.total else 100
    return _("%(done)s of %(total)s leads (%(percent)s %%)") % {**_counts(publication), "percent": percent}


def _counts(publication: Publication) -> dict[str, str]:
    return {"done": f"{publication.done:,}", "total": f"{publication.total:,}"}


def _grid(name: str, table: Table) -> Grid:
    columns = _ordered({new for row in table.values() for new in row})
    rows = [(_word(old), [Cell(table[old].get(new, 0), old != new) for new in columns]) for old in _ordered(table)]
    changed = sum(count for old, row in table.items() for new, count in row.items() if old != new)
    return Grid(str(TITLES[name]), [_word(column) for column in columns], rows, changed)


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
