"""What does the end of a call mean for its lead, what may it not leave open, and what follows?

Pure: the report, the row of its result and the lead as it stands in, problems by field and decisions out. The rows are
read, locked and written by `leads/services/calls.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from leads import capacity, timing
from leads.lifecycle import OPEN, Stage
from leads.vocabulary import ORGANISATIONS, Decision, LeadType, NextStep, Outcome, Verdict

if TYPE_CHECKING:
    from leads.models import Disposition, Lead

MOVES_ON = (Outcome.APPOINTMENT_SET, Outcome.SENT_TO_TEAM, Outcome.CONCLUDED)
DROPPED = "call_dropped"  # the one thing a call of theirs that reached nobody may be
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

Problems = dict[str, list[str]]
"""Field → what is wrong with it, in sentences."""


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


@dataclass(frozen=True)
class Reason:
    """A hold or stop reason that there is a row of. `wakes_by_itself`: by something that may happen, or after days."""

    wakes_by_itself: bool = False


def outcome_of(report: CallReport, disposition: Disposition | None) -> Outcome | None:
    """The outcome recorded, or the one its disposition implies; a hold is never implied, it needs its own reason."""
    if report.outcome in Outcome.values:
        return Outcome(report.outcome)
    if report.outcome or disposition is None:
        return None
    if disposition.disqualifies:
        return Outcome.DISQUALIFIED
    implied = disposition.suggested_outcome
    return Outcome(implied) if implied in Outcome.values and implied != Outcome.HOLD else None


def said(report: CallReport, disposition: Disposition | None, *, but: Collection[str] = ()) -> dict[str, object]:
    """Code → answer: what the result answers by itself, and what the caller wrote down, which goes before it. Fields
    named in `but` are no answers."""
    own = {disposition.answers_question: disposition.answers_with} if disposition else {}
    own.pop("", None)
    return own | dict(report.answers) | {name: value for name, value in report.fields.items() if name not in but}


def gaps(
    report: CallReport,
    disposition: Disposition | None,
    *,
    is_ours: bool,
    has_mailbox: bool = True,
    unknown: Sequence[str] = (),
) -> Problems:
    """What is mandatory for this result and was left out. `is_ours`: we called, under a reservation; `has_mailbox`: one
    is known, or was said on this call; `unknown`: what is said to be missing and is nothing that can be missing."""
    errors: Problems = {}
    outcome = outcome_of(report, disposition)
    if disposition is None:
        errors["disposition"] = [_("Choose how the call ended.")]
    if report.outcome and outcome is None:
        errors["outcome"] = [_("“%(outcome)s” is no outcome.") % {"outcome": report.outcome}]
    if disposition and disposition.is_final and not report.outcome and outcome is None:
        errors["outcome"] = [_("This result ends the conversation. Say what comes of it.")]
    if disposition and not is_ours and _only_ours(disposition):
        told = _("Only a call of ours can end so. Reserve the call first, or choose what they wanted.")
        errors["disposition"] = [told]
    if disposition and disposition.needs_callback and report.callback_at is None:
        errors["callback_at"] = [_("Enter the date and time to call back.")]
    if disposition and disposition.opts_out_email and not has_mailbox:
        errors["email"] = [_("We know no e-mail address of theirs. Ask which one gets our mail and write it here.")]
    if disposition and disposition.needs_missing_items and not report.missing:
        errors["missing"] = [_("Say what is missing.")]
    if report.missing and report.follow_up_on is None:
        errors["follow_up"] = [_("Say on which date to ask again for what is missing.")]
    if unknown:
        errors["missing"] = [_("“%(code)s” is nothing that can be missing.") % {"code": code} for code in unknown]
    return errors


def _only_ours(disposition: Disposition) -> bool:
    """Whether nothing but a call of ours can end so: nobody who calls us does not answer."""
    return disposition.group == disposition.Group.NOT_CONNECTED and disposition.pk != DROPPED


def misfits(report: CallReport, disposition: Disposition | None, lead_type: str) -> Problems:
    """What is recorded here that ends a call with another kind of lead, or a meeting without its time, by field."""
    is_organisation = lead_type in ORGANISATIONS
    if disposition and not (disposition.is_for_organisations if is_organisation else disposition.is_for_patients):
        told = {"result": disposition.name, "kind": LeadType(lead_type).label}
        return {"disposition": [_("“%(result)s” ends no call with a %(kind)s. Choose another result.") % told]}
    is_set = outcome_of(report, disposition) == Outcome.APPOINTMENT_SET
    if is_organisation and is_set and report.callback_at is None:
        return {"callback_at": [_("Say when you meet: date and time.")]}
    return {}


def wrong_dates(report: CallReport, *, zone: str, at: datetime) -> Problems:
    """What is wrong with the dates of a report, by field: each lies ahead in this zone, and not further than anybody
    promises."""
    errors: Problems = {}
    day, moment = report.follow_up_on, report.callback_at
    too_far = _("That is more than five years ahead. Check the year.")
    if day is not None and timing.is_too_far(day, at):
        errors["follow_up"] = [too_far]
    elif day is not None and timing.start_of(day, zone) + timedelta(days=1) <= at:
        errors["follow_up"] = [_("This date is past. Say on which date to ask again.")]
    if moment is not None and timing.is_too_far(moment.date(), at):
        errors["callback_at"] = [too_far]
    elif moment is not None and moment < at:
        errors["callback_at"] = [_("This time is past. Say when to call back.")]
    return errors


def lacks(lead: Lead, report: CallReport, outcome: Outcome, reason: Reason | None) -> Problems:
    """What an outcome lacks before it may stand, by field: its reason (None: it names no row), or what ends a wait."""
    if outcome == Outcome.CONCLUDED and lead.lead_type not in ORGANISATIONS:
        told = _("An agreement is concluded with a partner or a business. A patient's visit is booked.")
        return {"outcome": [told]}
    if problem := _reason_problem(lead, report, outcome, reason):
        return {"reason": [problem]}
    if outcome == Outcome.HOLD and report.follow_up_on is None and not (reason and reason.wakes_by_itself):
        return {"follow_up": [_("Nothing would wake this lead. Say on which date to look at it again.")]}
    return {}


def _reason_problem(lead: Lead, report: CallReport, outcome: Outcome, reason: Reason | None) -> str:
    if outcome == Outcome.HOLD and reason is None:
        return _("Say why the lead waits: choose a hold reason.")
    if outcome == Outcome.DISQUALIFIED and reason is None:
        return _("Say why the lead is stopped: choose a stop reason.")
    if contradicts(lead, outcome) and not report.reason:
        if lead.fit_check == Verdict.FAIL:
            return _("The fit check failed. Say why the lead moves on anyway.")
        return _("The capacity check failed. Say why the lead moves on anyway.")
    return ""


def lacking_documents(report: CallReport, *, is_collecting: bool) -> Problems:
    """What asking for documents leaves open: which ones, unless it is known what to collect, and when to ask [R37]."""
    errors: Problems = {}
    if not report.missing and not is_collecting:
        errors["missing"] = [_("Say which documents are missing, and on which date to ask for them.")]
    if report.follow_up_on is None:
        errors["follow_up"] = [_("Say on which date to ask for the documents again.")]
    return errors


def contradicts(lead: Lead, outcome: str) -> bool:
    """Whether the outcome moves a lead on that failed a check: then it needs a reason [R5]."""
    return outcome in MOVES_ON and Verdict.FAIL in (lead.fit_check, lead.capacity_check)


def leads_elsewhere(lead: Lead, outcome: Outcome, report: CallReport) -> bool:
    """Whether a closed lead would end otherwise than it did; the same stop, or an agreement again, only confirms it."""
    if lead.stage in OPEN or (lead.stage == Stage.CONVERTED and outcome == Outcome.CONCLUDED):
        return False
    is_stopped_again = outcome == Outcome.DISQUALIFIED and lead.stage == Stage.STOPPED
    return not is_stopped_again or lead.stop_reason_id != stop_reason(report)


def stop_reason(report: CallReport) -> str:
    """The reason given; a disposition such as “not interested” is one by itself."""
    return report.reason or report.disposition


def waiting_reason(missing: Collection[str]) -> str:
    """What a lead waits for that is to bring these, so that their arrival wakes it: of several, what the rules name
    first."""
    if capacity.REFERRAL_LETTER in missing:
        return "awaiting_referral"
    if capacity.ELIGIBILITY in missing:
        return "awaiting_eligibility"
    return "awaiting_authorization" if set(missing) == {AUTHORIZATION} else "awaiting_records"


def promises(report: CallReport, outcome: Outcome | None) -> dict[str, object]:
    """What was agreed, as facts of the timeline entry: what is missing, when to ask again, when to call back."""
    facts: dict[str, object] = {}
    if report.missing:
        facts["missing"] = list(report.missing)
    if report.follow_up_on:
        # A date that only ends a wait is no promise to ask: a trigger keeps it.
        is_promise = bool(report.missing) or outcome != Outcome.HOLD
        facts["follow_up_on" if is_promise else "wakes_on"] = str(report.follow_up_on)
    if report.callback_at:
        facts["callback_at"] = report.callback_at.isoformat()
    return facts


def told_to_consent(
    disposition: Disposition, lead: Lead, *, called: int | None, mailbox: int | None = None
) -> list[tuple[int, str]]:
    """What a result says about being contacted, as (address, kind of event) for the ledger [2.11].

    `called` is the number that was on the line, `mailbox` one that was said on it. No more e-mail is meant of that one
    and of the one we hold; death speaks for every address of the lead.
    """
    of_number = {
        "internal_dnc": disposition.adds_do_not_call,
        "revoke": disposition.opts_out_text,
        "wrong_number": disposition.is_wrong_number,
        "invalid_number": disposition.invalidates_number,
    }
    found = [(called, kind) for kind, applies in of_number.items() if applies]
    if disposition.opts_out_email:
        found += [(address, "email_unsub") for address in dict.fromkeys((lead.email_id, mailbox))]
    if disposition.suppresses_everything:
        found += [(address, "deceased") for address in dict.fromkeys((called, lead.phone_id, lead.email_id))]
    return [(address, kind) for address, kind in found if address]
