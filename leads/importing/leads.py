"""How does a chunk of rows become leads? As intake does it, for thousands at once: match or open, record consent.

A constant number of statements per chunk, whatever its size. A row that matches a known lead attaches to it, fills
only what is blank there, and keeps its owner. Nothing here puts a lead on the road: that is the run's release.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from types import SimpleNamespace

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import UUID, uuid7

from consent import addresses, ledger
from consent.addresses import Held, Pair
from consent.models import Address
from consent.vocabulary import GrantChannel
from leads import targets
from leads.importing import kinds, releasing
from leads.importing.kinds import Kind, Option, Outcome, Row
from leads.importing.reading_leads import FIELDS, LEAD, Reader, Wanted, labels, source_of
from leads.models import Clinic, DocumentStatus, ImportRun, Inquiry, Interaction, Lead, Source
from leads.services import answers, merging
from leads.services.intake import TIMELINE_KINDS, VOICE_AND_TEXT, the_same
from leads.submission import EMAIL, PHONE
from leads.vocabulary import Direction, DocumentState, InteractionKind, LeadType, SourceKind
from medcrm.lib import copying, phones
from medcrm.lib.among import Among
from medcrm.lib.aside import aside

CHUNK = 2000  # a second or two of work between two commits; more costs memory and gains nothing
INQUIRY = copying.defaults(Inquiry)
OF_INQUIRY = ("public_id", "raw_body", "body_sha256", "lead_id", "is_repeat", "campaign")
INTERACTION = copying.defaults(Interaction)
# What an import may fill on a lead that is known already, where it is blank.
FILLED = merging.FACTS
NAMED = ("first_name", "last_name", "lead_type")
as_said = json.JSONEncoder(ensure_ascii=False).encode
OTHERS = merging.OTHER_SERVICES
VARY = ("id", "public_id", "lead_type", *FILLED, OTHERS, "language", "urgency", "created_at", "updated_at")


@dataclass
class Taken:
    """A row and what becomes of it."""

    wanted: Wanted
    lead: Lead | SimpleNamespace
    is_repeat: bool
    held: Sequence[Held]
    inquiry: UUID = field(default_factory=uuid7)
    filled: dict[str, object] = field(default_factory=dict)
    asks_also: bool = False  # for a service that the lead's story did not speak of


def take(run: ImportRun, rows: list[Row], at: datetime, is_dry: bool) -> Outcome:
    """Take a chunk of rows in; refuse those that say what cannot be. Locks addresses, then leads."""
    source = source_of(run)
    wanted: list[Wanted] = [row.read for row in rows]  # type: ignore[misc]
    named = {digest: pair for w in wanted for digest, pair in w.named.items()}
    held = _look_up(named) if is_dry else addresses.lock_many(named)
    wanted = [w for w in wanted if not _is_erased(w, held)]
    taken = _match(wanted, held, at)
    outcome = _count(taken)
    if is_dry:
        names = labels()
        outcome.told = [_tell(t, names) for t in taken[:20]]
        return outcome
    fresh = [t for t in taken if not t.is_repeat]
    ids = copying.next_ids(Lead, len(fresh))
    for t, pk in zip(fresh, ids, strict=True):
        t.lead.id = t.lead.pk = pk
    waiting = _waiting(taken)
    inquiry_ids = copying.next_ids(Inquiry, len(taken))
    events = ledger.made_ahead(_consent(run, source, taken, at), now=at)
    rows = aside(_prepare, run, source, taken, inquiry_ids, at)  # linking the ledger keeps the server busy meanwhile
    ledger.write(events)
    Lead.objects.filter(Among("id", waiting)).update(advance_due_at=None)
    for table in rows.result():
        table.write()
    _fill_known(taken)
    _write_documents(taken, at)
    return outcome


def _look_up(named: Mapping[str, Pair]) -> dict[Pair, Held]:
    """The addresses that are known, without making or locking any."""
    rows = Address.objects.filter(keyed_hash__in=named).values_list("keyed_hash", "pk", "kind", "value")
    return {named[digest]: Held(*row) for digest, *row in rows}


ERASED = "This person's data were erased at their wish. Leave the row out; they may ask anew."


def _is_erased(wanted: Wanted, held: Mapping[Pair, Held]) -> bool:
    """A person who was erased at their own wish does not come back by a file."""
    found = [kind for kind, value in wanted.pairs if (row := held.get((kind, value))) is not None and row.value is None]
    for kind in found:
        wanted.row.refuse("ERASED_ADDRESS", kind, ERASED)
    return bool(found)


# Match


def _newest(lead: Lead | SimpleNamespace) -> tuple[int, int]:
    """Leads of rows before it have no key yet; the later row is the newer lead, and newer than all that are known."""
    return (lead.place if isinstance(lead, SimpleNamespace) else -1, lead.pk or 0)


def _match(wanted: Sequence[Wanted], held: Mapping[Pair, Held], at: datetime) -> list[Taken]:
    """Find each row's lead among those known and those of rows before it, by the rule of the intake."""
    ids = [row.pk for row in held.values()]
    known: dict[int, list[Lead | SimpleNamespace]] = defaultdict(list)
    rows = Lead.objects.filter(Q(Among("phone_id", ids)) | Q(Among("email_id", ids)), merged_into=None)
    for lead in rows.lock():
        for address_id in {lead.phone_id, lead.email_id}:
            if address_id:
                known[address_id].append(lead)
    taken: list[Taken] = []
    news: dict[Pair, list[SimpleNamespace]] = defaultdict(list)
    for w in wanted:
        mine = [row for pair in w.pairs if (row := held.get(pair))]
        candidates = [lead for row in mine for lead in known[row.pk]]
        candidates += [lead for pair in w.pairs for lead in news.get(pair, ())]
        lead = the_same(candidates, w.fields, newest=_newest)
        is_repeat = lead is not None
        if lead is None:
            lead = SimpleNamespace(**vars(w.lead), place=len(taken))  # a copy: a refused chunk is taken again in parts
            _give_addresses(lead, w, held)
        filled = _fill(lead, w, held, at) if is_repeat else {}
        spoken_of, asked = lead.other_services, w.fields.get("service")
        if asked != lead.service_id:
            answers.note_other_service(lead, asked)
        for pair in w.pairs:
            news[pair].append(lead)
        taken.append(Taken(w, lead, is_repeat, mine, filled=filled, asks_also=lead.other_services != spoken_of))
    return taken


def _fill(lead: Lead | SimpleNamespace, wanted: Wanted, held: Mapping[Pair, Held], at: datetime) -> dict[str, object]:
    """Write what the row says on a known lead where nothing is said yet; return what was blank and is filled."""
    before = {name: getattr(lead, name) for name in FILLED}
    fields = {n: v for n, v in wanted.fields.items() if getattr(lead, _attribute(n), "-") in ("", None)}
    answers.write_fields(lead, fields, at=wanted.inquired_at or at, zone=settings.TIME_ZONE)
    if isinstance(lead, SimpleNamespace) and "timing" in fields:
        lead.timing_id = fields["timing"].pk
    _give_addresses(lead, wanted, held)
    return {name: getattr(lead, name) for name, old in before.items() if getattr(lead, name) != old}


def _give_addresses(lead: Lead | SimpleNamespace, wanted: Wanted, held: Mapping[Pair, Held]) -> None:
    """The row's own, where the lead has none of its kind."""
    for kind, value in wanted.pairs:
        address = held.get((kind, value))
        if address and not getattr(lead, f"{kind}_id"):
            setattr(lead, f"{kind}_id", address.pk)


def _attribute(name: str) -> str:
    target = targets.TARGETS.get(name)
    return "timing_id" if name == "timing" else (target.attribute if target else "") or name


def _count(taken: Sequence[Taken]) -> Outcome:
    outcome = Outcome()
    for t in taken:
        outcome.counts["repeated" if t.is_repeat else "created"] += 1
        outcome.counts["with_consent"] += bool(t.wanted.channels)
        outcome.counts["opted_out"] += bool(t.wanted.opted_out)
    return outcome


def _tell(taken: Taken, names: Mapping[tuple[str, str], str]) -> dict[str, object]:
    """One row of the preview, in words: `names` has what a field's code is called."""
    wanted, lead = taken.wanted, taken.lead
    who = f"{wanted.fields.get('first_name', '')} {wanted.fields.get('last_name', '')}".strip()
    told = [(n, str(value)) for n, value in wanted.fields.items() if n not in NAMED and not isinstance(value, bool)]
    facts = [names.get((name, value), value) for name, value in told]
    return {
        "row": wanted.row.number,
        "who": who or str(wanted.fields.get("organisation", "")),
        "addresses": " · ".join(phones.spoken(value) if kind == PHONE else value for kind, value in wanted.pairs),
        "facts": " · ".join(facts)[:160],
        "consent": ", ".join(str(GrantChannel(channel).label) for channel in wanted.channels),
        "becomes": "repeat" if taken.is_repeat else "new",
        "lead": str(lead.public_id) if taken.is_repeat and lead.pk else "",
    }


# Write


def _waiting(taken: Sequence[Taken]) -> list[int]:
    """Known leads that were never on the road: imported and not released yet. A repeat does not release them."""
    known = {t.lead.pk: t.lead for t in taken if isinstance(t.lead, Lead)}
    return [pk for pk, lead in known.items() if lead.advance_due_at is None and lead.advanced_at is None]


def source_tag(run: ImportRun) -> str:
    """How the run's events are found in the ledger."""
    return f"import:{run.pk}"


def _consent(run: ImportRun, source: Source, taken: Sequence[Taken], at: datetime) -> list[ledger.Entry]:
    """What the file claims and proves. Old proof is never a fresh act, so it lifts no withdrawal [V10]."""
    purchased = source.kind == SourceKind.PURCHASED_LIST
    tag = source_tag(run)
    entries: list[ledger.Entry] = []
    for t in taken:
        w = t.wanted
        evidence = {"inquiry": str(t.inquiry), "import": run.sha256, "row": w.row.number, "proof": w.proof}
        for address in t.held:
            common = {"seller": source.seller_id, "source": tag, "evidence": evidence}
            if purchased:
                entries.append(ledger.Entry(address.pk, "purchased", occurred_at=at, **common))
            elif w.inquired_at:
                entries.append(ledger.Entry(address.pk, "inquiry", occurred_at=w.inquired_at, **common))
            mine = [c for c in w.channels if (c in VOICE_AND_TEXT) == (address.kind == PHONE)]
            if mine:
                entries.append(
                    ledger.Entry(
                        address.pk,
                        "grant",
                        occurred_at=w.consent_at,
                        channels=mine,
                        disclosure=w.disclosure,
                        **common | {"seller": w.disclosure.seller_id},
                    )
                )
            if w.opted_out:
                entries += _opt_out(address, w.opted_out, at, common)
    return entries


def _opt_out(address: Held, channels: Sequence[str], at: datetime, common: Mapping[str, object]) -> list[ledger.Entry]:
    """What another system knows to be unwanted is unwanted here, in its widest reading."""
    if address.kind == EMAIL:
        return [ledger.Entry(address.pk, "email_unsub", occurred_at=at, **common)] if "email" in channels else []
    if "voice" in channels:
        return [ledger.Entry(address.pk, "internal_dnc", occurred_at=at, scope="everything", **common)]
    return [ledger.Entry(address.pk, "revoke", occurred_at=at, scope="all", **common)] if "sms" in channels else []


def _prepare(
    run: ImportRun, source: Source, taken: Sequence[Taken], inquiry_ids: Sequence[int], at: datetime
) -> list[copying.Prepared]:
    """The new leads, the inquiries and the timeline, in the order in which they go in. Asks the database nothing."""
    header = list(run.reading["header"])
    imported = json.dumps({"imported": run.pk})
    inquiries = copying.prepared(
        Inquiry,
        ("id", *OF_INQUIRY),
        (
            (pk, t.inquiry, raw, hashlib.sha256(raw.encode()).hexdigest(), t.lead.pk, t.is_repeat, t.wanted.campaign)
            for pk, t in zip(inquiry_ids, taken, strict=True)
            for raw in (as_said(_said(header, t.wanted.row.raw)),)
        ),
        _others(INQUIRY, OF_INQUIRY)
        | {"source_id": source.pk, "status": "accepted", "received_at": at, "settled_at": at, "import_run_id": run.pk},
    )
    kind = TIMELINE_KINDS.get(SourceKind(source.kind), InteractionKind.FORM_SUBMISSION)
    varying = ("lead_id", "at", "inquiry_id", "service_id", "text", "facts")
    timeline = copying.prepared(
        Interaction,
        varying,
        (
            (
                t.lead.pk,
                t.wanted.inquired_at or at,
                pk,
                t.wanted.fields.get("service"),
                t.wanted.fields.get("question", ""),
                json.dumps({"imported": run.pk, "filled": t.filled}, default=str) if t.filled else imported,
            )
            for pk, t in zip(inquiry_ids, taken, strict=True)
        ),
        _others(INTERACTION, varying)
        | {"kind": kind.value, "direction": Direction.INBOUND.value, "recorded_at": at, "by_id": run.by_id},
    )
    return [_new_leads(source, taken, at), inquiries, timeline]


def _said(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return {column: cell for column, cell in zip(header, cells, strict=False) if cell}


def _others(found: Mapping[str, object], varying: Sequence[str]) -> dict[str, object]:
    return {name: value for name, value in found.items() if name not in varying}


def _new_leads(source: Source, taken: Sequence[Taken], at: datetime) -> copying.Prepared:
    fresh = [t.lead for t in taken if not t.is_repeat]
    for lead in fresh:
        lead.updated_at = at
    return copying.prepared(Lead, VARY, map(attrgetter(*VARY), fresh), _others(LEAD, VARY) | {"source_id": source.pk})


def _fill_known(taken: Sequence[Taken]) -> None:
    known = {t.lead.pk: t.lead for t in taken if (t.filled or t.asks_also) and isinstance(t.lead, Lead)}
    columns = ("id", *FILLED, OTHERS)
    copying.update_rows(Lead, columns, ([getattr(lead, name) for name in columns] for lead in known.values()))


def _write_documents(taken: Sequence[Taken], at: datetime) -> None:
    rows = {
        (t.lead.pk, code): DocumentStatus(
            lead_id=t.lead.pk, document_id=code, status=DocumentState.RECEIVED, changed_at=at
        )
        for t in taken
        for code in t.wanted.documents
    }
    DocumentStatus.objects.bulk_create(rows.values(), ignore_conflicts=True, batch_size=5000)


def sources() -> list[tuple[str, object]]:
    return list(Source.objects.filter(is_active=True).order_by("name").values_list("pk", "name"))


def zones() -> list[tuple[str, object]]:
    return [(zone, zone) for zone in Clinic.objects.order_by("timezone").values_list("timezone", flat=True).distinct()]


KIND = kinds.register(
    Kind(
        code="leads",
        label=_("Leads with their inquiries"),
        fields=FIELDS,
        take=take,
        reader=Reader,
        makes_leads=True,
        undo_chunk=releasing.undo_chunk,
        chunk=CHUNK,
        options=(
            Option("source", _("Source"), sources, is_required=True, help_text=_("Where these leads come from.")),
            Option("lead_type", _("Type of lead"), lambda: LeadType.choices, help_text=_("Where no column says it.")),
            Option("timezone", _("Time zone of dates"), zones, help_text=_("For dates without a zone.")),
            Option("consent_text", _("Consent text shown"), help_text=_("Code of the disclosure, e.g. “consult v1”.")),
        ),
    )
)
