"""How does a file go in, and out again? The run is a row; each chunk moves its position in its own transaction.

Whatever process holds the run's lock does the next chunk, so any number of workers, a crash or a second bell do no
harm: a chunk is written whole with its position, or not at all.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.files import File
from django.db import DataError, IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from leads.importing import ahead, files, kinds, refusing, releasing
from leads.importing.files import OURS, UnreadableFile
from leads.importing.kinds import Kind, Outcome, Row
from leads.models import ImportMapping, ImportRun
from leads.models.importing import ImportPhase as Phase
from medcrm.lib import bell
from medcrm.lib.errors import InvalidTransition, RuleError
from medcrm.lib.moments import said
from medcrm.lib.redaction import where
from medcrm.lib.spreadsheet import harmless

log = structlog.get_logger(__name__)

WORK = "medcrm.tasks.import_due"
PREVIEWED = 20
FILES_LIVE = timedelta(days=30)  # after the last thing that was done with the import
NOTHING = Q(pk__in=[])
WITH_PEOPLE = ~Q(file="") | ~Q(preview=[]) | Q(reading__sample__0__isnull=False)
READING = (Phase.CHECKING, Phase.IMPORTING)
# From where each verb may be said.
MAY = {
    Phase.CHECKING: (Phase.UPLOADED, Phase.CHECKED, Phase.CANCELLED, Phase.FAILED),
    Phase.IMPORTING: (Phase.UPLOADED, Phase.CHECKED, Phase.CANCELLED, Phase.FAILED),
    Phase.RELEASING: (Phase.IMPORTED,),
    Phase.UNDOING: (Phase.IMPORTED, Phase.RELEASED, Phase.RELEASING, Phase.CANCELLED, Phase.FAILED),
    Phase.CANCELLED: (Phase.CHECKING, Phase.IMPORTING),
}
DONE = {
    Phase.CHECKING: Phase.CHECKED,
    Phase.IMPORTING: Phase.IMPORTED,
    Phase.RELEASING: Phase.RELEASED,
    Phase.UNDOING: Phase.UNDONE,
}


Held = Callable[[], Sequence[int]]
"""Which leads may not go now, by key."""


def upload(
    kind_code: str,
    file: File | BinaryIO,
    name: str,
    *,
    at: datetime,
    by: AbstractBaseUser | None = None,
    options: Mapping[str, object] | None = None,
) -> ImportRun:
    """Keep a file and look into it; nothing is imported yet. Raise UnreadableFile."""
    kind = kinds.kind_of(kind_code)
    digest, size = hashlib.sha256(), 0
    for chunk in iter(lambda: file.read(1 << 20), b""):
        digest.update(chunk)
        size += len(chunk)
        if size > settings.IMPORT_MAX_BYTES:
            most = settings.IMPORT_MAX_BYTES // 1_000_000
            raise UnreadableFile(_("The file is larger than %(most)d MB. Send it in parts.") % {"most": most})
    file.seek(0)
    if not size:
        raise UnreadableFile("The file is empty. Choose another one.")
    run = ImportRun(
        kind=kind.code,
        file_name=Path(name).name[:200],
        sha256=digest.hexdigest(),
        size=size,
        options=dict(options or {}),
        by=by,
        created_at=at,
    )
    run.file.save(f"{run.sha256[:16]}{Path(name).suffix.lower()[:6]}", File(file), save=False)
    try:
        reading = files.look(Path(run.file.path))
        run.reading = reading.as_json()
        run.mapping, remembered = propose(kind, reading.header)
        run.options = {**remembered, **run.options}
        run.save()
    except Exception:  # without its row nothing would know of the file and its people
        run.file.delete(save=False)
        raise
    return run


def propose(kind: Kind, header: Sequence[str]) -> tuple[dict[str, str], dict[str, object]]:
    """The saved mapping that knows every column, or guesses by the columns' names; and the options kept with it."""
    asked = {column for column in header if column not in OURS}
    for saved in ImportMapping.objects.filter(kind=kind.code).order_by("-saved_at")[:100]:
        if asked <= set(saved.columns):
            return {column: saved.columns.get(column, "") for column in header}, saved.options
    return kinds.guess(kind, header), {}


@transaction.atomic
def start(
    run_id: int,
    *,
    is_dry: bool,
    at: datetime,
    mapping: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
    save_as: str = "",
    again: bool = False,
) -> ImportRun:
    """Set the run to be checked or imported from its first row, or from where it was cancelled. Locks the run.

    Raise RuleError for a mapping that cannot be, an option that is missing, or a file that was imported before.
    """
    run = ImportRun.objects.select_for_update().get(pk=run_id)
    kind = kinds.kind_of(run.kind)
    phase = Phase.CHECKING if is_dry else Phase.IMPORTING
    _check(run, phase)
    if not run.file:
        raise RuleError("FILE_GONE", _("The file of this import was deleted meanwhile. Upload it again."))
    goes_on = not is_dry and wrote(run)
    if not goes_on:
        mapping = run.mapping if mapping is None else mapping
        run.mapping = kinds.check_mapping(kind, run.reading["header"], mapping)
        run.options = {**run.options, **{name: value for name, value in (options or {}).items() if value}}
        for option in kind.options:
            if option.is_required and not run.options.get(option.name):
                raise RuleError(
                    "OPTION_MISSING", _("Choose: %(option)s.") % {"option": option.label}, field=option.name
                )
        if not is_dry and not again:
            _refuse_same_file(run)
        run.position, run.row, run.counts, run.preview, run.started_at = 0, 0, {}, [], at
        run.rows.all().delete()
    if save_as:
        ImportMapping.objects.update_or_create(
            kind=run.kind, name=save_as[:80], defaults={"columns": run.mapping, "options": run.options, "saved_at": at}
        )
    _move(run, phase, at)
    return run


def _refuse_same_file(run: ImportRun) -> None:
    same = ImportRun.objects.filter(sha256=run.sha256, kind=run.kind, counts__has_key="written").exclude(pk=run.pk)
    earlier = same.exclude(phase=Phase.UNDONE).first()
    if earlier:
        raise RuleError(
            "SAME_FILE",
            _("This very file was imported on %(day)s. Undo that one first, or send what is new.")
            % {"day": said(earlier.created_at)},
        )


@transaction.atomic
def cancel(run_id: int, *, at: datetime) -> ImportRun:
    """Stop after the chunk under way; what is in stays in until it is undone, and the run can go on later."""
    run = ImportRun.objects.select_for_update().get(pk=run_id)
    _check(run, Phase.CANCELLED)
    run.phase, run.due_at, run.finished_at = Phase.CANCELLED, None, at
    run.save()
    return run


@transaction.atomic
def release(run_id: int, *, at: datetime) -> ImportRun:
    """Put the leads of a finished import on the road, at a pace that keeps fresh inquiries ahead of them."""
    run = ImportRun.objects.select_for_update().get(pk=run_id)
    _check(run, Phase.RELEASING)
    if not kinds.kind_of(run.kind).makes_leads:
        raise RuleError("NOTHING_TO_RELEASE", _("This kind of import holds nothing back; it is in force already."))
    run.position, run.row = 0, 0
    _move(run, Phase.RELEASING, at)
    return run


@transaction.atomic
def undo(run_id: int, *, at: datetime) -> ImportRun:
    """Take a whole import out again, as far as nothing else has touched what it made; what stays is said with why."""
    run = ImportRun.objects.select_for_update().get(pk=run_id)
    _check(run, Phase.UNDOING)
    if kinds.kind_of(run.kind).undo_chunk is None:
        raise RuleError("NO_UNDO", _("This kind of import cannot be undone. Import a corrected file instead."))
    if not wrote(run):
        raise RuleError("NOTHING_WRITTEN", _("Nothing of this file was written, so there is nothing to undo."))
    run.position, run.row, run.undo_counts = 0, 0, {}
    run.rows.filter(phase=Phase.UNDOING).delete()
    _move(run, Phase.UNDOING, at)
    return run


def wrote(run: ImportRun) -> bool:
    """Whether anything of the file went in, which a check never lets happen."""
    return bool(run.counts.get("written"))


# Files


def expire_files(*, at: datetime, kept: Q = NOTHING) -> int:
    """Delete the files of imports that nothing has been done with for a month; what they did stays in its rows.

    `kept` are runs that a litigation hold keeps.
    """
    before = at - FILES_LIVE
    return _drop(Q(finished_at__lt=before) | Q(finished_at=None, created_at__lt=before), kept)


def drop_files(wanted: Q, *, kept: Q = NOTHING) -> int:
    """Delete the files of these runs, unless the import is under way or `kept`."""
    return _drop(wanted, kept)


def _drop(wanted: Q, kept: Q) -> int:
    """Delete the files, then forget where they were and what of them was shown; return how many files there were.

    A crash in between leaves no file. Locks the runs.
    """
    with transaction.atomic():
        mine = list(ImportRun.objects.filter(WITH_PEOPLE, wanted, due_at=None).exclude(kept).select_for_update())
        had_files = sum(bool(run.file) for run in mine)
        for run in mine:
            if run.file:
                files.delete(Path(run.file.path))
            run.file, run.preview = "", []
            _forget_first_rows(run)
            run.save(update_fields=["file", "preview", "reading", "mapping"])
    return had_files


def _forget_first_rows(run: ImportRun) -> None:
    """Leave of the file's beginning only the names of its columns, and not even those if they are somebody."""
    header = run.reading.get("header", [])
    if files.is_somebody(header):
        names = [f"column {place}" for place, _cell in enumerate(header, start=1)]
        run.mapping = {new: run.mapping.get(old, "") for old, new in zip(header, names, strict=True)}
        header = names
    run.reading = {**run.reading, "header": header, "sample": []}


def _check(run: ImportRun, phase: str) -> None:
    if run.phase not in MAY[Phase(phase)]:
        raise InvalidTransition(run.get_phase_display(), Phase(phase).label)


def _move(run: ImportRun, phase: str, at: datetime) -> None:
    run.phase, run.due_at, run.problem, run.finished_at = phase, at, "", None
    run.save()
    bell.ring(WORK)


# Work


def work_due(*, at: datetime, held: Held = tuple) -> bool:
    """Do one chunk of one run that is due and that nobody else is at; say whether there was one.

    `held` says whose leads a litigation hold keeps; it is asked before each part of an undo.
    """
    due = ImportRun.objects.filter(due_at__lte=at).order_by("due_at", "pk")
    for run_id in list(due.values_list("pk", flat=True)[:10]):
        if work_on(run_id, at=at, held=held):
            return True
    return False


def work_on(run_id: int, *, at: datetime, held: Held = tuple) -> bool:
    """Do the next chunk of a run; say whether anything was done. Locks the run, or leaves it to who has it locked."""
    try:
        return _work_on(run_id, at, held)
    except RuleError as error:
        _fail(run_id, error.message, at)
    except FileNotFoundError:
        _fail(run_id, _("The file of this import is not there any more. Upload it again."), at)
    except SoftTimeLimitExceeded:
        _fail(run_id, _("This step took too long. Save the file as “CSV UTF-8” or in parts, and send that."), at)
    except (ValueError, KeyError, OSError, MemoryError, DataError, IntegrityError, BadZipFile, ParseError) as error:
        # Its words may quote a cell, so neither log nor page repeats them.
        log.error("import_failed", run=run_id, error=type(error).__name__, where=where(error))
        problem = _("It stopped by an error (%(error)s). Start it again; if it stops too, tell who runs MedCRM.")
        _fail(run_id, problem % {"error": type(error).__name__}, at)
    return True


def _fail(run_id: int, problem: str, at: datetime) -> None:
    ImportRun.objects.filter(pk=run_id).update(
        phase=Phase.FAILED, due_at=None, finished_at=at, problem=problem.splitlines()[0][:300]
    )


@transaction.atomic
def _work_on(run_id: int, at: datetime, held: Held) -> bool:
    run = ImportRun.objects.select_for_update(skip_locked=True).filter(pk=run_id, due_at__isnull=False).first()
    if run is None:
        return False
    if run.phase in READING:
        has_more = _read_on(run, at)
    elif run.phase == Phase.RELEASING:
        has_more = releasing.release_chunk(run, at=at)
    else:
        undo_chunk = kinds.kind_of(run.kind).undo_chunk
        has_more = undo_chunk is not None and undo_chunk(run, at=at, held=held())
    if not has_more:
        run.phase, run.due_at, run.finished_at = DONE[Phase(run.phase)], None, at
        if run.phase == Phase.IMPORTED:
            run.reading["sample"] = []  # nobody says any more what its columns are
    run.save()
    return True


def _read_on(run: ImportRun, at: datetime) -> bool:
    """Take the next rows of the staged file; stage it first if this is the first time."""
    path = Path(run.file.path)
    staged = files.staged_path(path)
    if run.rows_total is None or not staged.exists():
        staged, run.rows_total = files.stage(path, _reading(run))
        return True
    kind = kinds.kind_of(run.kind)
    if kind.take_whole and run.phase == Phase.IMPORTING:
        outcome = kind.take_whole(run, staged, at)
        refused = {"rejected": outcome.reasons.total(), "reasons": dict(outcome.reasons)} if outcome.reasons else {}
        run.counts, run.row = {**outcome.counts, **refused, "written": run.rows_total}, run.rows_total
        return False
    rows, position = ahead.chunk(kind, run, staged, at=at)
    if not rows:
        return False
    is_dry = run.phase == Phase.CHECKING
    outcome = _take(kind, run, [row for row in rows if not row.problems], at, is_dry)
    ahead.read_on(kind, run, staged, position, at=at)
    for row in rows:
        row.read = None  # it names its row, and such pairs would wait for the collector
    reasons = refusing.keep(run, rows)
    run.counts = dict(
        Counter({k: v for k, v in run.counts.items() if k != "reasons"})
        + outcome.counts
        + Counter(rejected=reasons.total(), **({} if is_dry else {"written": len(rows)}))
    ) | {"reasons": dict(Counter(run.counts.get("reasons", {})) + reasons)}
    run.preview = (run.preview + outcome.told)[:PREVIEWED]
    run.position, run.row = position, rows[-1].number
    return True


def _take(kind: Kind, run: ImportRun, rows: list[Row], at: datetime, is_dry: bool) -> Outcome:
    """Take rows; where the database refuses one, halve until it is found, so that the others still go in."""
    if not rows:
        return Outcome()
    try:
        with transaction.atomic():
            return kind.take(run, rows, at, is_dry)
    except (DataError, IntegrityError) as error:
        for row in rows:
            row.problems.clear()
        if len(rows) == 1:
            rows[0].refuse("DATABASE_REFUSED", "", f"The database refuses this row: {str(error).splitlines()[0][:200]}")
            return Outcome()
        half = len(rows) // 2
        one, other = (_take(kind, run, part, at, is_dry) for part in (rows[:half], rows[half:]))
        return Outcome(one.counts + other.counts, one.told + other.told)


def _reading(run: ImportRun) -> files.Reading:
    return files.Reading(**run.reading)


# The reject file


def rejected_file(run: ImportRun) -> Iterator[str]:
    """The rows that were not taken, as CSV with their row number and reason, to be mended and sent again."""
    header = [column for column in run.reading["header"] if column not in OURS]
    kept = [place for place, column in enumerate(run.reading["header"]) if column not in OURS]
    yield "\ufeff" + _line([*map(harmless, header), *OURS])
    phases = (Phase.CHECKING,) if run.phase in (Phase.CHECKING, Phase.CHECKED) else (Phase.IMPORTING,)
    for row in run.rows.filter(phase__in=phases).order_by("row").iterator(chunk_size=2000):
        cells = [row.cells[place] if place < len(row.cells) else "" for place in kept]
        surplus = row.cells[len(run.reading["header"]) :]
        reasons = harmless("; ".join(in_words(problem) for problem in row.problems))
        yield _line([*map(harmless, cells), str(row.row), reasons, *map(harmless, surplus)])


def in_words(problem: Mapping[str, str]) -> str:
    where = f"{problem['field'].replace('_', ' ')}: " if problem["field"] else ""
    return f"{where}{problem['sentence']} [{problem['code']}]"


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
