"""How is the gate asked about a lead? The lead's facts and the purpose as a contact request; the gate alone decides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q
from django.utils.translation import gettext as _

from consent import gate, inbound
from consent.gate import NotContactable
from consent.lifecycle import AttemptState
from consent.models import Attempt
from consent.request import ContactRequest, Content, Decision, Place
from consent.vocabulary import ContactKind, Purpose
from leads.lifecycle import Stage
from leads.models import Appointment, Interaction, Lead
from leads.vocabulary import FIRST_HAND, Pending, Request
from medcrm.lib.errors import RuleError

HAND_DIALLED = "voice_manual"
CHANNELS = {"voice": HAND_DIALLED, "sms": "sms", "email": "email"}
CONSENT_NEEDED = "consent_needed"
DIAL_WITHIN = timedelta(minutes=2)  # of the decision; who dials later asks again [contact_rules 11: at dispatch too]
RECORD_WITHIN = timedelta(hours=4)  # longer than any call; what is recorded later was not this call
CAPS = "FREQ_CAP_"
IN_HAND = (Stage.NEW, Stage.WORKING, Stage.FORWARDED, Stage.HELD)
ASKED = frozenset(Request) - {Request.INFO}  # who wants to read only does not wait for a call
UNSETTLED = (AttemptState.RESERVED, AttemptState.HANDED_OVER, AttemptState.UNKNOWN)

# What our own templates always carry; a template that did not would be refused when it is saved.
OWN_TEMPLATE = Content(has_marketing=True, has_postal_address=True, has_one_click=True, has_signed_headers=True)


def request_for(
    lead: Lead,
    channel: str,
    *,
    purpose: str = Purpose.MARKETING,
    subject: str = "",
    content: Content | None = None,
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
        content=content or replace(OWN_TEMPLATE, has_marketing=purpose == Purpose.MARKETING),
        awaits_permission=lead.hold_reason_id == CONSENT_NEEDED,
        reference=str(lead.public_id),
    )


def may_contact(lead: Lead, channel: str, *, at: datetime) -> bool:
    """Whether the next contact on this channel would be allowed now."""
    request = request_for(lead, channel)
    return request is not None and gate.decide(request, at=at).allowed


@dataclass(frozen=True)
class Way:
    """One channel as staff would use it now: for which purpose, and what the gate says of that; None: no address.

    `about` is what a call that sells nothing may be about, `informs` what the gate says of such a call.
    """

    channel: str
    purpose: str
    decision: Decision | None
    about: Pending | None = None
    informs: Decision | None = None

    @property
    def is_reply(self) -> bool:
        return self.purpose == Purpose.CONVERSATIONAL_REPLY

    @property
    def may_only_inform(self) -> bool:
        """Whether a call that sells is refused, and one about a visit or a request of theirs is not [V09]."""
        is_refused = self.decision is not None and not self.decision.allowed
        return is_refused and self.about is not None and self.informs is not None and self.informs.allowed


def ways_of(leads: Sequence[Lead], *, at: datetime) -> dict[int, list[Way]]:
    """Lead → its channels, each for the purpose that staff would have. Six queries for any number of leads."""
    waiting = inbound.unanswered(_addresses(leads), at=at)
    pending = _pending(leads, waiting, at)
    asked: dict[tuple[int, str, str], ContactRequest | None] = {}
    for lead in leads:
        for channel in CHANNELS:
            purpose = _purpose(lead, channel, waiting)
            asked[lead.pk, channel, purpose] = request_for(lead, channel, purpose=purpose)
        if lead.pk in pending:
            asked[lead.pk, "voice", Purpose.INFORMATIONAL] = request_for(lead, "voice", purpose=Purpose.INFORMATIONAL)
    requests = {key: request for key, request in asked.items() if request is not None}
    answers = dict(zip(requests, gate.decide_many(list(requests.values()), at=at), strict=True))
    found: dict[int, list[Way]] = {lead.pk: [] for lead in leads}
    for pk, channel, purpose in asked:
        decision = answers.get((pk, channel, purpose))
        if channel != "voice":
            found[pk].append(Way(channel, purpose, decision))
        elif purpose == Purpose.MARKETING:
            about = _about(pending.get(pk), decision)
            found[pk].append(Way(channel, purpose, decision, about, answers.get((pk, channel, Purpose.INFORMATIONAL))))
    return found


def purpose_of_words(lead: Lead, medium: str, *, at: datetime) -> str:
    """What staff's own text or mail is for: an answer where the last word there is the person's, else marketing."""
    return _purpose(lead, medium, inbound.unanswered(_addresses([lead]), at=at))


def _purpose(lead: Lead, channel: str, waiting: Collection[tuple[int, str]]) -> str:
    address_id = lead.email_id if channel == "email" else lead.phone_id
    return (Purpose.CONVERSATIONAL_REPLY if (address_id, channel) in waiting else Purpose.MARKETING).value


def _addresses(leads: Sequence[Lead]) -> set[int]:
    return {pk for lead in leads for pk in (lead.phone_id, lead.email_id) if pk}


def _pending(leads: Sequence[Lead], waiting: Collection[tuple[int, str]], at: datetime) -> Mapping[int, Pending]:
    """Lead → what it waits to hear about: its booked visit, what it asked for itself, or the message it wrote."""
    visits = set(Appointment.objects.ahead(at).filter(lead__in=leads).values_list("lead", flat=True))
    writers = {address_id for address_id, _channel in waiting}
    return {
        lead.pk: Pending.VISIT if lead.pk in visits else Pending.REQUEST
        for lead in leads
        if lead.pk in visits or _has_asked(lead) or writers & {lead.phone_id, lead.email_id}
    }


def _has_asked(lead: Lead) -> bool:
    return lead.stage in IN_HAND and lead.request in ASKED and lead.source.kind in FIRST_HAND


def _about(pending: Pending | None, sells: Decision | None) -> Pending | None:
    """Whoever was called as often as a limit allows is not called on about a mere request; a visit may not wait."""
    is_enough = sells is not None and sells.code.startswith(CAPS)
    return None if pending == Pending.REQUEST and is_enough else pending


def call_request(lead: Lead, *, purpose: str = Purpose.MARKETING, at: datetime) -> ContactRequest | None:
    """Ask for one hand-dialled call; None without a number. Raise RuleError for one that is to inform about nothing."""
    if purpose != Purpose.MARKETING:
        voice = next(way for way in ways_of([lead], at=at)[lead.pk] if way.channel == "voice")
        if voice.about is None:
            raise RuleError(
                "NOTHING_PENDING",
                _("There is no booked visit and no open request to call about. Call as usual, or write."),
                field="purpose",
            )
    return request_for(lead, "voice", purpose=purpose)


def reserve_call(
    lead: Lead, *, at: datetime, by: AbstractBaseUser | None = None, purpose: str = Purpose.MARKETING
) -> Attempt | None:
    """Reserve a hand-dialled call; None where there is no number or the gate refuses, which it keeps."""
    request = call_request(lead, purpose=purpose, at=at)
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
            _("This reservation is over four hours old. Press Call again."),
            field="attempt",
        )
    if attempt.state not in UNSETTLED or Interaction.objects.filter(attempt=attempt).exists():
        raise RuleError("NOT_RESERVED", _("This reservation was refused or used already."), field="attempt")
    return attempt
