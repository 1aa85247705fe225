"""Consent with its proof, open slots, documents and do-not-call lists, through the services that staff use."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from consent import addresses, ledger, lists, noting
from consent.ledger import Entry
from consent.models import Address, Disclosure, Seller
from consent.vocabulary import CheckResult, LineType, ListKind, Scope
from leads.importing import cells, files, kinds, refusing, releasing
from leads.importing.cells import CellError
from leads.importing.kinds import Field, Kind, Option, Outcome, Row
from leads.importing.leads import ERASED, source_tag, zones
from leads.importing.reading_leads import CHANNEL_WORDS, disclosures, words
from leads.models import Clinic, Document, ImportRun, Lead, Offering, ServiceLine
from leads.serializers import CHANNELS
from leads.services import events
from leads.submission import EMAIL, PHONE
from leads.vocabulary import DocumentState

WHO = (
    Field("phone", _("Phone"), ("telephone", "phone number", "mobile", "cell", "number")),
    Field("email", _("E-mail"), ("email address", "mail")),
)
ZONE = Option("timezone", _("Time zone of dates"), zones, help_text=_("For dates without a zone."))


def parse(row: Row, parsers: Mapping[str, object]) -> dict[str, object]:
    """The row's values; what is wrong is added to its problems."""
    found: dict[str, object] = {}
    for name, text in row.cells.items():
        if text and name in parsers:
            try:
                found[name] = parsers[name](text)  # type: ignore[operator]
            except CellError as error:
                row.refuse(error.code, name, error.sentence)
    return found


# Consent

HAPPENED = {"grant": "grant", "consent": "grant", "opt in": "grant", "revoke": "revoke", "withdrawal": "revoke",
            "opt out": "revoke", "stop": "revoke", "do not call": "internal_dnc", "dnc": "internal_dnc",
            "internal_dnc": "internal_dnc"}  # fmt: skip


@dataclass
class Claim:
    """What a row says was permitted or withdrawn, and the addresses that it says it of."""

    row: Row
    values: Mapping[str, object]
    pairs: list[tuple[str, str]]


def take_consent(run: ImportRun, rows: list[Row], at: datetime, is_dry: bool) -> Outcome:
    """Write each row to the ledger: a grant only with date, text and proof, a withdrawal in its widest reading."""
    zone = str(run.options.get("timezone") or settings.TIME_ZONE)
    texts = disclosures()

    def shown(text: str) -> Disclosure:
        if text.casefold() not in texts:
            raise CellError("UNKNOWN_TEXT", f"“{text[:40]}” is no disclosure on file; write e.g. “consult v1”.")
        return texts[text.casefold()]

    def channels(text: str) -> list[str]:
        return [cells.choice(part, CHANNEL_WORDS) for part in cells.several(text)]

    parsers = {
        "phone": cells.phone,
        "email": cells.email,
        "happened": partial(cells.choice, known=HAPPENED),
        "channels": channels,
        "happened_at": partial(cells.past, zone=zone, at=at),
        "consent_text": shown,
        "proof": partial(cells.text_of, limit=500),
    }
    seller = str(run.options.get("seller") or "")
    claims = [claim for row in rows if (claim := _claim(row, parse(row, parsers), seller)) and not row.problems]
    claims = _without_erased(claims)
    outcome = Outcome()
    for claim in claims:
        outcome.counts["granted" if claim.values.get("happened", "grant") == "grant" else "withdrawn"] += 1
    if is_dry:
        return outcome
    held = addresses.lock_addresses({pair for claim in claims for pair in claim.pairs})
    entries = [entry for claim in claims for entry in _entries(run, claim, held)]
    ledger.record_many(entries, at=at)
    return outcome


def _without_erased(claims: list[Claim]) -> list[Claim]:
    """Refuse consent of somebody who was erased: a file is no fresh act. A withdrawal is taken, it only adds to it."""
    named = addresses.named(pair for claim in claims for pair in claim.pairs)
    rows = Address.objects.filter(keyed_hash__in=named, value=None)
    erased = {named[digest] for digest in rows.values_list("keyed_hash", flat=True)}
    for claim in claims:
        for pair in claim.pairs:
            if pair in erased and claim.values.get("happened", "grant") == "grant":
                claim.row.refuse("ERASED_ADDRESS", pair[0], ERASED)
    return [claim for claim in claims if not claim.row.problems]


def _claim(row: Row, values: dict[str, object], seller: str) -> Claim:
    pairs = [(kind, str(values[kind])) for kind in (PHONE, EMAIL) if values.get(kind)]
    if not pairs and not row.problems:
        row.refuse("NO_ADDRESS", PHONE, "Give the phone number or the e-mail address that this is about.")
    if values.get("happened", "grant") == "grant":
        for name in ("channels", "consent_text", "proof"):
            if not values.get(name) and not any(p.field == name for p in row.problems):
                row.refuse("CONSENT_WITHOUT_PROOF", name, "Consent needs its channels, the text shown and the proof.")
        _check_text(row, values, seller)
    return Claim(row, values, pairs)


def _check_text(row: Row, values: Mapping[str, object], seller: str) -> None:
    """A text proves consent for the channels it speaks of and for the company it names, nothing beyond [T03]."""
    shown = values.get("consent_text")
    if not isinstance(shown, Disclosure):
        return
    beyond = [name for name in values.get("channels") or () if name not in shown.channels]  # type: ignore[union-attr]
    if beyond:
        row.refuse("CONSENT_BEYOND_TEXT", "channels", f"{shown} does not speak of “{beyond[0]}”.")
    if seller and seller != shown.seller_id:
        row.refuse("CONSENT_OTHER_SELLER", "consent_text", f"{shown} names “{shown.seller_id}”, not the seller chosen.")


def _entries(run: ImportRun, claim: Claim, held: Mapping) -> list[ledger.Entry]:
    values, entries = claim.values, []
    evidence = {"import": run.sha256, "row": claim.row.number, "proof": values.get("proof", "")}
    kind = str(values.get("happened", "grant"))
    for pair in claim.pairs:
        common = {"occurred_at": values["happened_at"], "source": source_tag(run), "evidence": evidence, "by": run.by}
        asked = values.get("channels") or list(CHANNELS)
        mine = [c for c in asked if (c != EMAIL) == (pair[0] == PHONE)]  # type: ignore[attr-defined]
        address_id = held[pair].pk
        if not mine:
            continue
        if kind == "grant":
            entries.append(ledger.Entry(address_id, kind, channels=mine, disclosure=values["consent_text"], **common))
        elif pair[0] == EMAIL:
            entries.append(ledger.Entry(address_id, "email_unsub", **common))
        else:
            scope = Scope.EVERYTHING if kind == "internal_dnc" or "voice" in mine else Scope.ALL
            entries.append(ledger.Entry(address_id, kind, scope=scope.value, **common))
    return entries


def sellers() -> list[tuple[str, object]]:
    return list(Seller.objects.order_by("name").values_list("pk", "name"))


# What was looked up about numbers

ANSWERED = {
    **{"yes": CheckResult.YES, "reassigned": CheckResult.YES, "no": CheckResult.NO, "not reassigned": CheckResult.NO},
    **{"no data": CheckResult.NO_DATA, "no_data": CheckResult.NO_DATA},
}


LINES = {
    **{each.value.replace("_", " "): each for each in noting.LINES},
    **{"cell": LineType.MOBILE, "wireless": LineType.MOBILE, "fixed line": LineType.LANDLINE},
    **{"fixed": LineType.LANDLINE, "wireline": LineType.LANDLINE, "toll_free": LineType.TOLL_FREE},
}


def take_checks(run: ImportRun, rows: list[Row], at: datetime, is_dry: bool) -> Outcome:
    """Write what the Reassigned Numbers Database answered; a number that changed hands is left alone at once [T22]."""
    return _take_answers(run, rows, at, is_dry, ANSWERED, noting.check_entry, "numbers_checked")


def take_lines(run: ImportRun, rows: list[Row], at: datetime, is_dry: bool) -> Outcome:
    """Write what kind of line a carrier's lookup found each number to be [T20]."""
    return _take_answers(run, rows, at, is_dry, LINES, noting.line_entry, "lines_found")


def _take_answers(
    run: ImportRun,
    rows: list[Row],
    at: datetime,
    is_dry: bool,
    known: Mapping[str, str],
    entry: Callable[..., Entry],
    counted: str,
) -> Outcome:
    """Write what somebody who was asked about numbers answered."""
    zone = str(run.options.get("timezone") or settings.TIME_ZONE)
    parsers = {
        "phone": cells.phone,
        "result": partial(cells.choice, known=known),
        "checked_at": partial(cells.past, zone=zone, at=at),
    }
    read = [found for row in rows if (found := parse(row, parsers)) and not row.problems]
    outcome = Outcome()
    outcome.counts[counted] = len(read)
    if is_dry:
        return outcome
    held = addresses.lock_addresses({(PHONE, str(found["phone"])) for found in read})
    common = {"source": source_tag(run), "evidence": {"import": run.sha256}, "by": run.by}
    entries = [
        entry(held[PHONE, str(found["phone"])].pk, str(found["result"]), checked_at=found["checked_at"], **common)
        for found in read
    ]
    ledger.record_many(entries, at=at)
    return outcome


# Open slots and documents


def take_availability(run: ImportRun, rows: list[Row], at: datetime, is_dry: bool) -> Outcome:
    """Set open slots day by day; those that were added wake who waits."""
    services = words(ServiceLine.objects.values_list("pk", "name"))
    clinics = words(Clinic.objects.values_list("pk", "name"))
    offered = set(Offering.objects.values_list("service", "clinic"))
    parsers = {
        "service": partial(cells.code, known=services, what="services"),
        "clinic": partial(cells.code, known=clinics, what="clinics"),
        "date": cells.day,
        "open_slots": partial(cells.number, high=30_000),
    }
    outcome = Outcome()
    for row in rows:
        found = parse(row, parsers)
        if not row.problems and (found["service"], found["clinic"]) not in offered:
            row.refuse("NOT_OFFERED", "service", "This clinic does not offer this service. Add the offering first.")
        if row.problems:
            continue
        outcome.counts["days"] += 1
        if not is_dry:
            events.set_availability(found["service"], found["clinic"], found["date"], found["open_slots"], at=at)
    return outcome


def take_documents(run: ImportRun, rows: list[Row], at: datetime, is_dry: bool) -> Outcome:
    """Note where documents stand; one that arrived wakes the lead that waits for it."""
    known = words(Document.objects.values_list("pk", "name"))
    parsers = {
        "phone": cells.phone,
        "email": cells.email,
        "lead": partial(cells.text_of, limit=36),
        "document": partial(cells.code, known=known, what="documents"),
        "status": partial(cells.choice, known=words(DocumentState.choices)),
        "expires_on": cells.day,
    }
    outcome = Outcome()
    read = [(row, parse(row, parsers)) for row in rows]
    leads = _leads_of([found for _row, found in read])
    for row, found in read:
        mine = {leads[key] for key in _keys(found) if key in leads}
        if not row.problems and len(mine) != 1:
            row.refuse(
                "LEAD_UNCLEAR" if mine else "NO_LEAD", "lead", "Name the one lead by its id, or an address only it has."
            )
        if row.problems:
            continue
        outcome.counts["documents"] += 1
        if not is_dry:
            status = str(found.get("status", DocumentState.RECEIVED))
            events.record_document(
                mine.pop(), str(found["document"]), status=status, expires_on=found.get("expires_on"), by=run.by, at=at
            )
    return outcome


def _keys(found: Mapping[str, object]) -> list[str]:
    return [str(found[name]) for name in ("lead", "phone", "email") if found.get(name)]


def _leads_of(rows: list[dict[str, object]]) -> dict[str, int]:
    """Lead id, phone or e-mail → the lead, where only one has it; three queries."""
    wanted = {name: {str(found[name]) for found in rows if found.get(name)} for name in ("lead", "phone", "email")}
    ids = {text for text in wanted["lead"] if len(text) == 36 and text.count("-") == 4}
    found = {str(public): pk for public, pk in Lead.objects.filter(public_id__in=ids).values_list("public_id", "pk")}
    for name in (PHONE, EMAIL):
        rows_ = Lead.objects.filter(**{f"{name}__value__in": wanted[name]}, merged_into=None)
        seen: dict[str, list[int]] = {}
        for value, pk in rows_.values_list(f"{name}__value", "pk"):
            seen.setdefault(value, []).append(pk)
        found |= {value: pks[0] for value, pks in seen.items() if len(pks) == 1}
    return found


# Do-not-call lists


def listed(text: str) -> str:
    """A number that a list can hold, from what a spreadsheet made of it too; nothing is guessed."""
    value = cells.phone(text)
    if not value.startswith("+1"):
        raise CellError("NOT_A_US_NUMBER", f"“{text[:20]}” is no number of North America; these lists hold no others.")
    return value


def check_numbers(run: ImportRun, rows: list[Row], at: datetime, is_dry: bool) -> Outcome:
    """Read the numbers of a list; what is none is refused."""
    found = [parse(row, {"number": listed}) for row in rows]
    return Outcome(Counter(numbers=sum("number" in each for each in found)))


def take_list(run: ImportRun, staged: Path, at: datetime) -> Outcome:
    """Load the column of numbers as a new version of the list, all or nothing; rows without one are refused."""
    state = str(run.options.get("state") or "").upper()
    reasons: Counter[str] = Counter()
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as out:
        position = 0
        while True:
            raw, position = files.read(staged, position, 20_000)
            if not raw:
                break
            rows = kinds.open_rows(DNC, run.mapping, run.reading["header"], raw)
            for row in rows:
                if not row.problems and (number := parse(row, {"number": listed}).get("number")):
                    out.write(f"{number}\n")
            reasons += refusing.keep(run, rows)
        out.flush()
        loaded = lists.load(
            Path(out.name),
            kind=ListKind.STATE_DNC if state else ListKind.NATIONAL_DNC,
            state=state,
            version=str(run.options.get("version") or run.file_name)[:60],
            taken_at=cells.past(str(run.options["taken_on"]), zone=settings.TIME_ZONE, at=at)
            if run.options.get("taken_on")
            else at,
            by=run.by,
        )
    return Outcome(Counter(numbers=loaded.numbers), reasons=reasons)


kinds.register(
    Kind(
        "consent",
        _("Consent with its proof"),
        (
            *WHO,
            Field("happened", _("What happened"), ("event", "action", "type")),
            Field("channels", _("Channels"), ("channel",)),
            Field("happened_at", _("When"), ("date", "timestamp", "consent date", "consent at"), is_required=True),
            Field("consent_text", _("Text shown"), ("disclosure", "consent wording")),
            Field("proof", _("Where the proof is"), ("consent proof", "consent url", "url", "certificate")),
        ),
        take_consent,
        (Option("seller", _("Seller"), sellers, help_text=_("For whom consent was given.")), ZONE),
        undo_chunk=releasing.void_chunk,
    )
)
kinds.register(
    Kind(
        "number_checks",
        _("Reassigned-numbers checks"),
        (
            Field("phone", _("Phone"), ("number", "phone number", "telephone"), is_required=True),
            Field("result", _("Answer"), ("response", "reassigned", "status"), is_required=True),
            Field("checked_at", _("When"), ("date", "queried at", "date of query", "timestamp"), is_required=True),
        ),
        take_checks,
        (ZONE,),
    )
)
kinds.register(
    Kind(
        "line_types",
        _("Kinds of line"),
        (
            Field("phone", _("Phone"), ("number", "phone number", "telephone"), is_required=True),
            Field("result", _("Kind of line"), ("line type", "type", "carrier type"), is_required=True),
            Field("checked_at", _("When"), ("date", "looked up at", "timestamp"), is_required=True),
        ),
        take_lines,
        (ZONE,),
    )
)
kinds.register(
    Kind(
        "availability",
        _("Open slots"),
        (
            Field("service", _("Service"), ("service line",), is_required=True),
            Field("clinic", _("Clinic"), ("location", "site"), is_required=True),
            Field("date", _("Date"), ("day",), is_required=True),
            Field("open_slots", _("Open slots"), ("slots", "open", "available", "count"), is_required=True),
        ),
        take_availability,
    )
)
kinds.register(
    Kind(
        "documents",
        _("Documents"),
        (
            Field("lead", _("Lead id"), ("id", "lead id", "public id")),
            *WHO,
            Field("document", _("Document"), ("document type", "kind"), is_required=True),
            Field("status", _("Status"), ("state",)),
            Field("expires_on", _("Expires"), ("expiry", "expires", "valid until")),
        ),
        take_documents,
    )
)
DNC = kinds.register(
    Kind(
        "dnc",
        _("Do-not-call list"),
        (Field("number", _("Number"), ("phone", "phone number", "telephone", "do not call"), is_required=True),),
        check_numbers,
        (
            Option("state", _("State"), help_text=_("Two letters; blank for the national list.")),
            Option("version", _("Version"), help_text=_("As the registry names it; blank: the file's name.")),
            Option("taken_on", _("Date of the list"), help_text=_("e.g. 2026-11-16; blank: today.")),
        ),
        take_whole=take_list,
    )
)
