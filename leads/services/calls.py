"""How did the call end, and what follows? One call, one disposition, at most one outcome, one obvious result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from consent import addresses, ledger
from consent.models import Address, Attempt
from leads import capacity, lifecycle, qualification, requalification, scoring, timing
from leads.lifecycle import OPEN, Stage
from leads.models import (
    Answer,
    Disposition,
    HoldReason,
    Interaction,
    Lead,
    MissingItem,
    MissingKind,
    StopReason,
)
from leads.services import answers, due, incidents, notes, reaching
from leads.services.answers import REPEAT_INQUIRY, Given, Origin
from leads.vocabulary import (
    ORGANISATIONS,
    Agreement,
    Check,
    Decision,
    Direction,
    InteractionKind,
    LeadType,
    NextStep,
    Outcome,
    Verdict,
)
from medcrm.lib.errors import InvalidFields

MOVES_ON = (Outcome.APPOINTMENT_SET, Outcome.SENT_TO_TEAM, Outcome.CONCLUDED)
DROPPED = "call_dropped"  # the one thing a call of theirs that reached nobody may be
IMPLIES = {
    "existing_patient": {"existing_patient": "yes"},
    "agreement_concluded": {"agreement": Agreement.SIGNED.value},
}
"""What an end of the call answers by itself."""
AUTHORIZATION = "prior_authorization"
MEANS = {
    Outcome.APPOINTMENT_SET: (Decision.FORWARD, NextStep.APPOINTMENT),
    Outcome.NURTURE: (Decision.HOLD, NextStep.NURTURE),
    Outcome.DOCUMENTS_REQUESTED: (Decision.HOLD, NextStep.DOCUMENTS),
    Outcome.HOLD: (Decision.HOLD, NextStep.NONE),
    Outcome.DISQUALIFIED: (Decision.STOP, NextStep.NONE),
    Outcome.REVIEW: (Decision.REVIEW, NextStep.NONE),
    Outcome.CONCLUDED: (Decision.FORWARD, NextStep.NONE),
}
"""What an outcome means on the road; a lead sent on goes where its facts say, an organisation that agreed to meet to
the team that meets it."""
FIRST_STEPS = {
    LeadType.PATIENT: NextStep.CALLBACK,
    LeadType.PARTNER: NextStep.PARTNERSHIP,
    LeadType.B2B: NextStep.DISCOVERY,
}


@dataclass(frozen=True)
class CallReport:
    """What the caller recorded."""

    disposition: str
    outcome: str = ""
    reason: str = ""
    missing: Sequence[str] = ()
    follow_up_on: date | None = None
    callback_at: datetime | None = None
    answers: Mapping[str, object] = field(default_factory=dict)
    fields: Mapping[str, object] = field(default_factory=dict)
    note: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


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
    outcome = _outcome(report, disposition)
    given = _refuse_gaps(lead, report, disposition, outcome, attempt, at)
    is_old = bool(given or lead.advance_due_at)  # what the checks said was before this call
    call = _write_timeline(lead, report, disposition, outcome, attempt, by, at)
    if disposition.is_incident:
        incidents.open_incident(call)
    _tell_consent(lead, disposition, call, by, at)
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
    if _leads_elsewhere(lead, outcome, report):
        requalification.reopen(lead, REPEAT_INQUIRY, cause="A person decided anew.", at=at)
    lead.decision, lead.next_step = _meaning(lead, outcome, at=at)
    cycle = qualification.open_cycles([lead], at=at)[lead.pk]
    lead.hold_reason_id = report.reason if outcome == Outcome.HOLD else _waiting_reason(lead, outcome, at=at)
    lead.stop_reason_id = _stop_reason(report) if outcome == Outcome.DISQUALIFIED else None
    stage = qualification.stage_for(lead.decision, lead.next_step)
    lifecycle.check(lead.stage, stage)
    lead.stage = stage
    cycle.outcome, cycle.decided_by, cycle.decided_at, cycle.rule = outcome, by, at, None
    cycle.decision, cycle.next_step = lead.decision, lead.next_step
    cycle.hold_reason_id, cycle.stop_reason_id = lead.hold_reason_id, lead.stop_reason_id
    if contradicts(lead, outcome):
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
        return Decision.FORWARD, FIRST_STEPS[LeadType(lead.lead_type)]
    return MEANS[outcome]


def _leads_elsewhere(lead: Lead, outcome: Outcome, report: CallReport) -> bool:
    """Whether a closed lead would end otherwise than it did; the same stop, or an agreement again, only confirms it."""
    if lead.stage in OPEN or (lead.stage == Stage.CONVERTED and outcome == Outcome.CONCLUDED):
        return False
    is_stopped_again = outcome == Outcome.DISQUALIFIED and lead.stage == Stage.STOPPED
    return not is_stopped_again or lead.stop_reason_id != _stop_reason(report)


def _step_of_team(lead: Lead, *, at: datetime) -> NextStep:
    """The step of the team that a lead is sent on to: what the rules say of it as it is known now [R20, R36].

    Where they would not send it on, the step it was going to; else the first one for its type. Saves the locked lead.
    """
    stood = NextStep(lead.next_step) if lead.decision == Decision.FORWARD else FIRST_STEPS[LeadType(lead.lead_type)]
    lead.save()
    scoring.score_leads([lead.pk], at=at)
    qualification.assess_leads([lead.pk], at=at)
    lead.refresh_from_db()
    rule = qualification.rule_for(lead.pk, at=at)
    return NextStep(rule.next_step) if rule and rule.decision == Decision.FORWARD else stood


def contradicts(lead: Lead, outcome: str) -> bool:
    """Whether the outcome moves a lead on that failed a check: then it needs a reason [R5]."""
    return outcome in MOVES_ON and Verdict.FAIL in (lead.fit_check, lead.capacity_check)


def judge_anew(lead: Lead, *, at: datetime) -> None:
    """Set the verdicts an outcome may contradict, on the locked lead, unsaved, to what the facts of now give."""
    _lead, found = qualification.assess_one(lead.pk, at=at)
    lead.fit_check, lead.capacity_check = found.verdict(Check.FIT), found.verdict(Check.CAPACITY)


def outcome_problems(lead: Lead, report: CallReport, outcome: Outcome, *, at: datetime) -> dict[str, list[str]]:
    """What an outcome lacks before it may stand, by field: its reason, or the date that ends it."""
    errors: dict[str, list[str]] = {}
    if outcome == Outcome.CONCLUDED and lead.lead_type not in ORGANISATIONS:
        errors["outcome"] = [_("An agreement is concluded with a partner or a business. A patient's visit is booked.")]
    elif problem := _reason_problem(lead, report, outcome):
        errors["reason"] = [problem]
    elif outcome == Outcome.HOLD and report.follow_up_on is None and not _wakes_by_itself(report.reason):
        errors["follow_up"] = [_("Nothing would wake this lead. Say on which date to look at it again.")]
    return errors | date_problems(lead, report, at=at)


def date_problems(lead: Lead, report: CallReport, *, at: datetime) -> dict[str, list[str]]:
    """What is wrong with the dates of a report, by field: each lies ahead, and not further than anybody promises."""
    errors: dict[str, list[str]] = {}
    day, moment = report.follow_up_on, report.callback_at
    too_far = _("That is more than five years ahead. Check the year.")
    if day is not None and timing.is_too_far(day, at):
        errors["follow_up"] = [too_far]
    elif day is not None and _is_past(day, lead, at):
        errors["follow_up"] = [_("This date is past. Say on which date to ask again.")]
    if moment is not None and timing.is_too_far(moment.date(), at):
        errors["callback_at"] = [too_far]
    elif moment is not None and moment < at:
        errors["callback_at"] = [_("This time is past. Say when to call back.")]
    return errors


def misfits(lead: Lead, report: CallReport) -> dict[str, list[str]]:
    """What is recorded here that ends a call with another kind of lead, or a meeting without its time, by field."""
    disposition = Disposition.objects.filter(pk=report.disposition).first()
    is_organisation = lead.lead_type in ORGANISATIONS
    if disposition and not (disposition.is_for_organisations if is_organisation else disposition.is_for_patients):
        told = {"result": disposition.name, "kind": LeadType(lead.lead_type).label}
        return {"disposition": [_("“%(result)s” ends no call with a %(kind)s. Choose another result.") % told]}
    is_set = _outcome(report, disposition) == Outcome.APPOINTMENT_SET
    if is_organisation and is_set and report.callback_at is None:
        return {"callback_at": [_("Say when you meet: date and time.")]}
    return {}


def start_of(day: date, lead: Lead) -> datetime:
    """Midnight that begins the day where the lead is, or its seller where that is unknown."""
    return timing.start_of(day, timing.zone_of(lead))


def _is_past(day: date, lead: Lead, at: datetime) -> bool:
    return start_of(day, lead) + timedelta(days=1) <= at


def _outcome(report: CallReport, disposition: Disposition | None) -> Outcome | None:
    """The outcome recorded, or the one its disposition implies; a hold is never implied, it needs its own reason."""
    if report.outcome in Outcome.values:
        return Outcome(report.outcome)
    if report.outcome or disposition is None:
        return None
    if disposition.disqualifies:
        return Outcome.DISQUALIFIED
    implied = disposition.suggested_outcome
    return Outcome(implied) if implied in Outcome.values and implied != Outcome.HOLD else None


def _refuse_gaps(
    lead: Lead,
    report: CallReport,
    disposition: Disposition | None,
    outcome: Outcome | None,
    attempt: Attempt | None,
    at: datetime,
) -> list[Given]:
    """Return the answers, checked. Raise InvalidFields naming each field that is mandatory here, or contradicts."""
    errors: dict[str, list[str]] = {}
    given: list[Given] = []
    try:
        fields = {name: value for name, value in report.fields.items() if name not in addresses.KINDS}
        given = answers.understand(lead, {**IMPLIES.get(report.disposition, {}), **report.answers, **fields})
    except InvalidFields as error:
        errors |= error.errors
    try:
        notes.check_facts(report.facts)
    except InvalidFields as error:
        errors |= error.errors
    if disposition is None:
        errors["disposition"] = [_("Choose how the call ended.")]
    if report.outcome and outcome is None:
        errors["outcome"] = [_("“%(outcome)s” is no outcome.") % {"outcome": report.outcome}]
    if disposition and disposition.is_final and not report.outcome and outcome is None:
        errors["outcome"] = [_("This result ends the conversation. Say what comes of it.")]
    if disposition and attempt is None and _only_ours(disposition):
        told = _("Only a call of ours can end so. Reserve the call first, or choose what they wanted.")
        errors["disposition"] = [told]
    if disposition and disposition.needs_callback and report.callback_at is None:
        errors["callback_at"] = [_("Say when to call back: date and time.")]
    if disposition and disposition.needs_missing_items and not report.missing:
        errors["missing"] = [_("Say what is missing.")]
    if report.missing and report.follow_up_on is None:
        errors["follow_up"] = [_("Say on which date to ask again for what is missing.")]
    known = (
        set(MissingKind.objects.filter(pk__in=report.missing).values_list("pk", flat=True)) if report.missing else set()
    )
    if unknown := [code for code in report.missing if code not in known]:
        errors["missing"] = [_("“%(code)s” is nothing that can be missing.") % {"code": code} for code in unknown]
    errors |= date_problems(lead, report, at=at)
    if outcome and not (outcome in MOVES_ON and (given or lead.advance_due_at)):  # else judged when they are learnt
        errors = outcome_problems(lead, report, outcome, at=at) | errors
    if errors:
        raise InvalidFields(errors)
    return given


def _refuse_outcome(lead: Lead, report: CallReport, outcome: Outcome, *, is_old: bool, at: datetime) -> None:
    """Judge the outcome by the facts as this call left them. Raise InvalidFields, which undoes what was written."""
    errors: dict[str, list[str]] = {}
    if outcome in MOVES_ON and is_old:
        judge_anew(lead, at=at)
        errors = outcome_problems(lead, report, outcome, at=at)
    if outcome == Outcome.DOCUMENTS_REQUESTED and not report.missing and not is_collecting(lead, at=at):
        errors["missing"] = [_("Say which documents are missing, and on which date to ask for them.")]
    if outcome == Outcome.DOCUMENTS_REQUESTED and report.follow_up_on is None:
        errors["follow_up"] = [_("Say on which date to ask for the documents again.")]  # [R37]
    if errors:
        raise InvalidFields(errors)


def _only_ours(disposition: Disposition) -> bool:
    """Whether nothing but a call of ours can end so: nobody who calls us does not answer."""
    return disposition.group == Disposition.Group.NOT_CONNECTED and disposition.pk != DROPPED


def is_collecting(lead: Lead, *, at: datetime) -> bool:
    """Whether it is known what to collect: a call said that it is missing, or the checks do."""
    return bool(_to_collect(lead, at=at))


def _to_collect(lead: Lead, *, at: datetime) -> set[str]:
    collected = Q(kind__document__isnull=False) | Q(kind=AUTHORIZATION)
    asked = MissingItem.objects.filter(collected, lead=lead, settled_at=None, origin=MissingItem.Origin.CALL)
    return {*asked.values_list("kind", flat=True), *qualification.assess_one(lead.pk, at=at)[1].missing}


def _reason_problem(lead: Lead, report: CallReport, outcome: Outcome) -> str:
    if outcome == Outcome.HOLD and not HoldReason.objects.filter(pk=report.reason).exists():
        return _("Say why the lead waits: choose a hold reason.")
    if outcome == Outcome.DISQUALIFIED and not StopReason.objects.filter(pk=_stop_reason(report)).exists():
        return _("Say why the lead is stopped: choose a stop reason.")
    if contradicts(lead, outcome) and not report.reason:
        if lead.fit_check == Verdict.FAIL:
            return _("The fit check failed. Say why the lead moves on all the same.")
        return _("The capacity check failed. Say why the lead moves on all the same.")
    return ""


def _wakes_by_itself(hold_reason: str) -> bool:
    """Whether something that may happen, or a number of days, wakes a lead held for this reason."""
    reason = HoldReason.objects.get(pk=hold_reason)
    return reason.default_days is not None or reason.default_triggers.filter(is_dated=False).exists()


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


def _stop_reason(report: CallReport) -> str:
    """The reason given; a disposition such as “not interested” is one by itself."""
    return report.reason or report.disposition


def _waiting_reason(lead: Lead, outcome: Outcome, *, at: datetime) -> str | None:
    """A documents outcome waits for what is missing, so that its arrival wakes it; everything else for nothing named.

    Of several, for the one that the rules name first.
    """
    if outcome != Outcome.DOCUMENTS_REQUESTED:
        return None
    missing = _to_collect(lead, at=at)
    if capacity.REFERRAL_LETTER in missing:
        return "awaiting_referral"
    if capacity.ELIGIBILITY in missing:
        return "awaiting_eligibility"
    return "awaiting_authorization" if missing == {AUTHORIZATION} else "awaiting_records"


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
    if report.missing:
        facts["missing"] = list(report.missing)
    if report.follow_up_on:
        # A date that only ends a wait is no promise to ask: a trigger keeps it.
        is_promise = bool(report.missing) or outcome != Outcome.HOLD
        facts["follow_up_on" if is_promise else "wakes_on"] = str(report.follow_up_on)
    if report.callback_at:
        facts["callback_at"] = report.callback_at.isoformat()
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
    lead: Lead, disposition: Disposition, call: Interaction, by: AbstractBaseUser | None, at: datetime
) -> None:
    """What the person said about being contacted goes to the ledger in this transaction [2.11]."""
    kinds = {
        "internal_dnc": disposition.adds_do_not_call,
        "revoke": disposition.opts_out_text,
        "wrong_number": disposition.is_wrong_number,
        "invalid_number": disposition.invalidates_number,
        "deceased": disposition.suppresses_everything,
    }
    number = _called(lead, call.attempt)
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
        for kind, applies in kinds.items()
        if applies
        for address_id in (dict.fromkeys((number, lead.phone_id, lead.email_id)) if kind == "deceased" else (number,))
        if address_id
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
