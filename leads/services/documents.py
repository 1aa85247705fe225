"""Where do a lead's documents and authorizations stand? Written here, whoever said it; what arrived wakes who waits.

The lead row is locked by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q

from leads import requalification
from leads.capacity import REFERRAL_LETTER
from leads.models import Authorization, DocumentStatus, Interaction, Lead, MissingItem
from leads.vocabulary import Agreement, AuthorizationState, Direction, DocumentState, InteractionKind, LeadType

DECIDED = (AuthorizationState.APPROVED, AuthorizationState.DENIED, AuthorizationState.NOT_NEEDED)
AGREEMENT = "collaboration_agreement"
HELD = (AuthorizationState.APPROVED, AuthorizationState.NOT_NEEDED)


def write_document(
    lead: Lead,
    document: str,
    status: str,
    *,
    at: datetime,
    expires_on: date | None = None,
    by: AbstractBaseUser | None = None,
) -> DocumentStatus:
    """Note where a document stands; one that arrived wakes who waits for it, or moves its documents step on."""
    values = {"status": status, "changed_at": at, "expires_on": expires_on}
    row, _ = DocumentStatus.objects.update_or_create(lead=lead, document_id=document, defaults=values)
    write_entry(lead, InteractionKind.DOCUMENT, {"document": document, "status": status}, by=by, at=at)
    if signs(lead, document, status):
        lead.agreement = Agreement.SIGNED
        Lead.objects.filter(pk=lead.pk).update(agreement=lead.agreement)
    arrived(lead, row, at=at)
    return row


def write_authorization(
    lead: Lead,
    service: str,
    status: str,
    *,
    at: datetime,
    expires_on: date | None = None,
    reference: str = "",
    payer: str | None = None,
    by: AbstractBaseUser | None = None,
) -> Authorization:
    """Note where a payer's prior authorization stands, that of the lead's own payer unless another is named; a decision
    wakes who waits for it."""
    values = {"status": status, "changed_at": at, "expires_on": expires_on, "payer_id": payer or lead.payer_id}
    row, _ = Authorization.objects.update_or_create(
        lead=lead, service_id=service, defaults=values | ({"reference": reference} if reference else {})
    )
    write_entry(lead, InteractionKind.DOCUMENT, {"authorization": service, "status": status}, by=by, at=at)
    arrived(lead, row, at=at)
    return row


def signs(lead: Lead, document: str, status: str) -> bool:
    """Whether this paper is the agreement that an organisation's service asks for: it comes back signed [R33]."""
    return lead.lead_type != LeadType.PATIENT and (document, status) == (AGREEMENT, DocumentState.RECEIVED)


def arrived(lead: Lead, paper: DocumentStatus | Authorization, *, at: datetime) -> None:
    """Settle what was missing without this paper and wake who waits for it; nothing where it is not here yet."""
    if isinstance(paper, Authorization):
        if paper.status in HELD and paper.service_id == lead.service_id:
            _settle(lead, Q(kind="prior_authorization"), at=at)
        if paper.status in DECIDED:
            requalification.fire("authorization_decided", [lead.pk], cause=f"Authorization {paper.status}.", at=at)
    elif paper.status == DocumentState.RECEIVED:
        if signs(lead, paper.document_id, paper.status):
            _settle(lead, Q(kind="agreement"), at=at)
        _settle(lead, Q(kind__document=paper.document_id), at=at)
        cause = f"{paper.document} received."
        woken = requalification.fire("document_received", [lead.pk], cause=cause, at=at)
        if not woken and paper.document_id == REFERRAL_LETTER:
            requalification.fire(requalification.NEW_REFERRAL, [lead.pk], cause=cause, at=at)


def _settle(lead: Lead, what: Q, *, at: datetime) -> None:
    """What a call had asked for is here; where it does not count, an expired letter say, the checks ask again."""
    MissingItem.objects.filter(what, lead=lead, settled_at=None).update(settled_at=at)


def write_entry(
    lead: Lead,
    kind: InteractionKind,
    facts: Mapping[str, object],
    *,
    at: datetime,
    by: AbstractBaseUser | None = None,
    direction: Direction = Direction.INTERNAL,
    text: str = "",
) -> Interaction:
    """Put an entry on the timeline."""
    return Interaction.objects.create(
        lead=lead, kind=kind, direction=direction, at=at, by=by, facts=dict(facts), text=text
    )
