"""What is handed out when somebody asks for proof? A ZIP with everything about one address as of a moment.

It can be checked without this product: verify.py inside needs only Python's standard library [contact_rules 13].
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from consent import ledger, pdf, verify
from consent.checkpoints import export as export_checkpoint
from consent.models import Address, Attempt, CheckpointHead, ConsentEvent, Disclosure, ExportLog
from consent.models.ledger import OWN_LANGUAGE
from consent.vocabulary import ExportKind
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

VERIFY_SCRIPT = Path(__file__).parent / "data" / "verify_bundle.py"
README = """Evidence about {address}, as of {at:%Y-%m-%d %H:%M:%S} UTC.

summary.pdf        to read
events.json        every ledger event, as hashed, with its personal values where they were not erased
decisions.json     every attempt at contact with the decision behind it, refused ones too
permission.json    what was permitted at that moment
disclosures/       the texts as they were shown; disclosures.json says which is which
chain.json         the head of the chain, and the last signed checkpoint that covers it
verify.py          run it here: python3 verify.py
"""


@dataclass(frozen=True)
class Evidence:
    """A finished bundle."""

    name: str
    content: bytes
    sha256: str


@dataclass(frozen=True)
class Material:
    """Everything that goes into a bundle."""

    address: Address
    at: datetime
    events: list[ConsentEvent]
    attempts: list[Attempt]
    disclosures: list[Disclosure]
    permission: tuple[Any, ...]
    is_whole: bool


@transaction.atomic
def export(address: Address, *, as_of: datetime, at: datetime, by: AbstractBaseUser | None, reason: str) -> Evidence:
    """Build the bundle of an address as of a moment and log who took it and why."""
    demand_reason(reason)
    material = gather(address, at=as_of)
    files = _files(material)
    files["manifest.json"] = _json({name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())})
    content = _zip(files, as_of)
    made = Evidence(f"evidence-{address.pk}-{as_of:%Y%m%dT%H%M%SZ}.zip", content, hashlib.sha256(content).hexdigest())
    ExportLog.objects.create(
        at=at, by=by, kind=ExportKind.EVIDENCE, address=address, as_of=as_of, sha256=made.sha256, reason=reason[:200]
    )
    return made


def demand_reason(reason: str) -> None:
    """Raise RuleError unless it is said for whom and why something leaves."""
    if not reason.strip():
        raise RuleError("REASON_MISSING", _("Say for whom and why."), field="reason")


def gather(address: Address, *, at: datetime) -> Material:
    """Collect what was on record at a moment: the chain up to the last event written down by then."""
    events = list(address.events.select_related("values", "disclosure", "by").order_by("seq"))
    known = max((event.seq for event in events if event.recorded_at <= at), default=0)
    events = [event for event in events if event.seq <= known]
    shown = {event.disclosure_id: event.disclosure for event in events if event.disclosure}
    return Material(
        address=address,
        at=at,
        events=events,
        attempts=list(address.attempts.filter(at__lte=at).select_related("seller", "by").order_by("at", "pk")),
        disclosures=list(shown.values()),
        permission=ledger.permission(address, at=at, known_at=at),
        is_whole=verify.verify([address.pk]).is_whole,
    )


def _files(material: Material) -> dict[str, bytes]:
    address = material.address
    texts = {f"disclosures/{_name(d)}.txt": d for d in material.disclosures}
    return {
        "README.txt": README.format(address=address, at=material.at.astimezone(UTC)).encode(),
        "summary.pdf": pdf.summary(material),
        "events.json": _json(list(_events(material))),
        "decisions.json": _json([_attempt(attempt) for attempt in material.attempts]),
        "permission.json": _json([vars(view) for view in material.permission]),
        "disclosures.json": _json([_disclosure(name, d) for name, d in texts.items()]),
        "chain.json": _json(_chain(material)),
        "verify.py": VERIFY_SCRIPT.read_bytes(),
        **{name: d.text.encode() for name, d in texts.items()},
    }


def _events(material: Material) -> Iterable[Mapping[str, object]]:
    canonical = hashed_fields(material.address.pk)
    for event in material.events:
        values = getattr(event, "values", None)
        yield {
            "hashed": canonical[event.seq],
            "prev_hash": event.prev_hash,
            "hash": event.hash,
            "values": {"salt": values.salt, "body": values.body} if values else None,
        }


def hashed_fields(address_id: int) -> dict[int, list[tuple[str, str | None]]]:
    """Return per link the fields exactly as the database hashed them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.seq, convert_to(consent_event_canonical(e), 'UTF8') FROM consent_consentevent e "
            "WHERE e.address_id = %s",
            [address_id],
        )
        return {seq: parse(bytes(text)) for seq, text in cursor.fetchall()}


def parse(text: bytes) -> list[tuple[str, str | None]]:
    """Take the canonical form of a row apart: name, length in bytes or a dash, value."""
    fields: list[tuple[str, str | None]] = []
    while text:
        name, length, rest = text.split(b":", 2)
        size = 0 if length == b"-" else int(length)
        fields.append((name.decode(), None if length == b"-" else rest[:size].decode()))
        text = rest[size + 1 :]
    return fields


def _attempt(attempt: Attempt) -> Mapping[str, object]:
    names = [f.attname for f in Attempt._meta.concrete_fields if f.attname not in ("by_id",)]
    by = attempt.by.get_username() if attempt.by else attempt.automation
    return {**{name: getattr(attempt, name) for name in names}, "by": by}


def _name(disclosure: Disclosure) -> str:
    spoken = "" if disclosure.language == OWN_LANGUAGE else f"-{disclosure.language}"
    return f"{disclosure.code}-v{disclosure.version}{spoken}"


def _disclosure(file: str, disclosure: Disclosure) -> Mapping[str, object]:
    names = ("code", "version", "language", "sha256", "level", "channels", "purposes", "elements", "created_at")
    return {"id": str(disclosure.pk), "file": file, **{name: getattr(disclosure, name) for name in names}}


def _chain(material: Material) -> Mapping[str, object]:
    """The head, and the newest checkpoint that saw this chain, with its signature."""
    head = material.events[-1] if material.events else None
    sealed = (
        CheckpointHead.objects.filter(keyed_hash=material.address.keyed_hash, checkpoint__taken_at__lte=material.at)
        .select_related("checkpoint")
        .order_by("-checkpoint_id")
        .first()
    )
    return {
        "keyed_hash": material.address.keyed_hash,
        "as_of": material.at,
        "length": head.seq if head else 0,
        "head_hash": head.hash if head else "",
        "is_whole": material.is_whole,
        "checkpoint": export_checkpoint(sealed.checkpoint, keyed_hash=sealed.keyed_hash) if sealed else None,
    }


def _json(data: object) -> bytes:
    return json.dumps(data, indent=1, default=_plain, ensure_ascii=False).encode()


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _zip(files: Mapping[str, bytes], at: datetime) -> bytes:
    """Pack in one order with one date, so that the same evidence is the same file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, at.astimezone(UTC).timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()
