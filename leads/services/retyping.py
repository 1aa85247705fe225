"""What if a lead is of another kind than it came in as? Its type is corrected, and its road begins anew [R6, 2.19]."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from leads import duplicates, requalification, targets
from leads.models import Answer, Appointment, Lead, MissingItem
from leads.services import answers, due, ownership
from leads.services.documents import write_entry
from leads.services.ownership import Ownership
from leads.vocabulary import InteractionKind, LeadType, Verdict
from medcrm.lib.errors import RuleError

OF_PATIENTS = ("for_whom", "age", "is_existing_patient", "payer", "referring_provider")
OF_ORGANISATIONS = (
    *("organisation", "organisation_type", "specialty", "care_setting", "npi", "sites", "contact_role", "clinic_size"),
    *("budget", "rollout", "approver", "agreement"),
)
CORRECTED = "lead_type_corrected"


@transaction.atomic
def correct_type(lead_id: int, lead_type: str, *, reason: str, by: AbstractBaseUser, at: datetime) -> Lead:
    """Say of which kind a lead is: facts that only the other kind has are emptied, the next cycle opens, and it is
    routed as if it came in. Locks the lead.

    What it was stays in its history and in its earlier cycles. Raise RuleError for a lead of this kind already, one
    that others were merged into, and one with a booked visit.
    """
    lead = Lead.objects.lock().get(pk=lead_id)
    _refuse(lead, lead_type)
    was, emptied = LeadType(lead.lead_type), _foreign(lead, LeadType(lead_type))
    lead.lead_type = lead_type
    _empty(lead, emptied, at=at)
    told = {"from": str(was.label), "to": str(LeadType(lead_type).label), "emptied": emptied}
    write_entry(lead, InteractionKind.SYSTEM, {"corrected": ["lead_type"], **told}, by=by, at=at, text=reason)
    requalification.open_next_cycles([lead], kind=CORRECTED, cause=reason, at=at)
    ownership.set_owners([Ownership(lead.pk, "", None, _("Another type of lead: routed again."), by.pk)], at=at)
    duplicates.compare([lead.pk], at=at)
    due.mark_due(Lead.objects.filter(pk=lead.pk), at=at)
    return Lead.objects.get(pk=lead.pk)


def _refuse(lead: Lead, lead_type: str) -> None:
    if lead.lead_type == lead_type:
        raise RuleError("SAME_TYPE", _("The lead is of this kind already. Choose another one."), field="lead_type")
    if lead.merged_into_id or lead.merged_from.exists():
        raise RuleError("MERGED", _("It is merged with leads of its kind. Take the merge back first."))
    if Appointment.objects.live().filter(lead=lead).exists():
        raise RuleError("VISIT_BOOKED", _("A visit is booked. Call it off first, or let it take place."))


def _foreign(lead: Lead, lead_type: LeadType) -> list[str]:
    """The facts known of the lead that one of this kind does not have."""
    names = OF_ORGANISATIONS if lead_type == LeadType.PATIENT else OF_PATIENTS
    known = [name for name in names if getattr(lead, name) not in ("", None)]
    is_theirs = lead.service is None or lead.service.audience == lead_type
    return known if is_theirs else [*known, "service"]


def _empty(lead: Lead, names: list[str], *, at: datetime) -> None:
    """Forget these facts on the locked lead; what was answered to them, and what was missing of its old kind, too."""
    if "service" in names:
        answers.note_other_service(lead, lead.service_id)
    for name in names:
        column = Lead._meta.get_field(name)
        setattr(lead, column.attname, None if column.null else column.get_default())
    lead.save()
    codes = {code for name in names for code in targets.siblings(targets.CODES.get(name, name), name)}
    said = Answer.objects.filter(lead=lead, code__in=codes, is_current=True, stale_since=None)
    said.update(stale_since=at, verdict=Verdict.UNKNOWN)
    missing = MissingItem.objects.filter(lead=lead, settled_at=None).exclude(kind=answers.CONTACT_CHANNEL)
    missing.update(settled_at=at)
