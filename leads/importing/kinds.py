"""What may be imported? Each kind names its fields, guesses columns, and takes a chunk of rows at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from leads.importing.cells import CellError, Problem, plain
from leads.importing.files import OURS
from leads.models import ImportRun
from medcrm.lib.errors import RuleError

NOT_IMPORTED = ""


@dataclass(frozen=True)
class Field:
    """One field of a kind; `aliases` are column names, without case and signs, that mean it."""

    name: str
    label: Promise | str
    aliases: Sequence[str] = ()
    is_required: bool = False


@dataclass(frozen=True)
class Option:
    """A choice that holds for the whole file; `choices` is asked when the form is shown. Without: free text."""

    name: str
    label: Promise | str
    choices: Callable[[], Sequence[tuple[str, object]]] | None = None
    is_required: bool = False
    help_text: Promise | str = ""


@dataclass
class Row:
    """A row under way: its cells by field, what is wrong with it, and what it means where its kind has a reader."""

    number: int
    raw: Sequence[str]
    cells: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    read: object = None

    def refuse(self, code: str, field_name: str, sentence: str) -> None:
        self.problems.append(Problem(code, field_name, sentence))


@dataclass
class Outcome:
    """What became of a chunk: counts by name, the rows that were refused among those given, and what it would do."""

    counts: Counter = field(default_factory=Counter)
    told: list[dict[str, object]] = field(default_factory=list)
    reasons: Counter = field(default_factory=Counter)
    """Refused rows by code, of a kind that takes its file whole and keeps them itself."""


Taker = Callable[[ImportRun, list[Row], datetime, bool], Outcome]
"""(run, rows without problems, at, is_dry). Refuse a row by `row.refuse`; write nothing when dry."""
Read = Callable[[Row], object]
"""What a row's cells mean; what they cannot mean is refused. Asks the database nothing, so it may run aside."""


@dataclass(frozen=True)
class Kind:
    """A kind of file: its columns, and what taking a chunk of its rows means."""

    code: str
    label: Promise | str
    fields: Sequence[Field]
    take: Taker
    options: Sequence[Option] = ()
    makes_leads: bool = False
    take_whole: Callable[[ImportRun, Path, datetime], Outcome] | None = None
    chunk: int = 1000
    reader: Callable[[ImportRun, datetime], Read] | None = None
    undo_chunk: Callable[..., bool] | None = None
    """(run, at=…, held=…) takes the next part out again, but no lead that is held, and says whether there may be more;
    without it there is no undo."""

    @property
    def names(self) -> set[str]:
        return {f.name for f in self.fields}


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Make a kind known to the pages and the command; called when its module is loaded."""
    _kinds[kind.code] = kind
    return kind


def all_kinds() -> list[Kind]:
    return list(_kinds.values())


def kind_of(code: str) -> Kind:
    """The kind of this code. Raise UNKNOWN_KIND, which names those there are."""
    if code not in _kinds:
        raise RuleError(
            "UNKNOWN_KIND",
            _("“%(kind)s” cannot be imported; one of %(kinds)s can.")
            % {"kind": code, "kinds": ", ".join(sorted(_kinds))},
        )
    return _kinds[code]


def guess(kind: Kind, header: Sequence[str]) -> dict[str, str]:
    """Column → field by the column's name; each field once, our own columns of a reject file left out."""
    known = {squeeze(name): f.name for f in kind.fields for name in (f.name, str(f.label), *f.aliases)}
    mapping: dict[str, str] = {}
    for column in header:
        found = NOT_IMPORTED if column in OURS else known.get(squeeze(column), NOT_IMPORTED)
        mapping[column] = NOT_IMPORTED if found in mapping.values() else found
    return mapping


def squeeze(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def check_mapping(kind: Kind, header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The mapping in the header's order. Raise RuleError for a field that is unknown, used twice or missing."""
    used = [mapping.get(column, NOT_IMPORTED) for column in header]
    for name in used:
        if name and name not in kind.names:
            raise RuleError(
                "UNKNOWN_FIELD", _("“%(name)s” is no field of this kind of import.") % {"name": name}, field=name
            )
        if name and used.count(name) > 1:
            raise RuleError(
                "FIELD_TWICE", _("Two columns are both “%(name)s”. Leave one of them out.") % {"name": name}, field=name
            )
    missing = [f.name for f in kind.fields if f.is_required and f.name not in used]
    if missing:
        raise RuleError(
            "FIELD_MISSING",
            _("No column is “%(names)s”. Choose the one that holds it.") % {"names": ", ".join(missing)},
        )
    if not any(used):
        raise RuleError("NOTHING_MAPPED", _("No column is mapped. Say for at least one column what it holds."))
    return dict(zip(header, used, strict=True))


def open_rows(
    kind: Kind, mapping: Mapping[str, str], header: Sequence[str], raw: Sequence[tuple[int, list[str]]]
) -> list[Row]:
    """Name each row's cells by field; what spreadsheets add is taken off, what is no value is a problem."""
    fields = [mapping.get(column, NOT_IMPORTED) for column in header]
    wanted = [(place, name) for place, name in enumerate(fields) if name]
    width = len(fields)
    required = [f.name for f in kind.fields if f.is_required]
    return [_open(number, cells, wanted, width, required) for number, cells in raw]


def _open(number: int, cells: list[str], wanted: list[tuple[int, str]], width: int, required: list[str]) -> Row:
    values: dict[str, str] = {}
    row = Row(number, cells, values)
    if len(cells) > width:
        row.refuse(
            "TOO_MANY_CELLS",
            "",
            f"The row has {len(cells)} cells, the header {width}. Often a value with a comma lacks its quotes.",
        )
    for place, name in wanted:
        if place < len(cells) and cells[place]:
            try:
                values[name] = plain(cells[place])
            except CellError as error:
                row.refuse(error.code, name, error.sentence)
    for name in required:
        if not values.get(name) and not row.problems:
            row.refuse("REQUIRED", name, "This must be given.")
    return row
