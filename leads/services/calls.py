"""How is a call recorded? One call, one disposition, at most one outcome, one obvious result.

What it means and what it may not leave open is judged by `leads/outcomes.py`; here it is locked, read and written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q

from consent import addresses, ledger
from consent.models import Address, Attempt
from leads import lifecycle, outcomes, qualification, requalification, scoring, timing
from leads.lifecycle import Stage
from leads.models import Answer, Disposition, HoldReason, Interaction, Lead, MissingItem, MissingKind, StopReason
from leads.outcomes import CallReport, Problems, Reason
from leads.services import answers, due, incidents, notes, reaching
from leads.services.answers import REPEAT_INQUIRY, Given, Origin
from leads.vocabulary import ORGANISATIONS, Check, Decision, Direction, InteractionKind, NextStep, Outcome
from medcrm.lib.errors import InvalidFields


@transaction.atomic
def record_call(
    lead_id: int,
    report: CallReport,
    *,
    at: datetime,
    by: AbstractBaseUser | None = None,
    attempt: Attempt | None = None,
) -> Interaction:
    """Close the call: keep what was said, what it does to permission, and where its outcome puts the lead.

    Without a reserved attempt the call is the lead's own. What it says of the lead is learnt before its outcome is
    judged. Locks the number that was called and the lead's addresses, then the lead. Raise InvalidFields when something
    mandatory is missing or contradicts a check; nothing is written then.
    """
    reached = reaching.lock_addresses(lead_id, report.fields, also=[attempt.address_id] if attempt else [])
    lead = Lead.objects.lock().select_related("phone").get(pk=lead_id)
    disposition = Disposition.objects.filter(pk=report.disposition, is_active=True).first()
    outcome = outcomes.outcome_of(report, disposition)
    given = _refuse_gaps(lead, report, disposition, outcome, attempt, at)
    is_old = bool(given or lead.advance_due_at)  # what the checks said was before this call
    call = _write_timeline(lead, report, disposition, outcome, attempt, by, at)
    if disposition.is_incident:
        incidents.open_incident(call)
    _tell_consent(lead, reached, disposition, call, by, at)
    fresh = _reach_anew(lead, reached, disposition, report, at, called=_called(lead, attempt))
    _learn(lead, report, given, call, by, at)
    if outcome:
        _refuse_outcome(lead, report, outcome, is_old=is_old, at=at)
        decide(lead, outcome, report, by=by, at=at)
    elif lead.stage == Stage.NEW:
        lead.stage = Stage.WORKING
    lead.save()
    reaching.look_for_others(lead, fresh, at=at)
    due.mark_due(Lead.objects.filter(pk=lead.pk), at=at)
    return call


def decide(
    lead: Lead, outcome: Outcome, report: CallReport, *, at: datetime, by: AbstractBaseUser | None = None
) -> None:
    """Record a person's outcome on the open cycle and put the locked lead, unsaved, where it says.

    A lead that was closed starts its next cycle first, so that how the last one ended stays on record [R41].
    """
    if outcomes.leads_elsewhere(lead, outcome, report):
        requalification.reopen(lead, REPEAT_INQUIRY, cause="A person decided anew.", at=at)
    lead.decision, lead.next_step = _meaning(lead, outcome, at=at)
    cycle = qualification.open_cycles([lead], at=at)[lead.pk]
    lead.hold_reason_id = _hold_reason(lead, outcome, report, at=at)
    lead.stop_reason_id = outcomes.stop_reason(report) if outcome == Outcome.DISQUALIFIED else None
    stage = qualification.stage_for(lead.decision, lead.next_step)
    lifecycle.check(lead.stage, stage)
    lead.stage = stage
    cycle.outcome, cycle.decided_by, cycle.decided_at, cycle.rule = outcome, by, at, None
    cycle.decision, cycle.next_step = lead.decision, lead.next_step
    cycle.hold_reason_id, cycle.stop_reason_id = lead.hold_reason_id, lead.stop_reason_id
    if outcomes.contradicts(lead, outcome):
        cycle.override_reason = report.reason or cycle.override_reason
    cycle.save()
    if outcome in (Outcome.HOLD, Outcome.DISQUALIFIED) and report.follow_up_on:
        requalification.arm_date(lead, cycle, due_at=start_of(report.follow_up_on, lead), at=at)
    elif outcome == Outcome.CONCLUDED:
        lead.save()  # it converts by way of the road, as one whose visit was kept does [R65]
        lead.stage = Stage.CONVERTED


def _meaning(lead: Lead, outcome: Outcome, *, at: datetime) -> tuple[Decision, NextStep]:
    if outcome == Outcome.SENT_TO_TEAM:
        return Decision.FORWARD, _step_of_team(lead, at=at)
    if outcome == Outcome.APPOINTMENT_SET and lead.lead_type in ORGANISATIONS:
        return Decision.FORWARD, qualification.first_step(lead.lead_type)
    return outcomes.MEANS[outcome]


def _step_of_team(lead: Lead, *, at: datetime) -> NextStep:
    """The step of the team that a lead is sent on to: what the rules say of it as it is known now [R20, R36].

    Where they would not send it on, the step it was going to; else the first one for its type. Saves the locked lead.
    """
    stood = lead.next_step if lead.decision == Decision.FORWARD else ""
    lead.save()
    scoring.score_leads([lead.pk], at=at)
    qualification.assess_leads([lead.pk], at=at)
    lead.refresh_from_db()
    rule = qualification.rule_for(lead.pk, at=at)
    if rule and rule.decision == Decision.FORWARD:
        return NextStep(rule.next_step)
    return NextStep(stood) if stood else qualification.first_step(lead.lead_type)


def _hold_reason(lead: Lead, outcome: Outcome, report: CallReport, *, at: datetime) -> str | None:
    """Why it waits: as the caller said, or for what is missing; else for nothing named."""
    if outcome == Outcome.DOCUMENTS_REQUESTED:
        return outcomes.waiting_reason(_to_collect(lead, at=at))
    return report.reason if outcome == Outcome.HOLD else None


def judge_anew(lead: Lead, *, at: datetime) -> None:
    """Set the verdicts an outcome may contradict, on the locked lead, unsaved, to what the facts of now give."""
    _lead, found = qualification.assess_one(lead.pk, at=at)
    lead.fit_check, lead.capacity_check = found.verdict(Check.FIT), found.verdict(Check.CAPACITY)


def outcome_problems(lead: Lead, report: CallReport, outcome: Outcome, *, at: datetime) -> Problems:
    """What an outcome lacks before it may stand, by field: its reason, or the date that ends it."""
    return outcomes.lacks(lead, report, outcome, _reason(report, outcome)) | _wrong_dates(lead, report, at)


def _reason(report: CallReport, outcome: Outcome) -> Reason | None:
    """What the row of the reason says, if there is one; only a hold and a stop name any."""
    if outcome == Outcome.DISQUALIFIED:
        return Reason() if StopReason.objects.filter(pk=outcomes.stop_reason(report)).exists() else None
    row = HoldReason.objects.filter(pk=report.reason).first() if outcome == Outcome.HOLD else None
    if row is None:
        return None
    return Reason(row.default_days is not None or row.default_triggers.filter(is_dated=False).exists())


def _wrong_dates(lead: Lead, report: CallReport, at: datetime) -> Problems:
    zone = timing.zone_of(lead) if report.follow_up_on else ""  # a moment says where it is by itself
    return outcomes.wrong_dates(report, zone=zone, at=at)


def misfits(lead: Lead, report: CallReport) -> Problems:
    """What is recorded here that ends a call with another kind of lead, or a meeting without its time, by field."""
    disposition = Disposition.objects.filter(pk=report.disposition).first()
    return outcomes.misfits(report, disposition, lead.lead_type)


def start_of(day: date, lead: Lead) -> datetime:
    """Midnight that begins the day where the lead is, or its seller where that is unknown."""
    return timing.start_of(day, timing.zone_of(lead))


def _refuse_gaps(
    lead: Lead,
    report: CallReport,
    disposition: Disposition | None,
    outcome: Outcome | None,
    attempt: Attempt | None,
    at: datetime,
) -> list[Given]:
    """Return the answers, checked. Raise InvalidFields naming each field that is mandatory here, or contradicts."""
    errors: Problems = {}
    given: list[Given] = []
    try:
        given = answers.understand(lead, outcomes.said(report, disposition, but=addresses.KINDS))
    except InvalidFields as error:
        errors |= error.errors
    try:
        notes.check_facts(report.facts)
    except InvalidFields as error:
        errors |= error.errors
    errors |= outcomes.gaps(
        report,
        disposition,
        is_ours=attempt is not None,
        has_mailbox=bool(lead.email_id or report.fields.get("email")),
        unknown=_unknown_kinds(report),
    )
    errors |= _wrong_dates(lead, report, at)
    if outcome and not (outcome in outcomes.MOVES_ON and (given or lead.advance_due_at)):  # else when they are learnt
        errors = outcome_problems(lead, report, outcome, at=at) | errors
    if errors:
        raise InvalidFields(errors)
    return given


def _unknown_kinds(report: CallReport) -> list[str]:
    """What is said to be missing although there is no such kind of thing."""
    if not report.missing:
        return []
    known = set(MissingKind.objects.filter(pk__in=report.missing).values_list("pk", flat=True))
    return [code for code in report.missing if code not in known]


def _refuse_outcome(lead: Lead, report: CallReport, outcome: Outcome, *, is_old: bool, at: datetime) -> None:
    """Judge the outcome by the facts as this call left them. Raise InvalidFields, which undoes what was written."""
    errors: Problems = {}
    if outcome in outcomes.MOVES_ON and is_old:
        judge_anew(lead, at=at)
        errors = outcome_problems(lead, report, outcome, at=at)
    if outcome == Outcome.DOCUMENTS_REQUESTED:
        is_known = bool(report.missing) or is_collecting(lead, at=at)
        errors |= outcomes.lacking_documents(report, is_collecting=is_known)
    if errors:
        raise InvalidFields(errors)


def is_collecting(lead: Lead, *, at: datetime) -> bool:
    """Whether it is known what to collect: a call said that it is missing, or the checks do."""
    return bool(_to_collect(lead, at=at))


def _to_collect(lead: Lead, *, at: datetime) -> set[str]:
    collected = Q(kind__document__isnull=False) | Q(kind=outcomes.AUTHORIZATION)
    asked = MissingItem.objects.filter(collected, lead=lead, settled_at=None, origin=MissingItem.Origin.CALL)
    return {*asked.values_list("kind", flat=True), *qualification.assess_one(lead.pk, at=at)[1].missing}


def _reach_anew(
    lead: Lead,
    reached: Mapping[str, Address],
    disposition: Disposition,
    report: CallReport,
    at: datetime,
    *,
    called: int | None,
) -> list[str]:
    """Note a new number or mailbox and return the kinds that are new; a number that does not reach the person leaves a
    way to reach them missing."""
    fresh = reaching.set_addresses(lead, reached, at=at) if reached else []
    if fresh or called != lead.phone_id:
        return fresh  # a way is known, or nothing was learned of the number the lead has now
    missing = MissingItem.objects.filter(lead=lead, kind=answers.CONTACT_CHANNEL, settled_at=None)
    if (disposition.invalidates_number or disposition.is_wrong_number) and not missing.exists():
        MissingItem.objects.create(
            lead=lead,
            kind_id=answers.CONTACT_CHANNEL,
            origin=MissingItem.Origin.CALL,
            follow_up_on=report.follow_up_on or timing.day_at(timing.zone_of(lead), at),
            opened_at=at,
        )
    return fresh


def _write_timeline(
    lead: Lead,
    report: CallReport,
    disposition: Disposition,
    outcome: Outcome | None,
    attempt: Attempt | None,
    by: AbstractBaseUser | None,
    at: datetime,
) -> Interaction:
    kind = InteractionKind.VOICEMAIL if disposition.is_voicemail else InteractionKind.CALL
    facts: dict[str, object] = dict(notes.check_facts(report.facts))
    if reached := sorted(kind for kind in addresses.KINDS if report.fields.get(kind)):
        facts["reached_anew"] = reached
    facts |= outcomes.promises(report, outcome)
    return Interaction.objects.create(
        lead=lead,
        kind=kind if attempt else InteractionKind.INBOUND_CALL,
        direction=Direction.OUTBOUND if attempt else Direction.INBOUND,
        at=at,
        by=by,
        disposition=disposition,
        attempt=attempt,
        text=report.note,
        facts=facts,
    )


def _called(lead: Lead, attempt: Attempt | None) -> int | None:
    """The number that was called: the one reserved, whatever number the lead has now [V11]."""
    return attempt.address_id if attempt else lead.phone_id


def _tell_consent(
    lead: Lead,
    reached: Mapping[str, Address],
    disposition: Disposition,
    call: Interaction,
    by: AbstractBaseUser | None,
    at: datetime,
) -> None:
    """What the person said about being contacted goes to the ledger in this transaction [2.11]."""
    mailbox = reached["email"].pk if "email" in reached else None
    said = outcomes.told_to_consent(disposition, lead, called=_called(lead, call.attempt), mailbox=mailbox)
    entries = [
        ledger.Entry(
            address_id,
            kind,
            occurred_at=at,
            facts={"call": call.pk, "disposition": disposition.pk},
            text=call.text,
            by=by,
            source="call",
        )
        for address_id, kind in said
    ]
    if entries:
        ledger.record_many(entries, at=at)


def _learn(
    lead: Lead,
    report: CallReport,
    given: Sequence[Given],
    call: Interaction,
    by: AbstractBaseUser | None,
    at: datetime,
) -> None:
    """Write answers and corrected fields to the lead, and note what is still missing and when to ask again."""
    origin = Origin(Answer.Origin.CALL, by=by, interaction_id=call.pk)
    answers.learn(lead, given, origin, cause="Said on a call.", at=at)
    present = set(MissingItem.objects.filter(lead=lead, settled_at=None).values_list("kind", flat=True))
    MissingItem.objects.filter(lead=lead, settled_at=None, kind__in=report.missing).update(
        origin=MissingItem.Origin.CALL, follow_up_on=report.follow_up_on
    )
    MissingItem.objects.bulk_create(
        MissingItem(
            lead=lead,
            kind_id=code,
            origin=MissingItem.Origin.CALL,
            follow_up_on=report.follow_up_on,
            opened_at=at,
        )
        for code in dict.fromkeys(report.missing)
        if code not in present
    )
