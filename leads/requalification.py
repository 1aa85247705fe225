"""What wakes a held or stopped lead, and what happens then?

A hold or a stop declares its triggers. A trigger fires once, says what fired it, and opens a new cycle; the old cycle
stays readable [R40, R41]. Progress inside the documents step continues its cycle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from consent.models import Permission
from consent.models.ledger import PermissionState
from leads import capacity, criteria, targets, timing
from leads.lifecycle import Stage
from leads.models import (
    Answer,
    HoldReason,
    Interaction,
    Lead,
    Offering,
    Opening,
    Qualification,
    StopReason,
    Trigger,
    TriggerKind,
)
from leads.services import due
from leads.targets import Kept
from leads.vocabulary import Direction, InteractionKind, NextStep, Outcome, Verdict
from medcrm.lib.writing import update_rows

BATCH = 200
DATE_REACHED = "date_reached"
CONSENT_REGAINED = "consent_regained"
REPLY_RECEIVED = "reply_received"
TIMING = "timing"
# No address that the person left open, and no visit that stands.
UNREACHABLE: criteria.Criteria = [
    [
        {"fact": "contact_points", "op": "gte", "value": 1},
        {"fact": "ways_open", "op": "is", "value": 0},
        {"fact": "visit_ahead", "op": "is", "value": False},
    ]
]
EMERGENCY_WAITS: criteria.Criteria = [[{"fact": "emergency_waits", "op": "is", "value": True}]]
NEW_REFERRAL = "new_referral"
CONTINUES_DOCUMENTS_STEP = ("document_received", "authorization_decided", NEW_REFERRAL)


def armed(lead_ids: Sequence[int], kind: str = "") -> list[Trigger]:
    """Triggers that may still fire for these leads, locked."""
    triggers = Trigger.objects.filter(lead__in=lead_ids, fired_at=None, disarmed_at=None)
    if kind:
        triggers = triggers.filter(kind=kind)
    return list(triggers.select_for_update(of=("self",)).order_by("pk"))


def sync_triggers(lead_ids: Sequence[int], *, at: datetime) -> None:
    """Arm what each lead's hold or stop reason declares, disarm what no longer applies. Idempotent.

    A date that a person named with the hold or the stop stays as long as the lead waits at all.
    """
    columns = ("hold_reason_id", "stop_reason_id", "window_closes_on", "timezone", "source__seller__timezone")
    leads = Lead.objects.filter(pk__in=lead_ids).select_related("source__seller").only(*columns)
    cycles = dict(Qualification.objects.filter(lead__in=lead_ids, closed_at=None).values_list("lead", "pk"))
    wanted = _declared(leads, at)
    present = {(trigger.lead_id, trigger.kind_id): trigger for trigger in armed(lead_ids)}
    waiting = {lead.pk for lead in leads if lead.hold_reason_id or lead.stop_reason_id}
    obsolete = [
        trigger.pk
        for key, trigger in present.items()
        if key not in wanted and not (trigger.is_named and trigger.lead_id in waiting)
    ]
    if obsolete:
        Trigger.objects.filter(pk__in=obsolete).update(disarmed_at=at)
    fresh = [
        Trigger(lead_id=lead, kind_id=kind, qualification_id=cycles[lead], due_at=due_at, armed_at=at)
        for (lead, kind), due_at in wanted.items()
        if (lead, kind) not in present and lead in cycles
    ]
    Trigger.objects.bulk_create(fresh, batch_size=500)


def _declared(leads: Sequence[Lead], at: datetime) -> dict[tuple[int, str], datetime | None]:
    """(lead, trigger kind) → when it is due, from the reasons' own rows; a stop never ends by the calendar alone."""
    holds = {reason.pk: reason for reason in HoldReason.objects.prefetch_related("default_triggers")}
    stops = {reason.pk: reason for reason in StopReason.objects.prefetch_related("default_triggers")}
    declared: dict[tuple[int, str], datetime | None] = {}
    for lead in leads:
        reason = holds.get(lead.hold_reason_id) or stops.get(lead.stop_reason_id)
        for kind in reason.default_triggers.all() if reason else ():
            due_at = _wakes_at(lead, reason, at) if kind.is_dated and isinstance(reason, HoldReason) else None
            if kind.is_dated and due_at is None:
                continue
            declared[lead.pk, kind.pk] = due_at
    return declared


def _wakes_at(lead: Lead, reason: HoldReason, at: datetime) -> datetime | None:
    """After the reason's days; where it names none, when the dates that the lead wants are over [R17]."""
    if reason.default_days is not None:
        return at + timedelta(days=reason.default_days)
    if lead.window_closes_on is None:
        return None
    return timing.start_of(lead.window_closes_on + timedelta(days=1), timing.zone_of(lead))


def arm_date(lead: Lead, cycle: Qualification, *, due_at: datetime, at: datetime) -> None:
    """Wake this lead on a date a person named, instead of the default one, by every dated trigger of its reason."""
    reason = StopReason.objects.filter(pk=lead.stop_reason_id) or HoldReason.objects.filter(pk=lead.hold_reason_id)
    dated = TriggerKind.objects.filter(is_dated=True, pk__in=reason.values("default_triggers"))
    kinds = {DATE_REACHED, *dated.values_list("pk", flat=True)}
    Trigger.objects.filter(lead=lead, kind__in=kinds, fired_at=None, disarmed_at=None).update(disarmed_at=at)
    Trigger.objects.bulk_create(
        Trigger(lead=lead, kind_id=kind, qualification=cycle, due_at=due_at, is_named=True, armed_at=at)
        for kind in sorted(kinds)
    )


@transaction.atomic
def fire(kind: str, lead_ids: Sequence[int], *, cause: str, at: datetime, fresh: Collection[str] = ()) -> list[int]:
    """Fire the armed triggers of this kind and return the leads that woke. Locks the leads.

    What was said just now, `fresh`, does not go stale, whatever the hold's reason declares.
    """
    if not lead_ids:
        return []
    leads = {lead.pk: lead for lead in Lead.objects.filter(pk__in=lead_ids).lock()}
    triggers = armed(list(leads), kind)
    if not triggers:
        return []
    woken = [leads[trigger.lead_id] for trigger in triggers]
    continuing = [lead for lead in woken if lead.next_step == NextStep.DOCUMENTS and kind in CONTINUES_DOCUMENTS_STEP]
    others = [lead for lead in woken if lead not in continuing]
    stale = open_next_cycles(others, kind=kind, cause=cause, at=at, fresh=fresh)
    for trigger in triggers:
        trigger.fired_at = at
        trigger.fired_by = {"cause": cause, "stale": stale.get(trigger.lead_id, [])}
    update_rows(triggers, ["fired_at", "fired_by"])
    reconsider([lead.pk for lead in continuing])
    due.mark_due(Lead.objects.filter(pk__in=[lead.pk for lead in woken]), at=at)
    return [lead.pk for lead in woken]


@transaction.atomic
def reopen(lead: Lead, kind: str, *, cause: str, at: datetime) -> None:
    """Open the next cycle of a locked lead for something that needs no declared trigger: a no-show, a cancellation."""
    cycle = Qualification.objects.filter(lead=lead, closed_at=None).first()
    stale = open_next_cycles([lead], kind=kind, cause=cause, at=at)
    if cycle:
        fired_by = {"cause": cause, "stale": stale[lead.pk]}
        Trigger.objects.create(
            lead=lead, kind_id=kind, qualification=cycle, armed_at=at, fired_at=at, fired_by=fired_by
        )


def open_next_cycles(
    leads: Sequence[Lead], *, kind: str, cause: str, at: datetime, fresh: Collection[str] = ()
) -> dict[int, list[str]]:
    """Close each lead's cycle, open the next, and return which answers went stale. The leads are locked."""
    if not leads:
        return {}
    ids = [lead.pk for lead in leads]
    stale_by_reason = dict(HoldReason.objects.values_list("pk", "stale_answers"))
    just_said = {_fact(code) for code in fresh}
    stale = {
        lead.pk: [
            code
            for code in dict.fromkeys([*stale_by_reason.get(lead.hold_reason_id, ()), *_run_out(lead, at)])
            if _fact(code) not in just_said
        ]
        for lead in leads
    }
    Qualification.objects.filter(lead__in=ids, closed_at=None).update(closed_at=at)
    Trigger.objects.filter(lead__in=ids, fired_at=None, disarmed_at=None).exclude(kind=kind).update(disarmed_at=at)
    for lead in leads:
        _reopen(lead, stale[lead.pk])
    emptied = {field for codes in stale.values() for field in _fields(codes)}
    update_rows(leads, sorted({*REOPEN_COLUMNS, *emptied}), batch_size=BATCH)
    _make_stale(stale, at)
    Qualification.objects.bulk_create([Qualification(lead=lead, cycle=lead.cycle, opened_at=at) for lead in leads])
    named = TriggerKind.objects.filter(pk=kind).values_list("name", flat=True).first()
    label = named or kind.replace("_", " ").capitalize()  # what staff corrected is no trigger
    Interaction.objects.bulk_create(
        Interaction(
            lead=lead,
            kind=InteractionKind.SYSTEM,
            direction=Direction.INTERNAL,
            at=at,
            text=f"{label}: cycle {lead.cycle} opened. {cause}".strip(),
            facts={"trigger": kind, "cycle": lead.cycle, "stale": stale[lead.pk]},
        )
        for lead in leads
    )
    return stale


REOPEN_COLUMNS = [
    "stage",
    "cycle",
    "decision",
    "next_step",
    "hold_reason",
    "stop_reason",
]
OF_TIMING = ("timing", "timing_asked_at", "window_opens_on", "window_closes_on")


def _reopen(lead: Lead, stale: Sequence[str]) -> None:
    lead.stage, lead.cycle = Stage.WORKING, lead.cycle + 1
    lead.decision = lead.next_step = ""
    lead.hold_reason = lead.stop_reason = None
    for name in _fields(stale):
        column = Lead._meta.get_field(name)
        setattr(lead, column.attname, None if column.null else column.get_default())


def _run_out(lead: Lead, at: datetime) -> Sequence[str]:
    """A window that is over says nothing any more about when the lead wants to come."""
    closes_on = lead.window_closes_on
    return [TIMING] if closes_on is not None and closes_on < timing.day_at(timing.zone_of(lead), at) else []


def _fact(code: str) -> str:
    return targets.field_of(code) or code


def _fields(codes: Iterable[str]) -> list[str]:
    """The lead's columns that hold these answers."""
    found = []
    for code in codes:
        target = targets.target_of(_fact(code))
        if target and target.kept == Kept.TIMING:
            found += OF_TIMING
        elif target and target.kept == Kept.FIELD:
            found.append(target.attribute.removesuffix("_id"))
    return found


def _make_stale(stale: Mapping[int, Sequence[str]], at: datetime) -> None:
    for codes in {tuple(codes) for codes in stale.values() if codes}:
        ids = [lead for lead, its in stale.items() if tuple(its) == codes]
        asked = {sibling for code in codes for sibling in targets.siblings(code, _fact(code))}
        Answer.objects.filter(lead__in=ids, code__in=asked, is_current=True, stale_since=None).update(
            stale_since=at, verdict=Verdict.UNKNOWN
        )


@transaction.atomic
def hear_reply(lead_id: int, *, at: datetime) -> None:
    """Let a reply of a lead that waits be answered: it wakes whoever waits for one, and opens what a person decided
    about a lead in nurture to the rules again [R18]. A lead in the documents step is in its team's hands already."""
    lead = Lead.objects.lock().get(pk=lead_id)
    if lead.next_step == NextStep.DOCUMENTS:
        return
    fire(REPLY_RECEIVED, [lead_id], cause="Replied.", at=at)
    if lead.stage == Stage.NURTURING:
        reconsider([lead_id])


@transaction.atomic
def hear_emergency(lead_id: int, *, at: datetime) -> None:
    """Open a lead's next cycle for words of an emergency, whoever has it and whatever was decided: what is owed begins
    anew. Called before the words are on the timeline; while earlier ones wait for a person, they are of the same cycle.
    """
    lead = Lead.objects.lock().get(pk=lead_id)
    [waits] = criteria.holding(Lead.objects.filter(pk=lead_id), [EMERGENCY_WAITS], at=at)[lead_id]
    if not waits:
        reopen(lead, REPLY_RECEIVED, cause="Words of an emergency.", at=at)


def reconsider(lead_ids: Sequence[int]) -> None:
    """A fact of these leads changed: what a person decided in the open cycle is open to the rules again.

    A wait that a person decided is not: it ends by its triggers.
    """
    decided = Qualification.objects.filter(lead__in=lead_ids, closed_at=None, decided_at__isnull=False)
    decided.exclude(outcome=Outcome.HOLD).update(decided_at=None)


def reconsider_unreachable(lead_ids: Sequence[int], *, at: datetime) -> None:
    """What a person decided rests on reaching the lead; where every way was withdrawn, the rules look again [R47]."""
    planned = Lead.objects.open().exclude(next_step__in=["", NextStep.NONE]).filter(pk=OuterRef("lead"))
    decided = Qualification.objects.filter(lead__in=lead_ids, closed_at=None, decided_at__isnull=False)
    ids = list(decided.filter(Exists(planned)).values_list("lead", flat=True))
    if ids:
        found = criteria.holding(Lead.objects.filter(pk__in=ids), [UNREACHABLE], at=at)
        reconsider([lead for lead, [is_unreachable] in found.items() if is_unreachable])


def fire_dated(*, at: datetime, limit: int = BATCH) -> int:
    """Fire up to `limit` dated triggers whose time has come; return how many there were.

    Leads in other hands are passed over. Each call is one transaction: whoever is killed has kept what was done, and
    the rest is still due.
    """
    with transaction.atomic():
        due_now = Trigger.objects.filter(due_at__lte=at, fired_at=None, disarmed_at=None).order_by("due_at")
        rows = list(due_now.values_list("kind", "lead")[:limit])
        # The leads first, as whoever walks them does; their triggers are locked, and looked at again, when they fire.
        claimed = Lead.objects.filter(pk__in={lead for _kind, lead in rows}).order_by("pk")
        free = set(claimed.select_for_update(of=("self",), no_key=True, skip_locked=True).values_list("pk", flat=True))
        by_kind: dict[str, list[int]] = {}
        for kind, lead in rows:
            if lead in free:
                by_kind.setdefault(kind, []).append(lead)
        for kind, leads in by_kind.items():
            fire(kind, leads, cause="Its date came.", at=at)
        return sum(map(len, by_kind.values()))


def fire_permitted(lead_ids: Sequence[int], *, at: datetime) -> list[int]:
    """Wake those of these leads that wait for permission and were given it since."""
    waiting = Trigger.objects.filter(kind=CONSENT_REGAINED, fired_at=None, disarmed_at=None)
    given = Permission.objects.filter(state=PermissionState.GRANTED, since__gt=OuterRef("armed_at"))
    by_phone, by_email = (Exists(given.filter(address=OuterRef(f"lead__{name}"))) for name in ("phone", "email"))
    leads = waiting.filter(by_phone | by_email, lead__in=lead_ids).values_list("lead", flat=True)
    return fire(CONSENT_REGAINED, list(leads), cause="Permission was given.", at=at)


def fire_openings(*, at: datetime, limit: int = BATCH) -> int:
    """Wake up to `limit` leads that wait for the oldest opening not dealt with; return how many, 0 when all are done.

    Each call is one transaction, as with dated triggers.
    """
    while True:
        with transaction.atomic():
            opening = (
                Opening.objects.filter(done_at=None, at__lte=at)
                .select_for_update(of=("self",), skip_locked=True)
                .select_related("offering__clinic", "offering__service", "payer")
                .order_by("at", "pk")
                .first()
            )
            if opening is None:
                return 0
            leads = list(_waiting_for(opening).values_list("pk", flat=True)[:limit])
            woken = fire(opening.kind_id, leads, cause=_sentence(opening), at=at)
            opening.woken += len(woken)
            opening.done_at = None if leads else at
            opening.save(update_fields=["woken", "done_at"])
            if leads:
                return len(leads)


def _waiting_for(opening: Opening) -> QuerySet[Lead]:
    """Leads with a trigger of this kind, armed before, whom the offering could serve now; best score first."""
    waiting = Trigger.objects.filter(
        lead=OuterRef("pk"), kind=opening.kind_id, armed_at__lt=opening.at, fired_at=None, disarmed_at=None
    )
    here = capacity.taking(capacity.within_reach(Offering.objects.filter(pk=opening.offering_id)))
    leads = Lead.objects.filter(Exists(waiting), Exists(here), service=opening.offering.service_id, merged_into=None)
    if opening.payer_id:
        leads = leads.filter(payer=opening.payer_id)
    return leads.order_by(F("score").desc(nulls_last=True), "pk")


def _sentence(opening: Opening) -> str:
    if opening.payer_id:
        return f"{opening.payer} is accepted now: {opening.offering}."
    return f"Takes new patients now: {opening.offering}."


def slots_opened(offering: Offering, *, on: date, slots: int, at: datetime) -> list[int]:
    """Wake who waits for a slot here on that date: best score first, and no more leads than slots."""
    if on < timing.day_at(offering.clinic.timezone, at):
        return []
    waiting = Trigger.objects.filter(lead=OuterRef("pk"), kind="slot_opened", fired_at=None, disarmed_at=None)
    here = capacity.offered(Offering.objects.filter(pk=offering.pk))
    leads = (
        Lead.objects.filter(Exists(waiting), Exists(here), service=offering.service_id, merged_into=None)
        .filter(
            Q(window_opens_on=None) | Q(window_opens_on__lte=on), Q(window_closes_on=None) | Q(window_closes_on__gte=on)
        )
        .order_by(F("score").desc(nulls_last=True), "pk")
        .values_list("pk", flat=True)[:slots]
    )
    cause = f"{slots} slots on {on} at {offering.clinic}."
    return fire("slot_opened", list(leads), cause=cause, at=at)
