"""How is the gate asked about a lead? The lead's facts as a contact request; the gate alone decides."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q
from django.utils.translation import gettext as _

from consent import gate
from consent.gate import NotContactable
from consent.lifecycle import AttemptState
from consent.models import Attempt
from consent.request import ContactRequest, Content, Place
from consent.vocabulary import ContactKind, Purpose
from leads.models import Interaction, Lead
from medcrm.lib.errors import RuleError

HAND_DIALLED = "voice_manual"
CHANNELS = {"voice": HAND_DIALLED, "sms": "sms", "email": "email"}
CONSENT_NEEDED = "consent_needed"
DIAL_WITHIN = timedelta(minutes=2)  # of the decision; who dials later asks again [contact_rules 11: at dispatch too]
RECORD_WITHIN = timedelta(hours=4)  # longer than any call; what is recorded later was not this call
UNSETTLED = (AttemptState.RESERVED, AttemptState.HANDED_OVER, AttemptState.UNKNOWN)

# What our own templates always carry; a template that did not would be refused when it is saved.
OWN_TEMPLATE = Content(has_marketing=True, has_postal_address=True, has_one_click=True, has_signed_headers=True)


def request_for(
    lead: Lead, channel: str, *, purpose: str = Purpose.MARKETING, subject: str = "", content: Content = OWN_TEMPLATE
) -> ContactRequest | None:
    """Ask for one contact on a channel; None when the lead has no address for it. Reads lead.source."""
    address_id = lead.email_id if channel == "email" else lead.phone_id
    if address_id is None:
        return None
    return ContactRequest(
        address_id=address_id,
        channel=CHANNELS.get(channel, channel),
        purpose=purpose,
        seller=lead.source.seller_id,
        subject=subject or str(lead.service_id or ""),
        place=Place(zip=lead.zip, state=lead.state, zones=(lead.timezone,) if lead.timezone else ()),
        contact_kind=ContactKind.BUSINESS if lead.is_organisation else ContactKind.CONSUMER,
        content=content,
        awaits_permission=lead.hold_reason_id == CONSENT_NEEDED,
        reference=str(lead.public_id),
    )


def may_contact(lead: Lead, channel: str, *, at: datetime) -> bool:
    """Whether the next contact on this channel would be allowed now."""
    request = request_for(lead, channel)
    return request is not None and gate.decide(request, at=at).allowed


def reserve_call(lead: Lead, *, at: datetime, by: AbstractBaseUser | None = None) -> Attempt | None:
    """Reserve a hand-dialled call; None where there is no number or the gate refuses, which it keeps."""
    request = request_for(lead, "voice")
    if request is None:
        return None
    try:
        return gate.reserve(request, at=at, by=by)
    except NotContactable:
        return None


def find_reservation(lead: Lead, attempt_id: int | None, *, at: datetime) -> Attempt | None:
    """The reserved call of this lead, to be recorded; None without a number. Raise RuleError when it is not that.

    The lead may have got another number since: the call went to the one it was reserved for.
    """
    if attempt_id is None:
        return None
    is_to_lead = Q(address=lead.phone_id) | Q(basis__request__reference=str(lead.public_id))
    attempt = Attempt.objects.filter(is_to_lead, pk=attempt_id, channel=HAND_DIALLED).first()
    if attempt is None:
        raise RuleError("NO_RESERVATION", _("There is no such reserved call to this lead."), field="attempt")
    if attempt.at < at - RECORD_WITHIN:
        raise RuleError(
            "RESERVATION_EXPIRED",
            _("This reservation is over four hours old. Reserve each call anew."),
            field="attempt",
        )
    if attempt.state not in UNSETTLED or Interaction.objects.filter(attempt=attempt).exists():
        raise RuleError("NOT_RESERVED", _("This reservation was refused or used already."), field="attempt")
    return attempt
