"""How does another health system read one person? Patient, Consent, Appointment and QuestionnaireResponse, FHIR R4."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from consent import fhir as consent_fhir
from consent.models import Address
from leads.models import Answer, Appointment, Export, Lead
from leads.services import merging
from leads.vocabulary import AppointmentState
from medcrm.lib.errors import RuleError

if TYPE_CHECKING:
    from fhir.resources.R4B.bundle import Bundle

RIGHT = "leads.export_contacts_lead"
STATUS = {
    AppointmentState.BOOKED: "booked",
    AppointmentState.CONFIRMED: "booked",
    AppointmentState.ATTENDED: "fulfilled",
    AppointmentState.NO_SHOW: "noshow",
    AppointmentState.CANCELLED: "cancelled",
    AppointmentState.RESCHEDULED: "cancelled",
}


@transaction.atomic
def export(lead_id: int, *, at: datetime, by: AbstractBaseUser, reason: str) -> str:
    """The bundle of one person as JSON; that it was taken, by whom and why, is kept."""
    if not by.has_perm(RIGHT):
        raise RuleError("NOT_YOURS_TO_EXPORT", _("Your role may not take this out. Ask compliance."))
    if not reason.strip():
        raise RuleError("REASON_MISSING", _("Say for whom and why."), field="reason")
    text = bundle(Lead.objects.select_related("phone", "email").get(pk=lead_id), at=at).model_dump_json(
        indent=1, exclude_none=True
    )
    Export.objects.create(
        what="person",
        format=Export.Format.FHIR,
        lead_id=lead_id,
        reason=reason.strip()[:200],
        is_masked=False,
        by=by,
        state=Export.State.EXPIRED,  # handed out at once, no file is kept
        rows=1,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        asked_at=at,
        ready_at=at,
    )
    return text


def bundle(lead: Lead, *, at: datetime) -> Bundle:
    """Build the bundle; the library refuses what is no valid R4 resource."""
    from fhir.resources.R4B.bundle import Bundle  # here, because it costs every process that never exports 28 MB

    family = merging.family(lead)
    held = _addresses(lead, family)
    resources = [_patient(lead, held)]
    for address in held:
        resources += [_of(lead, consent) for consent in consent_fhir.consents(address, at=at)]
    visits = Appointment.objects.filter(lead__in=family).select_related("service", "clinic").order_by("pk")
    resources += [_appointment(lead, visit) for visit in visits]
    answers = Answer.objects.filter(lead__in=family, is_current=True).select_related("question").order_by("pk")
    if answers:
        resources.append(_responses(lead, list(answers)))
    return Bundle.model_validate(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "timestamp": _instant(at),
            "entry": [{"fullUrl": _url(resource), "resource": resource} for resource in resources],
        }
    )


def _addresses(lead: Lead, family: Sequence[int]) -> list[Address]:
    """The lead's own, then those of the leads that were merged into it."""
    merged = Lead.objects.filter(pk__in=family).exclude(pk=lead.pk).select_related("phone", "email").order_by("pk")
    found = {address.pk: address for one in (lead, *merged) for address in (one.phone, one.email) if address}
    return list(found.values())


def _url(resource: dict[str, Any]) -> str:
    """A name that is the same in every bundle; a patient's is the public id, which references within the bundle use."""
    if resource["resourceType"] == "Patient":
        return f"urn:uuid:{resource['id']}"
    return f"urn:uuid:{uuid5(NAMESPACE_URL, 'medcrm:{resourceType}/{id}'.format(**resource))}"


def _reference(lead: Lead) -> dict[str, str]:
    return {"reference": f"urn:uuid:{lead.public_id}"}


def _patient(lead: Lead, held: Sequence[Address]) -> dict[str, Any]:
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "id": str(lead.public_id),
        "identifier": [{"system": "urn:medcrm:lead", "value": str(lead.public_id)}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": lead.language}]}}],
    }
    name = {"family": lead.last_name, "given": [lead.first_name] if lead.first_name else None}
    if lead.name:
        patient["name"] = [{key: value for key, value in name.items() if value}]
    telecom = [{"system": a.kind, "value": a.value} for a in held if a.value]
    if telecom:
        patient["telecom"] = telecom
    place = {"postalCode": lead.zip, "city": lead.city, "state": lead.state}
    if lead.zip:
        patient["address"] = [{key: value for key, value in place.items() if value}]
    return patient


def _of(lead: Lead, consent: dict[str, Any]) -> dict[str, Any]:
    """The consent of an address, said of this person."""
    return {name: value for name, value in consent.items() if name != "contained"} | {"patient": _reference(lead)}


def _appointment(lead: Lead, visit: Appointment) -> dict[str, Any]:
    row: dict[str, Any] = {
        "resourceType": "Appointment",
        "id": f"appointment-{visit.pk}",
        "status": STATUS[AppointmentState(visit.status)],
        "serviceType": [{"coding": [{"system": "urn:medcrm:service", "code": visit.service_id}]}],
        "description": str(visit),
        "participant": [
            {"actor": _reference(lead), "status": "accepted"},
            {"actor": {"display": str(visit.clinic)}, "status": "accepted"},
        ],
    }
    if visit.starts_at:
        row["start"], row["end"] = _instant(visit.starts_at), _instant(visit.starts_at)
    elif row["status"] != "cancelled":  # only a cancelled one may lack them [app-3]; no hour agreed: the clinic's day
        midnight = datetime.combine(visit.date, time.min, ZoneInfo(visit.clinic.timezone))
        row["start"], row["end"] = _instant(midnight), _instant(midnight + timedelta(days=1))
    return row


def _responses(lead: Lead, answers: Sequence[Answer]) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": f"answers-{lead.pk}",
        "status": "in-progress",
        "subject": _reference(lead),
        "authored": _instant(max(answer.answered_at for answer in answers)),
        "item": [
            {
                "linkId": answer.code,
                "text": answer.question.words if answer.question else answer.code,
                "answer": [_value(answer.value)],
            }
            for answer in answers
        ],
    }


def _value(value: object) -> dict[str, object]:
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    return {"valueString": str(value)}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
