"""How does another health system read a permission? FHIR R4 Consent resources, checked by the FHIR library."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from consent import ledger
from consent.bundle import demand_reason
from consent.fold import ChannelView
from consent.models import Address, ConsentEvent, ExportLog
from consent.vocabulary import ExportKind

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from fhir.resources.R4B.bundle import Bundle

SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
CATEGORY = {"coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}]}
REASONS = {"marketing": "HMARKT", "informational": "TREAT"}  # v3 ActReason
REASON_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
CHANNEL_SYSTEM = "urn:medcrm:channel"
STATUS = {"granted": "active", "blocked": "rejected", "review": "proposed", "none": "inactive"}


@transaction.atomic
def export(address: Address, *, as_of: datetime, at: datetime, by: AbstractBaseUser | None, reason: str) -> str:
    """Return the permission of an address as of a moment as a FHIR R4 bundle in JSON, and log the export."""
    demand_reason(reason)
    text = bundle(address, at=as_of).model_dump_json(indent=1, exclude_none=True)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    ExportLog.objects.create(
        at=at, by=by, kind=ExportKind.FHIR, address=address, as_of=as_of, sha256=sha256, reason=reason[:200]
    )
    return text


def bundle(address: Address, *, at: datetime) -> Bundle:
    """Build one Consent per channel; the library refuses what is no valid R4 resource."""
    from fhir.resources.R4B.bundle import Bundle  # here, because it costs every process that never exports 28 MB

    entries = [{"resource": resource} for resource in consents(address, at=at)]
    return Bundle.model_validate(
        {"resourceType": "Bundle", "type": "collection", "timestamp": _instant(at), "entry": entries}
    )


def consents(address: Address, *, at: datetime) -> list[dict[str, Any]]:
    """The Consent resource of each channel as of a moment, as JSON."""
    views = ledger.permission(address, at=at)
    relied = {view.event for view in views if view.event}
    events = {e.pk: e for e in ConsentEvent.objects.filter(pk__in=relied).select_related("disclosure")}
    return [_consent(address, view, events.get(view.event), at) for view in views]


def _consent(address: Address, view: ChannelView, event: ConsentEvent | None, at: datetime) -> dict[str, Any]:
    consent: dict[str, Any] = {
        "resourceType": "Consent",
        "id": f"{address.keyed_hash[:24]}-{view.channel}",
        "contained": [_patient(address)],
        "status": STATUS[view.state],
        "scope": SCOPE,
        "category": [CATEGORY],
        "patient": {"reference": "#person"},
        "dateTime": _instant(event.occurred_at if event else at),
        "policyRule": {"text": "47 CFR 64.1200; 15 USC 7704"},
        "provision": _provision(view),
    }
    if view.sellers:
        consent["organization"] = [{"display": seller} for seller in view.sellers]
    if event and event.disclosure:
        consent["sourceAttachment"] = {
            "contentType": "text/plain",
            "language": event.disclosure.language,
            "title": str(event.disclosure),
            "data": base64.b64encode(event.disclosure.text.encode()).decode(),
        }
    return consent


def _patient(address: Address) -> dict[str, Any]:
    """Only the address: a mailbox or number is all that this room knows of a person."""
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "id": "person",
        "identifier": [{"system": "urn:medcrm:address", "value": address.keyed_hash}],
    }
    if address.value:
        patient["telecom"] = [{"system": address.kind, "value": address.value}]
    return patient


def _provision(view: ChannelView) -> dict[str, Any]:
    provision: dict[str, Any] = {
        "type": "permit" if view.state == "granted" else "deny",
        "code": [{"coding": [{"system": CHANNEL_SYSTEM, "code": view.channel}], "text": view.code or view.state}],
    }
    purposes = [{"system": REASON_SYSTEM, "code": REASONS[p]} for p in view.purposes if p in REASONS]
    if purposes:
        provision["purpose"] = purposes
    if view.since or view.expires_at:
        period = {"start": view.since, "end": view.expires_at}
        provision["period"] = {name: _instant(moment) for name, moment in period.items() if moment}
    return provision


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
