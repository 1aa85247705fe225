"""Synthetic rows of an import with planted faults: the same for tests and benchmarks, the n-th row always the same."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path

HEADER = [
    "First Name", "Last Name", "Phone", "Email", "ZIP Code", "Service", "Clinic", "When", "Request", "Insurance", "Age",
    "Existing patient", "Question", "Created", "Consent", "Consent date", "Consent wording", "Consent URL",
]  # fmt: skip
FIRST = [
    "Ana",
    "Ben",
    "Chi",
    "Dora",
    "Eli",
    "Fay",
    "Gus",
    "Hana",
    "Ivo",
    "Jo",
    "Kai",
    "Lena",
    "Max",
    "Nia",
    "Omar",
    "Pia",
]
ZIPS = ["78701", "78704", "78664", "79901", "73102", "32801", "10001", "60601", "94103", "02134"]
SERVICES = ["ortho", "Physical therapy", "derm", "cardio", "MRI imaging"]
CLINICS = ["aus", "Round Rock", "elp", "okc", ""]
TIMINGS = ["two_weeks", "not_sure", "", "next_quarter"]
AREAS = ["512", "737", "405", "321", "212", "312", "415", "617", "206", "303"]

# name → (column, cell, code in the reject file)
FAULTS: dict[str, tuple[int, str, str]] = {
    "letters for a phone": (2, "call me", "INVALID_PHONE"),
    "phone too short": (2, "555-01", "INVALID_PHONE"),
    "phone rounded by a spreadsheet": (2, "5.12555E+09", "PHONE_ROUNDED"),
    "e-mail without a host": (3, "someone@", "INVALID_EMAIL"),
    "letters in the ZIP": (4, "78x01", "INVALID_ZIP"),
    "unknown service": (5, "Teleportation", "NOT_IN_CATALOGUE"),
    "unknown request": (8, "everything", "NOT_A_CHOICE"),
    "age in words": (10, "forty", "NOT_A_NUMBER"),
    "age out of range": (10, "412", "OUT_OF_RANGE"),
    "date that is none": (13, "31/31/2026", "INVALID_DATE"),
    "date in the future": (13, "2099-01-01", "DATE_IN_FUTURE"),
    "formula in a name": (0, "=HYPERLINK(A1)", "FORMULA"),
    "name too long": (1, "x" * 200, "TOO_LONG"),
    "consent without proof": (17, "", "CONSENT_WITHOUT_PROOF"),
    "no address at all": (-1, "", "NO_ADDRESS"),
    "a comma too many": (-2, "", "TOO_MANY_CELLS"),
}
EVERY = 100  # three of each hundred rows carry a fault
PLACES = (7, 41, 88)


def fault_of(number: int) -> str:
    """The fault planted in the n-th row, blank for most."""
    if number % EVERY not in PLACES:
        return ""
    planted = number // EVERY * len(PLACES) + PLACES.index(number % EVERY)
    return list(FAULTS)[planted % len(FAULTS)]


def row(number: int) -> list[str]:
    """The n-th row. Every 20th repeats a person 10 rows back; a third carries consent with its proof."""
    person = number - 10 if number % 20 == 15 and not fault_of(number - 10) and not fault_of(number) else number
    pick = random.Random(person)
    phone = f"{AREAS[person % 10]}{200 + person // 10 % 700:03d}{person // 7000 % 10000:04d}"
    look = person % 4
    shown = [
        phone,
        f"({phone[:3]}) {phone[3:6]}-{phone[6:]}",
        f"+1 {phone[:3]}-{phone[3:6]}-{phone[6:]}",
        f"{phone}.0",
    ][look]
    has_mail, has_consent = person % 5 < 3, number % 3 == 0
    fault = fault_of(number)
    if fault == "consent without proof":
        has_consent = True
    cells = [
        FIRST[person % 16], f"Person{person}", shown, f"p{person}@example.org" if has_mail else "", pick.choice(ZIPS),
        pick.choice(SERVICES), pick.choice(CLINICS), pick.choice(TIMINGS), "appointment" if person % 2 else "info",
        pick.choice(["ppo", "hmo", "Medicare", "Self-pay", ""]), str(18 + person % 70), pick.choice(["yes", "no", ""]),
        "Do you have mornings, or evenings?" if person % 7 == 0 else "",
        f"2026-{1 + person % 9:02d}-{1 + person % 28:02d}" if person % 2 else "",
        "voice, sms" if has_consent else "", "2026-10-05" if has_consent else "", "",
        f"https://forms.example.org/proof/{number}" if has_consent else "",
    ]  # fmt: skip
    if fault:
        place, cell, _code = FAULTS[fault]
        if place == -1:
            cells[2] = cells[3] = ""
            cells[14] = cells[15] = cells[17] = ""
        elif place == -2:
            cells.append("surplus")
        else:
            cells[place] = cell
    return cells


def rows(count: int) -> Iterator[list[str]]:
    return map(row, range(1, count + 1))


def write(path: Path, count: int, *, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    with path.open("w", encoding=encoding, newline="") as out:
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerow(HEADER)
        writer.writerows(rows(count))
    return path


def planted(count: int) -> dict[int, str]:
    """Spreadsheet row number → the code its refusal must carry."""
    return {number + 1: FAULTS[fault][2] for number in range(1, count + 1) if (fault := fault_of(number))}
