"""How does the proof about an address read on paper? A summary for people; the JSON beside it is the evidence."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import reportlab
from reportlab.lib import colors
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from consent import words

if TYPE_CHECKING:
    from consent.bundle import Material

FONT = "Vera"
LINE = colors.HexColor("#c5ccd3")
HEAD = colors.HexColor("#eef1f4")
ATTEMPTS_SHOWN = 500  # the rest is in decisions.json


@lru_cache(maxsize=1)
def _register() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    pdfmetrics.registerFont(TTFont(FONT, str(folder / "Vera.ttf")))
    pdfmetrics.registerFont(TTFont(f"{FONT}-Bold", str(folder / "VeraBd.ttf")))


def _style(size: float, *, bold: bool = False, after: float = 0) -> ParagraphStyle:
    name = f"{FONT}-Bold" if bold else FONT
    return ParagraphStyle(f"{size}{bold}", fontName=name, fontSize=size, leading=size * 1.35, spaceAfter=after)


def summary(material: Material) -> bytes:
    """Return the PDF of a bundle."""
    _register()
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=LETTER,
        title=f"Permission to contact {material.address}",
        author="MedCRM",
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        invariant=True,
    )
    document.build(list(_story(material)))
    return buffer.getvalue()


def _story(material: Material) -> Iterable[Flowable]:
    yield Paragraph(_text(f"Permission to contact {material.address}"), _style(16, bold=True, after=6))
    yield Paragraph(
        _text(
            f"As of {_when(material.at)}. {len(material.events)} ledger events, {len(material.attempts)} attempts. "
            + ("The chain is whole." if material.is_whole else "THE CHAIN OF THIS ADDRESS DOES NOT HOLD.")
        ),
        _style(9, after=10),
    )
    yield from _section("What was permitted", _permission(material), [30, 30, 35, 80])
    yield from _section("What happened", _events(material), [32, 95, 48])
    yield from _section("Every attempt, refused ones too", _attempts(material), [32, 45, 98])
    yield Paragraph("What the person was shown", _style(12, bold=True, after=4))
    for disclosure in material.disclosures:
        yield Paragraph(_text(f"{disclosure} · SHA-256 {disclosure.sha256}"), _style(7, bold=True))
        yield Paragraph(_text(disclosure.text), _style(8, after=6))
    head = material.events[-1].hash if material.events else "no events"
    yield Paragraph(_text(f"Head of the chain: {head}"), _style(7))


def _permission(material: Material) -> list[list[str]]:
    rows = [["Channel", "Permission", "Level", "Reason and dates"]]
    for view in material.permission:
        dates = [f"since {_when(view.since)}" if view.since else "", f"until {_when(view.expires_at)}"]
        told = " ".join([view.code, dates[0], dates[1] if view.expires_at else ""]).strip()
        rows.append([view.channel, view.state, view.level, told])
    return rows


def _events(material: Material) -> list[list[str]]:
    rows = [["When", "What", "Written down"]]
    for event in material.events:
        said = words.said(event)
        told = words.tell(event) + (f" “{said}”" if said else "")
        by = f" by {event.by.get_username()}" if event.by else ""
        rows.append([_when(event.occurred_at), told, f"{_when(event.recorded_at)}{by} {event.source}"])
    return rows


def _attempts(material: Material) -> list[list[str]]:
    rows = [["When", "How", "Decision"]]
    for attempt in material.attempts[-ATTEMPTS_SHOWN:]:
        how = f"{attempt.get_channel_display()}, {attempt.get_purpose_display().lower()}"
        rows.append([_when(attempt.at), how, f"{attempt.code}: {attempt.sentence} ({attempt.get_state_display()})"])
    return rows


def _section(title: str, rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterable[Flowable]:
    yield Paragraph(title, _style(12, bold=True, after=4))
    if len(rows) == 1:
        yield Paragraph("Nothing on record.", _style(8, after=8))
        return
    cells = [[Paragraph(_text(cell), _style(7, bold=not place)) for cell in row] for place, row in enumerate(rows)]
    table = Table(cells, colWidths=[width * mm for width in widths], repeatRows=1)
    grid = ("GRID", (0, 0), (-1, -1), 0.4, LINE)
    head = ("BACKGROUND", (0, 0), (-1, 0), HEAD)
    table.setStyle(TableStyle([grid, head, ("VALIGN", (0, 0), (-1, -1), "TOP")]))
    yield table
    yield Spacer(1, 8)


def _when(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def _text(text: object) -> str:
    """Escape markup; characters the font lacks are shown as a question mark, the JSON has them all."""
    return escape(str(text).encode("cp1252", "replace").decode("cp1252"))
