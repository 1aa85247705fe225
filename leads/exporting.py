"""How does data leave as a file? Asked with a reason, written in the background, fetched by a link that expires.

A person gets no more rows and no fuller fields than the screens show: the scope of leads is that of the one who asks,
numbers and mailboxes are shortened for roles that may not take them out.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import openpyxl
import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import AbstractBaseUser
from django.core import signing
from django.core.files import File
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from audit.log import MOST_SUBJECTS
from audit.log import write as log_access
from consent.models import Attempt, ConsentEvent
from leads.models import Export, Inquiry, Interaction, Lead
from leads.models.importing import private_files
from leads.visibility import visible
from medcrm.lib import bell
from medcrm.lib.errors import RuleError
from medcrm.lib.masking import mask
from medcrm.lib.redaction import where
from medcrm.lib.spreadsheet import harmless

log = structlog.get_logger(__name__)

WORK = "medcrm.tasks.export_due"
LIVES = timedelta(hours=24)
DRAFTS = "exports/drafts"
DRAFTS_LIVE = timedelta(hours=2)  # twice as long as any process may write one
SALT = "medcrm.export"
SHEET_ROWS = 1_048_575  # what a worksheet holds below its header
FULL = "leads.export_contacts_lead"
CONTACT = frozenset({"phone__value", "email__value", "address__value"})
FREE = frozenset(
    {"question", "next_action", "organisation", "referring_provider", "text"}
)  # in which people write numbers too
Row = Sequence[object]


@dataclass(frozen=True)
class What:
    """Something that can be taken out: its columns as paths, its rows for one person, and the right it takes."""

    code: str
    label: Promise | str
    permission: str
    columns: Sequence[str]
    about: tuple[str, str]  # whose row it is: the kind of person's row, and its path
    rows: Callable[[AbstractBaseUser, Mapping[str, object]], QuerySet]


def _leads(user: AbstractBaseUser, filters: Mapping[str, object]) -> QuerySet:
    first = Inquiry.objects.filter(lead=OuterRef("pk"), status=Inquiry.Status.ACCEPTED).order_by("pk")
    leads = Lead.objects.filter(visible(user), merged_into=None, **filters).order_by("pk")
    return leads.annotate(campaign=Subquery(first.values("campaign")[:1]))


def _timeline(user: AbstractBaseUser, filters: Mapping[str, object]) -> QuerySet:
    return Interaction.objects.filter(visible(user, "lead__"), **filters).order_by("pk")


WHATS = {
    what.code: what
    for what in (
        What(
            "leads",
            _("Leads"),
            "leads.export_lead",
            (
                "public_id lead_type source campaign first_name last_name phone__value email__value zip city state"
                " language age service preferred_clinic request question timing urgency payer referring_provider"
                " organisation organisation_type specialty care_setting npi sites contact_role clinic_size budget score"
                " score_band fit readiness stage cycle decision next_step hold_reason stop_reason team owner__username"
                " next_action next_action_due_at is_test created_at"
            ).split(),
            ("leads.lead", "pk"),
            _leads,
        ),
        What(
            "timeline",
            _("Timeline of leads"),
            "leads.export_lead",
            "lead__public_id kind direction at by__username disposition service count text".split(),
            ("leads.lead", "lead"),
            _timeline,
        ),
        What(
            "consent",
            _("Consent events"),
            "consent.export_address",
            (
                "address__kind address__value address__keyed_hash seq kind occurred_at recorded_at effective_at"
                " expires_at channels purposes level sellers scope verdict fresh_opt_in disclosure source hash"
            ).split(),
            ("consent.address", "address"),
            lambda user, filters: ConsentEvent.objects.filter(**filters).order_by("address_id", "seq"),
        ),
        What(
            "attempts",
            _("Attempts at contact"),
            "consent.export_address",
            (
                "address__kind address__value address__keyed_hash seller channel purpose subject at state kind code"
                " sentence rules_version outcome by__username automation settled_at"
            ).split(),
            ("consent.address", "address"),
            lambda user, filters: Attempt.objects.filter(**filters).order_by("pk"),
        ),
    )
}
# What an export may be narrowed by; nothing else gets into a query.
FILTERS = {
    "leads": ("stage", "source", "team", "service", "lead_type", "created_at__gte", "created_at__lt"),
    "timeline": ("kind", "at__gte", "at__lt"),
    "consent": ("kind", "recorded_at__gte", "recorded_at__lt"),
    "attempts": ("channel", "at__gte", "at__lt"),
}


def offered(user: AbstractBaseUser) -> list[What]:
    """What this person may take out."""
    return [what for what in WHATS.values() if user.has_perm(what.permission)]


@transaction.atomic
def ask(
    what_code: str,
    format: str,
    *,
    reason: str,
    by: AbstractBaseUser,
    at: datetime,
    filters: Mapping[str, object] | None = None,
) -> Export:
    """Order an export; the row is its log. Raise RuleError without the right or a reason."""
    what = WHATS.get(what_code)
    if what is None or not by.has_perm(what.permission):
        raise RuleError(
            "NOT_YOURS_TO_EXPORT", gettext("Your role may not take this out. Ask compliance."), field="what"
        )
    if not reason.strip():
        raise RuleError("REASON_MISSING", gettext("Say for whom and why."), field="reason")
    given = {name: value for name, value in (filters or {}).items() if value not in ("", None)}
    for name in given:
        if name not in FILTERS[what.code]:
            raise RuleError(
                "UNKNOWN_FILTER", gettext("“%(name)s” cannot narrow this export.") % {"name": name}, field=name
            )
    export = Export.objects.create(
        what=what.code,
        format=format,
        filters=given,
        reason=reason.strip()[:200],
        is_masked=not by.has_perm(FULL),
        by=by,
        asked_at=at,
    )
    export.file.name = _place_of(export)  # before there is anything, so that no crash leaves a file nobody knows of
    export.save(update_fields=["file"])
    bell.ring(WORK)
    return export


@transaction.atomic
def keep_report(name: str, table: bytes, *, rows: int, reason: str, by: AbstractBaseUser, at: datetime) -> Export:
    """Log that the figures of a report leave as a file, which is kept as long as that of any export.

    Raise RuleError without a reason.
    """
    if not reason.strip():
        raise RuleError("REASON_MISSING", gettext("Say for whom and why."), field="reason")
    export = Export(
        what=f"report_{name}", format=Export.Format.CSV, reason=reason.strip()[:200], by=by, asked_at=at, ready_at=at,
        state=Export.State.READY, expires_at=at + LIVES, rows=rows, sha256=hashlib.sha256(table).hexdigest(),
    )  # fmt: skip
    export.save()
    export.file.save(f"{export.what}-{export.pk}.csv", ContentFile(table))
    return export


def work_due(*, at: datetime) -> bool:
    """Write one export that waits and that nobody else is writing; say whether there was one.

    Whatever goes wrong ends this export with a sentence: those behind it must not wait for it for ever.
    """
    with transaction.atomic():
        waiting = Export.objects.filter(state=Export.State.WAITING).select_for_update(skip_locked=True, of=("self",))
        export = waiting.order_by("asked_at").select_related("by").first()
        if export is None:
            return False
        try:
            with transaction.atomic():
                _write(export, at)
        except RuleError as error:
            _fail(export, error.message)
        except SoftTimeLimitExceeded:
            _fail(export, _t("It took too long. Choose a later beginning, or take it out as CSV or JSON."))
        except Exception as error:  # noqa: BLE001 - its words may quote a person, so only where it broke is written
            log.error("export_failed", export=export.pk, error=type(error).__name__, where=where(error))
            sentence = _t("It stopped by an error (%(error)s). Try another format, or tell who runs MedCRM.")
            _fail(export, sentence % {"error": type(error).__name__})
        export.save()
    return True


def _fail(export: Export, problem: str) -> None:
    """End it, and leave no file of people behind that no link and no expiry knows."""
    if export.file:
        export.file.delete(save=False)
    export.state, export.problem = Export.State.FAILED, problem[:300]


def expire(*, at: datetime) -> int:
    """Delete the files whose time is over, their rows stay as the log; and what killed processes left half written."""
    for draft in _drafts().iterdir():
        if draft.stat().st_mtime < (at - DRAFTS_LIVE).timestamp():
            shutil.rmtree(draft, ignore_errors=True)
    old = list(Export.objects.filter(state=Export.State.READY, expires_at__lte=at)[:500])
    for export in old:
        export.file.delete(save=False)
        export.state = Export.State.EXPIRED
        export.save()
    return len(old)


def token_of(export: Export) -> str:
    return signing.dumps({"export": export.pk}, salt=SALT)


def open_by(token: str, *, user: AbstractBaseUser, at: datetime) -> Export:
    """The export a link is for. Raise RuleError for a link that is forged, old, or another person's.

    The right is asked again: a role may be gone since the export was asked for.
    """
    try:
        pk = signing.loads(token, salt=SALT, max_age=LIVES)["export"]
    except signing.BadSignature:
        raise RuleError("LINK_INVALID", gettext("This link is not valid any more. Ask for the export again.")) from None
    export = Export.objects.filter(pk=pk, by=user.pk).first()
    if export is None or export.state != Export.State.READY or export.expires_at is None or export.expires_at <= at:
        raise RuleError("LINK_INVALID", gettext("This link is not valid any more. Ask for the export again."))
    what = WHATS.get(export.what)
    if what and not (user.has_perm(what.permission) and (export.is_masked or user.has_perm(FULL))):
        raise RuleError("NOT_YOURS_TO_EXPORT", _t("Your role may not take this out any more. Ask compliance."))
    return export


# Writing


def _write(export: Export, at: datetime) -> None:
    what = WHATS[export.what]
    names = [name.replace("__value", "").replace("__", "_") for name in what.columns]
    model, path = what.about
    rows = what.rows(export.by, export.filters).values_list(path, *what.columns).iterator(chunk_size=2000)
    shown = _shown(_noted(rows, export, model, at), what.columns, is_masked=export.is_masked)
    with tempfile.TemporaryDirectory(dir=_drafts()) as folder:
        path = Path(folder) / f"file.{export.format}"
        export.rows = WRITERS[export.format](path, names, shown)
        export.sha256 = hashlib.file_digest(path.open("rb"), "sha256").hexdigest()
        _store(export, path)
    export.state, export.ready_at, export.expires_at = Export.State.READY, at, at + LIVES


def _drafts() -> Path:
    """Where files are written before they are whole: with all others that hold people, never in a public /tmp."""
    folder = Path(private_files().path(DRAFTS))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _noted(rows: Iterable[Row], export: Export, model: str, at: datetime) -> Iterator[Row]:
    """Write into the access log whom the file shows, by the hundreds, and hand on the rows without their first column.

    Each person is noted once, so that a million rows of a timeline are no more than the people in it.
    """
    seen: set[int] = set()
    fresh: list[str] = []

    def note() -> None:
        log_access("export", at=at, user=export.by, model=model, subjects=fresh, query=f"leads.export:{export.pk}")

    for key, *row in rows:
        if key not in seen:
            seen.add(key)
            fresh.append(f"{model}:{key}")
        if len(fresh) == MOST_SUBJECTS:
            note()
            fresh = []
        yield row
    if fresh:
        note()


def _store(export: Export, path: Path) -> None:
    """Put the file where its row said since it was asked for, over what a crash may have left there."""
    name = export.file.name or _place_of(export)
    storage = export.file.storage
    storage.delete(name)
    with path.open("rb") as stream:
        export.file.name = storage.save(name, File(stream))


def _place_of(export: Export) -> str:
    return export.file.field.generate_filename(export, f"{export.what}-{export.pk}.{export.format}")


def _shown(rows: Iterable[Row], columns: Sequence[str], *, is_masked: bool) -> Iterator[list[object]]:
    hide = {name: shortened for name in CONTACT} | {name: _masked for name in FREE}
    hidden = {place: hide[name] for place, name in enumerate(columns) if is_masked and name in hide}
    for row in rows:
        yield [hidden[place](value) if place in hidden else value for place, value in enumerate(row)]


def _masked(value: object) -> object:
    return mask(value) if isinstance(value, str) else value


def shortened(value: object) -> str:
    """Enough of a number or mailbox to tell two people apart: “•••-0142”, “a•••@example.org”."""
    text = "" if value is None else str(value)
    name, at_sign, domain = text.partition("@")
    return f"{name[:1]}•••@{domain}" if at_sign else text and f"•••-{text[-4:]}"


def as_cell(value: object) -> object:
    """What a spreadsheet gets: plain values, and no text that it would run as a formula."""
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | dict):
        return str(value)
    return harmless(value)


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        for row in rows:
            writer.writerow(["" if cell is None else as_cell(cell) for cell in row])
            count += 1
    return count


def write_xlsx(path: Path, names: Sequence[str], rows: Iterable[Row]) -> int:
    """A workbook, streamed; a further sheet where one is full."""
    book, count = openpyxl.Workbook(write_only=True), 0
    sheet = book.create_sheet()
    sheet.append(list(names))
    for row in rows:
        if count and count % SHEET_ROWS == 0:
            sheet = book.create_sheet()
            sheet.append(list(names))
        sheet.append([as_cell(cell) for cell in row])
        count += 1
    book.save(path)
    return count


def write_json(path: Path, names: Sequence[str], rows: Iterable[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as out:
        out.write("[")
        for row in rows:
            out.write(",\n" if count else "\n")
            json.dump(dict(zip(names, row, strict=True)), out, default=str, ensure_ascii=False)
            count += 1
        out.write("\n]\n")
    return count


WRITERS: Mapping[str, Callable[[Path, Sequence[str], Iterable[Row]], int]] = {
    Export.Format.CSV.value: write_csv,
    Export.Format.XLSX.value: write_xlsx,
    Export.Format.JSON.value: write_json,
}
