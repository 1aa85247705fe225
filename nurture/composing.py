"""What would this step say, and how is the gate asked about it? The same for a real dispatch, a plan and a preview."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from consent.request import ContactRequest, Content, Health
from consent.vocabulary import Purpose
from leads import contact
from nurture import obstacles, outbox, rendering
from nurture.links import Recipient
from nurture.models import Enrollment, Wording
from nurture.rendering import NO_OCCASION, Occasion, Rendered
from nurture.vocabulary import Medium


def compose(row: Enrollment, wording: Wording, occasion: Occasion = NO_OCCASION) -> tuple[Rendered, ContactRequest]:
    """The words of a step for its lead, and the contact they would be. Raise NotRendered."""
    medium = row.step.template.medium
    recipient = Recipient(obstacles.address_of(row) or 0, row.lead.source.seller_id, row.lead_id)
    words = rendering.render(
        wording.subject,
        wording.body,
        medium=medium,
        lead=row.lead,
        recipient=recipient,
        language=wording.language,
        occasion=occasion,
    )
    content = _content(row, words, str(wording))
    request = contact.request_for(row.lead, medium, purpose=row.step.template.purpose, content=content)
    return words, replace(request, health=_health(medium)) if row.step.template.tells_health else request


def script(row: Enrollment, wording: Wording) -> str:
    """What a call task says. Raise NotRendered."""
    recipient = Recipient(row.lead.phone_id or 0, row.lead.source.seller_id, row.lead_id)
    return rendering.render("", wording.body, medium=Medium.CALL, lead=row.lead, recipient=recipient).body


def _health(medium: str) -> Health:
    """A message that tells of health: it needs the provider's agreement and the person's acceptance [H10, H11]."""
    return Health(
        is_covered_entity=True,
        uses_phi=True,
        has_phi_in_content=True,
        has_vendor_agreement=medium in settings.NURTURE_VENDOR_AGREEMENTS,
        is_own_service=True,
    )


def _content(row: Enrollment, words: Rendered, template: str) -> Content:
    """What the gate wants to know about the words as they stand."""
    seller, medium = row.lead.source.seller, row.step.template.medium
    is_email = medium == Medium.EMAIL
    return Content(
        sha256=words.sha256,
        template=template,
        has_marketing=row.step.template.purpose == Purpose.MARKETING,
        has_postal_address=is_email and bool(seller.postal_address) and seller.postal_address in words.body,
        has_one_click=is_email,
        has_signed_headers=is_email and outbox.channel_for(medium).signs_headers,
    )
