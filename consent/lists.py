"""Which numbers may not be called? Streams a registry's file into a new version of its list."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import QuerySet

from consent.models import ListEntry, ListSnapshot
from consent.vocabulary import ListKind
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

CHUNK = 20_000  # lines per write to the server
VERSIONS_KEPT = 2  # entries of older versions go; their snapshot rows, which decisions name, stay
SHRINK_ALLOWED = 0.5  # a list that lost half its numbers is more likely a broken file
DIGITS = re.compile(r"\D+")
# One number and nothing else, as registries and people write it; “5.12555E+09” is what a spreadsheet left of one.
LINE = re.compile(
    r"[\s\"]*\+?(?:1[ .,-]?)?\(?([2-9]\d\d)[\s.,;)\"-]*([2-9]\d\d)[ .-]?(\d{4})(?:[\s\",;]\D*)?", re.ASCII
)
BAD_LINES_KEPT = 50


@dataclass
class Loaded:
    """What came of a file; `bad` maps line numbers to what was wrong."""

    snapshot: ListSnapshot
    lines: int = 0
    numbers: int = 0
    bad_count: int = 0
    bad: dict[int, str] = field(default_factory=dict)


class ListRefused(RuleError):
    """The file would make the list worse; nothing was changed."""


@transaction.atomic
def load(
    file: Path,
    *,
    kind: str,
    state: str = "",
    version: str = "",
    taken_at: datetime,
    by: AbstractBaseUser | None = None,
    force: bool = False,
) -> Loaded:
    """Load a file as a new version, all or nothing; lines that are no number are reported and left out.

    Raise ListRefused for a version that is there already or older than the one in use, an empty file or one half as
    long as the version before.
    """
    version = version or file.name
    if ListSnapshot.objects.filter(kind=kind, state=state, version=version).exists():
        raise ListRefused("LIST_VERSION_EXISTS", f"Version “{version}” is loaded already. Name another version.")
    before = _loaded(kind, state).first()
    if before and taken_at < before.taken_at and not force:
        raise ListRefused(
            "LIST_OLDER",
            f"Version “{before.version}” of {before.taken_at:%Y-%m-%d} is newer and stays in use. Load the registry's "
            "newest file, or this one with --force.",
        )
    snapshot = ListSnapshot.objects.create(kind=kind, state=state, version=version, taken_at=taken_at, by=by)
    loaded = Loaded(snapshot)
    sha256 = _copy(file, loaded)
    if not force and (not loaded.numbers or before and loaded.numbers < before.entries_count * SHRINK_ALLOWED):
        had = f"{before.entries_count:,}" if before else "no"
        raise ListRefused(
            "LIST_TOO_SHORT",
            f"The file has {loaded.numbers:,} numbers, the version before {had}. Check the file, or load with --force.",
        )
    snapshot.entries_count, snapshot.sha256 = loaded.numbers, sha256
    snapshot.save(update_fields=["entries_count", "sha256"])
    _drop_old(kind, state)
    return loaded


def _copy(file: Path, loaded: Loaded) -> str:
    """Stream the file by COPY through a temporary table that drops doubles; return the file's hash."""
    digest = hashlib.sha256()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE incoming_number (number bigint) ON COMMIT DROP")
        with cursor.copy("COPY incoming_number FROM STDIN") as copy:
            for chunk in _chunks(file, digest, loaded):
                copy.write(chunk)
        cursor.execute(
            "INSERT INTO consent_listentry (snapshot_id, number) "
            "SELECT %s, number FROM incoming_number GROUP BY number ORDER BY number",
            [loaded.snapshot.pk],
        )
        loaded.numbers = cursor.rowcount
        cursor.execute("DROP TABLE incoming_number")
    return digest.hexdigest()


def _chunks(file: Path, digest: hashlib._Hash, loaded: Loaded) -> Iterator[str]:
    chunk: list[str] = []
    with file.open("rb") as stream:
        for raw in stream:
            digest.update(raw)
            loaded.lines += 1
            number = _number(raw)
            if number:
                chunk.append(number)
            elif raw.strip() and not (loaded.lines == 1 and not DIGITS.sub("", raw.decode("latin-1"))):
                _report(loaded, raw)
            if len(chunk) >= CHUNK:
                yield "\n".join(chunk) + "\n"
                chunk = []
    if chunk:
        yield "\n".join(chunk) + "\n"


def _number(raw: bytes) -> str:
    """Return the number of a line as digits with the country code: “512,5550100”, “5125550100”, “+1 512 555 0100”."""
    found = LINE.fullmatch(raw.decode("latin-1"))
    return "1" + "".join(found.groups()) if found else ""


def _report(loaded: Loaded, raw: bytes) -> None:
    loaded.bad_count += 1
    if len(loaded.bad) < BAD_LINES_KEPT:
        shown = raw.decode("latin-1").strip()[:40]
        loaded.bad[loaded.lines] = f"“{shown}” is not a ten-digit number"


def _drop_old(kind: str, state: str) -> None:
    old = list(_loaded(kind, state).values_list("pk", flat=True)[VERSIONS_KEPT:])
    ListEntry.objects.filter(snapshot_id__in=old).delete()


def _loaded(kind: str, state: str) -> QuerySet[ListSnapshot]:
    """The versions that came from a file, the newest first."""
    return ListSnapshot.objects.filter(kind=kind, state=state).exclude(sha256="").order_by("-taken_at", "-pk")


__all__ = ["ListKind", "ListRefused", "Loaded", "load"]
