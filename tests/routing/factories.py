"""Leads as the road leaves them before routing, with states as names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from consent import addresses, ledger
from leads.lifecycle import Stage
from leads.models import Inquiry, Interaction, Lead, MissingItem, Qualification, Source
from leads.vocabulary import Direction, InteractionKind

AUSTIN = {"zip": "78704", "state": "TX", "city": "Austin", "latitude": 30.24, "longitude": -97.77}
STEPS: dict[str, dict[str, object]] = {
    "appointment": {"decision": "forward", "stage": Stage.FORWARDED},
    "documents": {"decision": "hold", "stage": Stage.HELD},
    "nurture": {"decision": "hold", "stage": Stage.NURTURING},
    "none": {"decision": "review", "stage": Stage.WORKING},
}


def make_lead(now: datetime, step: str = "appointment", *, unknown: Sequence[str] = (), **fields: object) -> Lead:
    values: dict[str, object] = {
        "lead_type": "patient",
        "source_id": "web_consult",
        "first_name": "Test",
        "last_name": "Alpha",
        "service_id": "ortho",
        "preferred_clinic_id": "aus",
        "request": "appointment",
        "timezone": "America/Chicago",
        "score_band": "high",
        "created_at": now,
        "next_step": step,
        **AUSTIN,
        **STEPS.get(step, STEPS["appointment"]),
    }
    lead = Lead.objects.create(**values | fields)
    Qualification.objects.create(lead=lead, cycle=lead.cycle, opened_at=now, unknown=list(unknown))
    return lead


def reachable(now: datetime, number: int = 101, **fields: object) -> Lead:
    """A lead whose phone may be called: an inquiry with the form's own disclosure ticked for voice."""
    pair = (addresses.PHONE, f"+15125550{number}")
    phone = addresses.lock_addresses([pair])[pair]
    disclosure = Source.objects.get(pk="web_consult").disclosure
    given = {"channels": ["voice"], "purposes": disclosure.purposes, "level": disclosure.level}
    ledger.record(
        phone.pk,
        "grant",
        at=now,
        occurred_at=now - timedelta(days=1),
        seller=disclosure.seller_id,
        disclosure=disclosure,
        fresh_opt_in=True,
        **given,
    )
    return make_lead(now, phone=phone, **fields)


def make_leads(now: datetime, count: int, step: str = "appointment", **fields: object) -> list[int]:
    return [make_lead(now, step, **fields).pk for _ in range(count)]


def make_call(lead: Lead, disposition: str, *, at: datetime, by: object = None, **facts: object) -> Interaction:
    """A call the lead's side opened, so that no reservation is needed; it counts as a person's act all the same."""
    for kind in facts.get("missing", ()):
        MissingItem.objects.create(
            lead=lead,
            kind_id=kind,
            origin=MissingItem.Origin.CALL,
            follow_up_on=facts["follow_up_on"],
            opened_at=at,
        )
    return Interaction.objects.create(
        lead=lead,
        kind=InteractionKind.INBOUND_CALL,
        direction=Direction.INBOUND,
        at=at,
        by=by,
        disposition_id=disposition,
        facts=facts,
    )


def make_inquiry(lead: Lead, *, at: datetime) -> Inquiry:
    return Inquiry.objects.create(
        source_id="web_consult",
        raw_body="{}",
        body_sha256="0" * 64,
        status=Inquiry.Status.ACCEPTED,
        lead=lead,
        received_at=at,
        settled_at=at,
    )
