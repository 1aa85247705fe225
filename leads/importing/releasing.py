"""How do imported leads go to work, or out again? In chunks by key, like everything a run does."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

import pgtrigger
from django.db import connection
from django.db.models import DO_NOTHING, PROTECT, Exists, ForeignObjectRel, OuterRef, ProtectedError, Q
from django.utils.translation import gettext

from consent import ledger
from consent.models import ConsentEvent
from consent.vocabulary import EventKind
from leads.models import ImportRow, ImportRun, Inquiry, Interaction, Lead, Qualification
from leads.models.importing import ImportPhase as Phase
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib import bell
from medcrm.lib.writing import update_rows

CHUNK = 2000
NOTHING = Q(pk__in=[])
PACE = 50
"""Leads a second put on the road: fewer than one worker walks, so a fresh inquiry never waits behind an import."""

RELEASE = """
WITH part AS (
  SELECT i.id, i.lead_id, row_number() OVER (ORDER BY i.id) AS place FROM leads_inquiry i
  WHERE i.import_run_id = %(run)s AND i.id > %(position)s ORDER BY i.id LIMIT %(limit)s
), due AS (
  UPDATE leads_lead l SET advance_due_at = LEAST(l.advance_due_at, p.due_at)
  FROM (SELECT lead_id, min(%(at)s + (%(done)s + place) * interval '1 second' / %(pace)s) AS due_at
        FROM part GROUP BY lead_id) p
  WHERE l.id = p.lead_id
)
SELECT count(*), max(id) FROM part
"""


@dataclass(frozen=True)
class MachineMade:
    """Rows that the road makes by itself once a lead walks; they go with the lead.

    `worked` are those among them that show that a person worked; `guards` are set aside to delete the others.
    """

    worked: Q = NOTHING
    guards: Sequence[str] = ()


MACHINE_MADE: dict[str, MachineMade] = dict.fromkeys(
    (
        "leads.duplicatecandidate",
        "leads.decay",
        "leads.scorechange",
        "leads.documentstatus",
        "leads.milestone",
        "leads.missingitem",
        "leads.snapshot",
        "leads.trigger",
    ),
    MachineMade(),
)
"""By model. Rooms above add theirs. A row of any other model means that somebody worked on the lead."""
# Rows that belong to the import, or that are looked at one by one below.
ROAD = Q(kind__in=[InteractionKind.ASSIGNMENT, InteractionKind.SYSTEM], direction=Direction.INTERNAL, by=None)
"""Entries of the timeline that nobody made."""
OWN = {"leads.inquiry", "leads.interaction", "leads.qualification", "leads.importrow"}


def release_chunk(run: ImportRun, *, at: datetime) -> bool:
    """Mark the next leads of the run due, spread over time; say whether there may be more."""
    values = {"run": run.pk, "position": run.position, "limit": CHUNK, "at": at, "done": run.row, "pace": PACE}
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, values)
        count, last = cursor.fetchone()
    if count:
        run.position, run.row = last, run.row + count
        bell.ring()
    return count == CHUNK


def undo_chunk(run: ImportRun, *, at: datetime, held: Sequence[int] = ()) -> bool:
    """Take the next rows of the run out; what somebody else touched stays, and is kept in the list with why.

    `held` are leads that a litigation hold keeps without a row that points to them, as those that came later.
    """
    mine = Inquiry.objects.filter(import_run=run, pk__gt=run.position).order_by("pk")
    inquiries = list(mine.values_list("pk", "lead_id")[:CHUNK])
    if not inquiries:
        return False
    lead_ids = sorted({lead_id for _pk, lead_id in inquiries})
    leads = {lead.pk: lead for lead in Lead.objects.filter(pk__in=lead_ids).lock()}
    _void(run, list(leads.values()), at)
    touched = _touched(run, list(leads))
    for pk in leads.keys() & set(held):
        touched[pk].add(gettext("litigation hold"))
    firsts = Inquiry.objects.filter(import_run=run, lead__in=lead_ids, is_repeat=False)
    made = set(firsts.values_list("lead_id", flat=True))
    gone = [pk for pk in leads if pk in made and pk not in touched]
    # Nothing about these may go.
    pinned = leads.keys() & set(held) | {pk for pk in leads if touched.get(pk, set()) & _pins()}
    repeats = [pk for pk, lead_id in inquiries if lead_id not in made and lead_id not in pinned]
    _unfill(repeats, leads)
    Interaction.objects.filter(inquiry__in=repeats).delete()
    Inquiry.objects.filter(pk__in=repeats).delete()
    _delete(gone)
    kept = sorted(set(leads) & made - set(gone) | pinned - made)
    _list_kept(run, kept, touched)
    counts = Counter(run.undo_counts) + Counter(removed=len(gone), detached=len(repeats), kept=len(kept))
    run.undo_counts = dict(counts + Counter(f"kept: {why}" for pk in kept for why in touched[pk]))
    run.position = inquiries[-1][0]
    return True


def _list_kept(run: ImportRun, lead_ids: Sequence[int], touched: Mapping[int, set[str]]) -> None:
    """Say of each of these leads why it was not taken out."""
    ImportRow.objects.bulk_create(
        ImportRow(
            run=run,
            phase=Phase.UNDOING,
            row=0,
            lead_id=pk,
            problems=[{"code": "TOUCHED", "field": "", "sentence": f"Kept: {', '.join(sorted(touched[pk]))}."}],
        )
        for pk in lead_ids
    )


def void_chunk(run: ImportRun, *, at: datetime, held: Sequence[int] = ()) -> bool:
    """Take back the next grants that a file of consent claimed; the withdrawals in it stay, and so does every lead."""
    tag = f"import:{run.pk}"
    voided = ConsentEvent.objects.filter(
        address=OuterRef("address"), about=OuterRef("pk"), kind=EventKind.CORRECTION, source=tag
    )
    mine = ConsentEvent.objects.filter(~Exists(voided), source=tag, kind=EventKind.GRANT)
    found = list(mine.order_by("address_id", "seq").values_list("pk", "address_id")[:CHUNK])
    _correct(run, found, at)
    run.undo_counts = dict(Counter(run.undo_counts) + Counter(voided=len(found)))
    return len(found) == CHUNK


def _touched(run: ImportRun, lead_ids: Sequence[int]) -> dict[int, set[str]]:
    """Lead → what somebody else did with it. One query per table that points to leads, rooms above included."""
    found: dict[int, set[str]] = defaultdict(set)
    for relation in _relations():
        model, name = relation.related_model, relation.field.name
        made = MACHINE_MADE.get(model._meta.label_lower)
        rows = model._base_manager.filter(made.worked if made else Q(), **{f"{name}__in": lead_ids}).order_by()
        for pk in rows.values_list(relation.field.attname, flat=True).distinct():
            found[pk].add(str(model._meta.verbose_name))
    others = Inquiry.objects.filter(lead__in=lead_ids).exclude(import_run=run).order_by()
    entries = Interaction.objects.filter(lead__in=lead_ids).exclude(inquiry__import_run=run).exclude(ROAD).order_by()
    decided = Qualification.objects.filter(lead__in=lead_ids).exclude(decided_by=None, outcome="").order_by()
    for label, rows in (
        ("another inquiry", others),
        ("an entry on its timeline", entries),
        ("a decision", decided),
    ):
        for pk in rows.values_list("lead_id", flat=True).distinct():
            found[pk].add(label)
    return found


def _relations() -> list[ForeignObjectRel]:
    """What points to a lead and is looked at: also what hides from the lead, if it would forbid to delete it."""
    return [
        relation
        for relation in Lead._meta.get_fields(include_hidden=True)
        if isinstance(relation, ForeignObjectRel)
        and relation.related_model._meta.label_lower not in OWN
        and not relation.field.name.startswith("pgh_")
        and relation.on_delete is not DO_NOTHING
        and (not relation.hidden or relation.on_delete is PROTECT)
    ]


def _pins() -> set[str]:
    """Names of rows that keep a lead as it is, as a litigation hold does."""
    return {str(relation.related_model._meta.verbose_name) for relation in _relations() if relation.hidden}


def _void(run: ImportRun, leads: Sequence[Lead], at: datetime) -> None:
    """Take back in the ledger what the file claimed, whatever becomes of the lead; opt-outs stay."""
    ids = {pk for lead in leads for pk in (lead.phone_id, lead.email_id) if pk}
    claimed = ConsentEvent.objects.filter(
        address_id__in=ids, source=f"import:{run.pk}", kind__in=[EventKind.GRANT, EventKind.INQUIRY]
    )
    _correct(run, list(claimed.values_list("pk", "address_id")), at)


def _correct(run: ImportRun, claimed: Sequence[tuple[int, int]], at: datetime) -> None:
    """Write against each of these events (key, address) that it was a mistake, once."""
    tag = f"import:{run.pk}"
    ids = {address_id for _pk, address_id in claimed}
    done = ConsentEvent.objects.filter(address_id__in=ids, kind=EventKind.CORRECTION, source=tag)
    voided = set(done.values_list("about", flat=True))
    entries = [
        ledger.Entry(address_id, EventKind.CORRECTION, occurred_at=at, about=pk, source=tag, by=run.by)
        for pk, address_id in sorted(claimed, key=lambda pair: (pair[1], pair[0]))
        if pk not in voided
    ]
    ledger.record_many(entries, at=at)


def _unfill(inquiry_ids: Sequence[int], leads: dict[int, Lead]) -> None:
    """Empty what the import had filled on leads that were known before, unless it was changed since."""
    changed: dict[int, set[str]] = defaultdict(set)
    rows = Interaction.objects.filter(inquiry__in=inquiry_ids, facts__has_key="filled")
    for lead_id, facts in rows.values_list("lead_id", "facts"):
        for name, value in facts["filled"].items():
            lead = leads[lead_id]
            if str(getattr(lead, name)) == str(value):
                field = Lead._meta.get_field(name.removesuffix("_id"))
                setattr(lead, name, None if field.null else "")
                changed[lead_id].add(name.removesuffix("_id"))
    names = sorted({name for found in changed.values() for name in found})
    if names:
        update_rows([leads[pk] for pk in changed], names, batch_size=500)


def _delete(lead_ids: Sequence[int]) -> None:
    """What the road made, timeline, inquiries, then the leads: the order that their keys protect."""
    for relation in _relations():
        if relation.related_model._meta.label_lower in MACHINE_MADE:
            made = MACHINE_MADE[relation.related_model._meta.label_lower]
            with pgtrigger.ignore(*made.guards) if made.guards else nullcontext():
                relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": lead_ids}).delete()
    Interaction.objects.filter(lead__in=lead_ids).delete()
    Inquiry.objects.filter(lead__in=lead_ids).delete()
    try:
        Lead.objects.filter(pk__in=lead_ids).delete()
    except ProtectedError as error:  # _touched looked at every table, so this is a bug worth its own words
        raise ValueError(f"leads are pointed to by {error.protected_objects}") from error
