"""What a report is made of: sections with a heading, a sentence on how to read them, and a table whose numbers link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from medcrm.lib.stats import Share, wilson

Words = str | Promise


@dataclass(frozen=True)
class Cell:
    """A number as it is read, with the list behind it; `share` draws a bar from 0 to 1, `before` is the same figure of
    the period before."""

    text: str
    link: str = ""
    share: float | None = None
    note: str = ""
    value: object = None
    before: Cell | None = None

    @property
    def raw(self) -> object:
        """What an export writes."""
        return self.text if self.value is None else self.value


@dataclass(frozen=True)
class Row:
    label: str
    cells: Sequence[Cell]
    is_total: bool = False


@dataclass(frozen=True)
class Section:
    title: Words
    columns: Sequence[Words]
    rows: Sequence[Row]
    note: Words = ""
    first: Words = ""
    empty: Words = ""
    line: Sequence[tuple[str, int]] = field(default_factory=tuple)


def compared(sections: Sequence[Section], earlier: Sequence[Section]) -> list[Section]:
    """Each figure with that of the period before, found by section, row and column; a dash where there was none."""
    known = {str(section.title): _cells(section) for section in earlier}
    return [
        replace(section, rows=[_compared(section, row, known.get(str(section.title), {})) for row in section.rows])
        for section in sections
    ]


def gathered(sections: Sequence[Section]) -> list[Section]:
    """Sections that follow each other and have nothing but the same sentence to say, as one."""
    made: list[Section] = []
    for section in sections:
        last = made[-1] if made else None
        is_same = last is not None and str(last.empty) == str(section.empty)
        if last is not None and is_same and not (last.rows or last.line or section.rows or section.line):
            made[-1] = replace(last, title=f"{last.title} · {section.title}")
        else:
            made.append(section)
    return made


Place = tuple[str, str, int]  # row, column, which of the columns of that name


def _cells(section: Section) -> dict[Place, Cell]:
    return {
        (row.label, *column): cell
        for row in section.rows
        for column, cell in zip(_columns(section), row.cells, strict=True)
    }


def _columns(section: Section) -> list[tuple[str, int]]:
    names = [str(column) for column in section.columns]
    return [(name, names[:place].count(name)) for place, name in enumerate(names)]


def _compared(section: Section, row: Row, known: Mapping[Place, Cell]) -> Row:
    cells = [
        replace(cell, before=_since(cell, known.get((row.label, *column), Cell("–"))))
        for column, cell in zip(_columns(section), row.cells, strict=True)
    ]
    return replace(row, cells=cells)


def _since(now: Cell, was: Cell) -> Cell:
    """The earlier figure, of shares with the points by which they moved."""
    if now.share is None or was.share is None:
        return was
    return replace(was, text=f"{was.text} ({100 * (now.share - was.share):+.0f} pt)")


def number(count: int, link: str = "") -> Cell:
    return Cell(f"{count:,}", link if count else "", value=count)


def share(hits: int, of: int, link: str = "") -> Cell:
    """“42 %” with its bar and its interval; a dash of nothing."""
    if not of:
        return Cell("–")
    rate, interval = hits / of, wilson(Share(hits, of))
    note = _("%(hits)s of %(of)s; 95 %% sure between %(low).0f and %(high).0f %%") % {
        "hits": f"{hits:,}",
        "of": f"{of:,}",
        "low": 100 * interval.low,
        "high": 100 * interval.high,
    }
    return Cell(f"{100 * rate:.0f} %", link if hits else "", rate, note, round(rate, 4))


def change(now: tuple[int, int], before: tuple[int, int]) -> Cell:
    """How many percentage points a share moved since the period before."""
    if not now[1] or not before[1]:
        return Cell("–")
    points = 100 * (now[0] / now[1] - before[0] / before[1])
    return Cell(f"{points:+.0f} pt", value=round(points, 1))


def span(seconds: float | None) -> Cell:
    """A length of time as people say it."""
    if seconds is None:
        return Cell("–")
    length = timedelta(seconds=round(seconds))
    if length < timedelta(hours=1):
        text = _("%(n)d min") % {"n": round(seconds / 60)}
    elif length < timedelta(days=2):
        text = _("%(n)s h") % {"n": _rounded(seconds / 3600)}
    else:
        text = _("%(n)s days") % {"n": _rounded(seconds / 86400)}
    return Cell(text, value=round(seconds))


def _rounded(n: float) -> str:
    """With one decimal where it says something: “1.5”, “36”."""
    return f"{n:.1f}".removesuffix(".0")
