"""What would this step say, and how is the gate asked about it? The same for a real dispatch, a plan and a preview."""

from __future__ import annotations

from consent.request import ContactRequest, Content
from consent.vocabulary import Purpose
from leads import contact
from nurture import obstacles, outbox, rendering
from nurture.links import Recipient
from nurture.models import Enrollment, Wording
from nurture.rendering import Rendered
from nurture.vocabulary import Medium


def compose(row: Enrollment, wording: Wording) -> tuple[Rendered, ContactRequest]:
    """The words of a step for its lead, and the contact they would be. Raise NotRendered."""
    medium = row.step.template.medium
    recipient = Recipient(obstacles.address_of(row) or 0, row.lead.source.seller_id, row.lead_id)
    words = rendering.render(wording.subject, wording.body, medium=medium, lead=row.lead, recipient=recipient)
    content = _content(row, words, str(wording))
    return words, contact.request_for(row.lead, medium, purpose=row.step.template.purpose, content=content)


def script(row: Enrollment, wording: Wording) -> str:
    """What a call task says. Raise NotRendered."""
    recipient = Recipient(row.lead.phone_id or 0, row.lead.source.seller_id, row.lead_id)
    return rendering.render("", wording.body, medium=Medium.CALL, lead=row.lead, recipient=recipient).body


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
