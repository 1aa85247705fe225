"""How is a call recorded from the workspace? Under its reservation, once, and the lead is free for others again."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from consent import gate
from consent.lifecycle import AttemptState
from leads import voicemail
from leads.models import Answer, Appointment, Disposition, Interaction, Lead
from leads.outcomes import CallReport
from leads.services import answers, calls
from leads.targets import YES
from leads.vocabulary import Outcome
from medcrm.lib.errors import InvalidFields, RuleError
from medcrm.workspace import drafts, entering
from routing import saying, worklist
from routing.models import Clock
from routing.vocabulary import Owed

IDENTITY = "identity"  # the question that confirms who is on the line


@transaction.atomic
def record(
    lead_id: int,
    report: CallReport,
    *,
    by: AbstractBaseUser,
    at: datetime,
    consent_step: str = "",
    needs_day: bool = False,
) -> Interaction:
    """Record how the call ended, settle its reservation, drop the draft and end the lease. Locks draft, then lead.

    Where it `needs_day`, the visit that was said to be set is to be booked first. Raise InvalidFields for what is
    missing, RuleError when nobody has called yet; nothing is written then.
    """
    draft = drafts.of(lead_id, by, lock=True)
    if draft is None or not draft.has_spoken:
        raise RuleError(
            "NOT_CALLED",
            _("Press Call first, so that permission is checked; if they called you, press “They called us”."),
            field="disposition",
        )
    lead = Lead.objects.get(pk=lead_id)
    if gaps := calls.misfits(lead, report) or _unfinished(lead, report, by=by, at=at):
        raise InvalidFields(gaps)
    report = saying.with_consent_step(lead, report, consent_step)
    if draft.attempt is not None:
        gate.settle(draft.attempt.pk, AttemptState.SENT, at=at, outcome=report.disposition)
    call = calls.record_call(lead_id, report, at=at, by=by, attempt=draft.attempt)
    if needs_day:  # after everything else that may be wrong: the dialog that books leaves this page
        told = _("No visit is booked yet. Press “Book a visit” and choose its day, then save again.")
        raise InvalidFields({"outcome": [told]})
    draft.delete()
    for held in {lead_id, draft.lead_id}:
        worklist.release(held, by.pk)
    return call


def _unfinished(lead: Lead, report: CallReport, *, by: AbstractBaseUser, at: datetime) -> dict[str, list[str]]:
    """What must be done before this result closes the call, by field [2.10, 2.19]. Whoever may not read the lead's page
    is not asked for what is confirmed there."""
    disposition = Disposition.objects.filter(pk=report.disposition).first()
    errors: dict[str, list[str]] = {}
    if disposition and disposition.needs_identity and entering.may_read(lead, by) and not _is_identified(lead, at):
        errors["identity"] = [_("Confirm whom you are speaking with: answer the name question in the checklist.")]
    if disposition and disposition.needs_note and not (report.note.strip() or report.facts):
        errors["note"] = [_("Write down what was said: at least one line of the note.")]
    tells = report.note.strip() or report.facts.get("told")
    if disposition and disposition.leaves_message and not tells and voicemail.wish_of(lead, at=at).is_refused:
        told = _("They asked for no voicemail. If you left one anyway, write in the note what it said.")  # [X57]
        errors["disposition"] = [told]
    return errors


def _is_identified(lead: Lead, at: datetime) -> bool:
    """Whether the person was confirmed, or no checklist in force for this lead asks for it."""
    confirmed = Answer.objects.in_force(at).filter(lead=lead, code=IDENTITY, value=YES)
    return confirmed.exists() or IDENTITY not in answers.questions_of(lead)


def is_recorded(lead_id: int, by: AbstractBaseUser, *, since: datetime) -> bool:
    """Whether this person has recorded a call on the lead after that moment, when they opened its page."""
    return Interaction.objects.filter(lead=lead_id, by=by, disposition__isnull=False, recorded_at__gte=since).exists()


def leaves_booking_owed(lead: Lead, report: CallReport) -> bool:
    """Whether the report says that a visit is set which its team still owes and nobody has booked [2.18].

    Who hands a lead over to be booked owes no day; the team that has it does.
    """
    implied = Disposition.objects.filter(pk=report.disposition).values_list("suggested_outcome", flat=True).first()
    if (report.outcome or implied) != Outcome.APPOINTMENT_SET:
        return False
    owed = Clock.objects.open().filter(lead=lead, owed=Owed.BOOKING)
    return owed.exists() and not Appointment.objects.live().filter(lead=lead, service=lead.service_id).exists()
