"""How does a certificate of erasure read on paper?"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from html import escape

from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

STYLES = getSampleStyleSheet()


def certificate(body: Mapping[str, object]) -> bytes:
    """Return the certificate as a PDF; the JSON with the same hash is what a machine checks."""
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=LETTER,
        title="Certificate of erasure",
        author="MedCRM",
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        invariant=True,
    )
    document.build(list(_story(body)))
    return buffer.getvalue()


def _story(body: Mapping[str, object]) -> Iterable[Flowable]:
    yield _text("Certificate of erasure", "Title")
    for name in ("certificate", "reason", "requested_at", "erased_at", "erased_by"):
        yield _text(f"{name.replace('_', ' ').capitalize()}: {body[name] or 'not yet'}")
    yield from _list("Leads, by pseudonym", {str(lead): "" for lead in _rows(body["leads"])})
    yield from _list("Addresses, by keyed hash", {str(name): "" for name in _rows(body["addresses_as_keyed_hashes"])})
    yield from _list("Rows found", dict(body["found"]))  # type: ignore[call-overload]
    yield from _list("Rows emptied or deleted", dict(body["emptied"]))  # type: ignore[call-overload]
    yield from _list("What stays, and why", dict(body["kept"]))  # type: ignore[call-overload]
    yield Spacer(1, 6 * mm)
    yield _text(f"SHA-256 of the JSON without this line: {body['sha256']}", "Code")


def _rows(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _list(title: str, rows: Mapping[str, object]) -> Iterable[Flowable]:
    yield _text(title, "Heading3")
    if rows:
        yield Table(
            [[_text(name), _text(value)] for name, value in rows.items()], colWidths=[75 * mm, 95 * mm], hAlign="LEFT"
        )
    else:
        yield _text("None.")


def _text(value: object, style: str = "BodyText") -> Paragraph:
    return Paragraph(escape(str(value)), STYLES[style])
