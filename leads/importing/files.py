"""What does this file hold? CSV or XLSX in any usual encoding, staged as one JSON list per line.

The staged file is what runs read: a position in it is a byte offset, so a run that was interrupted goes on with one
seek, and a million rows need no more memory than one.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import TextIO

import openpyxl
from django.conf import settings
from openpyxl.utils.exceptions import InvalidFileException

from medcrm.lib.errors import RuleError
from medcrm.lib.spreadsheet import FORMULA_STARTS, printable

CELL_LIMIT = 64 * 1024  # characters; more is a file that is broken, as by a quote that is never closed
KEPT_OF_HUGE = 2_000  # what the reject file shows of such a cell
HEADER_COLUMNS = 500
SHARED_STRINGS_LIMIT = 80 * 1024 * 1024  # bytes unpacked; openpyxl keeps them all in memory
UNPACKED = 5  # times the largest file: sheets shrink to a tenth, a file that is a trap to a thousandth
DELIMITERS = ",;\t|"
BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
TRIED = ("utf-8", "cp1252", "latin-1")
OURS = ("import_row", "import_reason")
"""Columns a reject file adds; read again they are left out."""

MAILBOX = re.compile(r"^[^\s@]+@[^\s@.]+\.[^\s@]+$")
SIGNS_OF_PHONES = re.compile(r"[\s().+-]+")

csv.field_size_limit(64 * 1024 * 1024)


class UnreadableFile(RuleError):
    def __init__(self, message: str) -> None:
        super().__init__("UNREADABLE_FILE", message, field="file")


@dataclass(frozen=True)
class Reading:
    """How a file is read, and what its first rows say."""

    format: str
    header: Sequence[str]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    sample: Sequence[Sequence[str]] = field(default=())

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def look(path: Path, *, samples: int = 5) -> Reading:
    """Read the header and the first rows. Raise UnreadableFile."""
    if is_xlsx(path):
        with _sheet(path) as (name, rows):
            header, sample = _top(rows, samples)
        return Reading("xlsx", _names(header), sheet=name, sample=sample)
    encoding = _encoding(path)
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        text = stream.read(CELL_LIMIT)
    try:
        delimiter = _delimiter(text)
        header, sample = _top(_cells(io.StringIO(text, newline=""), delimiter), samples)
    except csv.Error as error:
        raise UnreadableFile(f"The first rows cannot be read ({error}). Check their quotes.") from None
    return Reading("csv", _names(header), encoding, delimiter, sample=sample)


def is_xlsx(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(8)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile("This is an old or protected Excel file. Save it as .xlsx or .csv and send it again.")
    return start.startswith(b"PK\x03\x04")


def stage(path: Path, reading: Reading) -> tuple[Path, int]:
    """Write every row as a JSON list, its row number in front; return the file and the number of rows.

    Whole or not at all: written beside its place and moved there when complete.
    """
    for encoding in (
        (reading.encoding, *TRIED[TRIED.index(reading.encoding) + 1 :])
        if reading.encoding in TRIED
        else (reading.encoding,)
    ):
        try:
            return _stage(path, reading, encoding)
        except UnicodeDecodeError:
            continue  # not what its beginning looked like
    raise UnreadableFile("The characters of this file cannot be read. Save it as “CSV UTF-8” and send it again.")


def _stage(path: Path, reading: Reading, encoding: str) -> tuple[Path, int]:
    staged = staged_path(path)
    partial = staged.with_name(f"{staged.name}.{os.getpid()}")
    width, count = len(reading.header), 0
    try:
        with partial.open("w", encoding="utf-8") as out, _rows(path, reading, encoding) as rows:
            next(rows, None)
            for number, cells in enumerate(rows, start=2):
                if any(cells):
                    out.write(json.dumps([number, *_fit(cells, width)], ensure_ascii=False) + "\n")
                    count += 1
        partial.replace(staged)
    except csv.Error as error:
        raise UnreadableFile(f"After row {count + 1} the file cannot be read ({error}). Check its quotes.") from None
    finally:
        partial.unlink(missing_ok=True)
    return staged, count


def staged_path(path: Path) -> Path:
    """Where the rows of a file are kept as the import reads them, beside the file."""
    return path.with_name(path.name + ".rows")


def delete(path: Path) -> None:
    """Delete a file and what was staged of it, by a killed process too; also if somebody did that before."""
    for each in (path, *path.parent.glob(f"{glob.escape(staged_path(path).name)}*")):
        each.unlink(missing_ok=True)


def read(staged: Path, position: int, limit: int) -> tuple[list[tuple[int, list[str]]], int]:
    """Up to `limit` rows from a byte offset as (row number, cells), and the offset behind them."""
    rows: list[tuple[int, list[str]]] = []
    with staged.open("rb") as stream:
        stream.seek(position)
        for line in stream:
            number, *cells = json.loads(line)
            rows.append((number, cells))
            position += len(line)
            if len(rows) == limit:
                break
    return rows, position


def _fit(cells: list[str], width: int) -> list[str]:
    """Drop empty cells behind the last column; cells that are too many stay, so that the row is refused."""
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    return cells


@contextmanager
def _rows(path: Path, reading: Reading, encoding: str) -> Iterator[Iterator[list[str]]]:
    if reading.format == "xlsx":
        with _sheet(path) as (_name, rows):
            yield rows
        return
    with path.open(encoding=encoding, newline="") as stream:
        yield _cells(stream, reading.delimiter)


def _cells(stream: TextIO, delimiter: str) -> Iterator[list[str]]:
    """Row by row; the stream must keep line ends as they are, so that any of the three ends a row."""
    return csv.reader((printable(line) for line in stream), delimiter=delimiter)


@contextmanager
def _sheet(path: Path) -> Iterator[tuple[str, Iterator[list[str]]]]:
    """The first sheet that holds anything, row by row, as text."""
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
        strings = next((part.file_size for part in parts if part.filename.endswith("sharedStrings.xml")), 0)
        unpacked = sum(part.file_size for part in parts)
        if strings > SHARED_STRINGS_LIMIT or unpacked > UNPACKED * settings.IMPORT_MAX_BYTES:
            raise UnreadableFile("This workbook holds too much text to be read as such. Save it as “CSV UTF-8”.")
        book = openpyxl.load_workbook(path, read_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, OSError) as error:
        raise UnreadableFile(f"This workbook cannot be opened ({error}). Save it anew, or as “CSV UTF-8”.") from None
    try:
        sheet = next((s for s in book.worksheets if s.sheet_state == "visible"), book.worksheets[0])
        sheet.reset_dimensions()  # some programs write a wrong size
        yield sheet.title, ([as_text(value) for value in row] for row in sheet.iter_rows(values_only=True))
    finally:
        book.close()


def as_text(value: object) -> str:
    """A cell of a workbook as a person would have typed it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return printable(str(value))


def _top(rows: Iterator[list[str]], samples: int) -> tuple[list[str], list[list[str]]]:
    header = next(rows, [])
    sample = [[cell[:80] for cell in cells] for cells, _n in zip(rows, range(samples), strict=False)]
    while header and not header[-1].strip():
        header.pop()
    if not any(cell.strip() for cell in header):
        raise UnreadableFile("The first row holds no column names. Put them into the first row and send it again.")
    if is_somebody(header):
        raise UnreadableFile(
            "The first row holds a phone number or an e-mail instead of column names. Put the names above it."
        )
    if len(header) > HEADER_COLUMNS:
        raise UnreadableFile(f"The file has {len(header)} columns; at most {HEADER_COLUMNS} are read.")
    return header, sample


def is_somebody(header: Sequence[str]) -> bool:
    """Whether what should be the names of columns is the first person of the file: a mailbox or a number names none."""
    return any(MAILBOX.match(cell.strip()) or _is_number(cell) for cell in header)


def _is_number(cell: str) -> bool:
    digits = SIGNS_OF_PHONES.sub("", cell)
    return len(digits) >= 10 and digits.isdigit()


def _names(header: Sequence[str]) -> list[str]:
    """Column names that are there and differ."""
    names: list[str] = []
    for place, cell in enumerate(header, start=1):
        name = " ".join(cell.split())[:80] or f"column {place}"
        if name[0] == "'" and name[1:].startswith(FORMULA_STARTS):
            name = name[1:]  # the apostrophe is ours, from a reject file
        while name in names:
            name += " (2)"
        names.append(name)
    return names


def _encoding(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(CELL_LIMIT)
    for bom, encoding in BOMS.items():
        if start.startswith(bom):
            return encoding
    if len(start) > 3 and start[1::2][:200].count(0) > len(start[1::2][:200]) / 2:
        return "utf-16-le"
    if len(start) > 3 and start[0::2][:200].count(0) > len(start[0::2][:200]) / 2:
        return "utf-16-be"
    for encoding in TRIED:
        try:
            start[:-4].decode(encoding)
        except UnicodeDecodeError as error:
            if error.end >= len(start) - 8:  # a character cut in half at the end of what was looked at
                return encoding
            continue
        return encoding
    return TRIED[-1]


def _delimiter(text: str) -> str:
    """The one that parts the header into most columns."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return max(
        DELIMITERS, key=lambda mark: (len(next(csv.reader([line], delimiter=mark), [])), -DELIMITERS.index(mark))
    )
