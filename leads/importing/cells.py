"""What does one cell say? A value, as people and spreadsheets write it, or a code and a sentence of help."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from consent import addresses
from consent.addresses import InvalidAddress
from medcrm.lib.npi import is_npi

LONG = 10_000  # characters; no cell of a person's record is longer
MARKS = frozenset("'=@+-")  # what begins a cell that is more than its text
FORMULA = re.compile(r"^[=@](?=\S)|^[+-](?=[A-Za-z(=@])")
EXPONENT = re.compile(r"^\+?(\d(?:[.,]\d+)?)[eE]\+?(\d{1,2})$")
TRAILING_ZERO = re.compile(r"^(\+?\d{7,15})[.,]0+$")
YES = frozenset({"yes", "y", "true", "t", "1", "x", "ja", "si", "sí"})
NO = frozenset({"no", "n", "false", "f", "0", "nein"})
DATES = ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d", "%b %d, %Y", "%d %b %Y")
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")


class CellError(Exception):
    """This cell cannot be used; the sentence says what to do."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row, for its line in the reject file."""

    code: str
    field: str
    sentence: str

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "field": self.field, "sentence": self.sentence}


def plain(cell: str) -> str:
    """The cell without what spreadsheets add: spaces, a leading apostrophe. Raise for formulas and whole books."""
    text = cell.strip()
    if not text or text[0] not in MARKS and len(text) <= LONG:
        return text
    if text[0] == "'":
        text = text[1:].strip()
    elif text[0] in "=@+-" and FORMULA.match(text):
        raise CellError(
            "FORMULA", "This cell holds a formula. Copy it and paste its value only, or start it with an apostrophe."
        )
    if len(text) > LONG:
        raise CellError("CELL_TOO_LARGE", "This cell holds a whole text. Often a quote before it is never closed.")
    return text


def phone(text: str) -> str:
    """A number in E.164, also from what a spreadsheet made of it; digits that it rounded away are not guessed."""
    found = EXPONENT.match(text)
    if found:
        digits, power = found[1].replace(",", ".").replace(".", ""), int(found[2])
        if len(digits) - 1 < power:
            raise CellError(
                "PHONE_ROUNDED",
                f"A spreadsheet rounded this number to “{text}”. Format the column as text and enter the number again.",
            )
        text = digits[: power + 1]
    elif zero := TRAILING_ZERO.match(text):
        text = zero[1]
    try:
        return addresses.normalise_phone(text)
    except InvalidAddress as error:
        raise CellError("INVALID_PHONE", error.message) from None


def email(text: str) -> str:
    """The mailbox in the form in which addresses are kept. Raise CellError."""
    try:
        return addresses.normalise_email(text.removeprefix("mailto:"))
    except InvalidAddress as error:
        raise CellError("INVALID_EMAIL", error.message) from None


ZIP = re.compile(r"^(\d{3,5})(?:-\d{4})?$")


def zip_code(text: str) -> str:
    """Five digits; zeros that a spreadsheet took from the front are put back."""
    found = ZIP.match(text.removesuffix(".0"))
    if not found or len(found[1]) < 5 and "-" in text:
        raise CellError("INVALID_ZIP", f"“{text[:20]}” is no ZIP. Five digits, e.g. 78701.")
    return found[1].zfill(5)


def npi(text: str) -> str:
    """The identifier of a provider, also where a spreadsheet took it for a number."""
    found = text.removesuffix(".0")
    if not is_npi(found):
        raise CellError("INVALID_NPI", f"“{text[:20]}” is no NPI. Ten digits with the check digit, e.g. 1234567893.")
    return found


def yes_no(text: str) -> bool:
    """Yes or no in the words that spreadsheets use. Raise CellError for any other word."""
    word = text.casefold()
    if word in YES:
        return True
    if word in NO:
        return False
    raise CellError("NOT_YES_OR_NO", f"“{text[:20]}” is neither yes nor no.")


def number(text: str, *, low: int = 0, high: int) -> int:
    """A whole number between the limits, both included; commas of thousands are no fault. Raise CellError."""
    try:
        value = int(text.removesuffix(".0").replace(",", ""))
    except ValueError:
        raise CellError("NOT_A_NUMBER", f"“{text[:20]}” is no whole number.") from None
    if not low <= value <= high:
        raise CellError("OUT_OF_RANGE", f"{value} is not between {low} and {high:,}.")
    return value


def code(text: str, known: Mapping[str, str], *, what: str) -> str:
    """A code of the catalogue, from the code or the name, in any case."""
    found = known.get(text.casefold())
    if found is None:
        raise CellError("NOT_IN_CATALOGUE", f"“{text[:40]}” is not in the catalogue of {what}; use one of its names.")
    return found


def choice(text: str, known: Mapping[str, str]) -> str:
    """The choice that this word stands for, in any case; `known` is by casefolded word. Raise CellError."""
    found = known.get(text.casefold())
    if found is None:
        raise CellError("NOT_A_CHOICE", f"“{text[:40]}” is not one of: {', '.join(sorted(set(known.values())))}.")
    return found


def text_of(text: str, *, limit: int) -> str:
    """The text as it is. Raise CellError where it is longer than the field: it is not cut."""
    if len(text) > limit:
        raise CellError("TOO_LONG", f"At most {limit} characters; this has {len(text)}.")
    return text


def past(text: str, *, zone: str, at: datetime) -> datetime:
    """An instant up to now; without a zone it is local time of the organisation, without a time it is noon."""
    moment = instant(text, zone)
    if moment > at + timedelta(days=1):
        raise CellError("DATE_IN_FUTURE", f"“{text[:30]}” lies in the future. Check day, month and year.")
    return min(moment, at)


@lru_cache(maxsize=4096)
def instant(text: str, zone: str) -> datetime:
    """A moment in UTC; one without a zone is on the clock of `zone`, a day alone is its noon. Raise CellError."""
    moment = _parse(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC)


@lru_cache(maxsize=4096)
def day(text: str) -> date:
    """A calendar day, ISO or American, whatever time stands with it. Raise CellError."""
    return _parse(text).date()


def _parse(text: str) -> datetime:
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), datetime.min.time().replace(hour=12))  # noqa: DTZ001 - a wall clock
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _american(text)
    if moment.year < 1900:
        raise CellError("INVALID_DATE", f"“{text[:30]}” is no date of ours. Write it like 2026-11-24.")
    return moment


def _american(text: str) -> datetime:
    for days in DATES:
        for clock in TIMES:
            try:
                moment = datetime.strptime(text, days + clock)  # noqa: DTZ007 - a wall clock
            except ValueError:
                continue
            return moment if clock else moment.replace(hour=12)
    raise CellError("INVALID_DATE", f"“{text[:30]}” is no date. Write it like 2026-11-24.")


def several(text: str) -> list[str]:
    """The parts of a list cell: “voice, sms”, “voice;sms”, “voice|sms”."""
    return [part.strip() for part in re.split(r"[,;|]", text) if part.strip()]
