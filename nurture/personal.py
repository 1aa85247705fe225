"""How does a member of staff write to one lead? Their own words, under a reservation like any other contact.

The words are on the timeline with their reservation before they leave; what became of them is the attempt's state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from consent import gate
from consent.gate import NotContactable
from consent.models import Attempt
from consent.request import ContactRequest, Content
from consent.vocabulary import Purpose
from leads import contact
from leads.models import Interaction, Lead
from leads.services import due
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib.errors import InvalidFields, RuleError
from nurture import caps, links, outbox, rendering
from nurture.channels import NotSent, Parcel, Receipt, Uncertain
from nurture.links import Recipient
from nurture.models import FrequencyCap
from nurture.vocabulary import Medium, SkipCode

LONGEST = {Medium.SMS: 306, Medium.EMAIL: 5000}  # two segments; a page
Sent = tuple[str, Receipt, NotSent | Uncertain | None]
"""The attempt's state, the provider's receipt, and what was in the way."""
HEARD = (InteractionKind.EMAIL_REPLY, InteractionKind.SMS_REPLY, InteractionKind.INBOUND_CALL)
WAY_OUT = "\nReply STOP to end."


def write(
    lead_id: int, medium: str, *, subject: str = "", body: str, by: AbstractBaseUser, clock: Callable[[], datetime]
) -> Interaction:
    """Reserve, note, hand over, settle. Raise NotContactable when the gate refuses, RuleError when it did not leave.

    Call it outside a transaction: the provider is asked between two of them.
    """
    lead = Lead.objects.select_related("source__seller", "phone", "email").get(pk=lead_id)
    words = _words(lead, medium, subject, body)
    entry = _reserve(lead, medium, subject, words, by=by, at=clock())
    gate.hand_over(entry.attempt_id, at=clock())
    state, receipt, refusal = _send(lead, medium, subject, words, entry)
    problem = str(refusal or "")
    gate.settle(
        entry.attempt_id, state, at=clock(), outcome=medium, provider_id=receipt.provider_id, error=problem[:300]
    )
    if isinstance(refusal, NotSent) and refusal.is_opted_out:
        address_id = _recipient(lead, medium).address_id
        outbox.take_over_opt_out(address_id, at=clock(), provider=receipt.provider)
    due.mark_due(Lead.objects.filter(pk=lead_id), at=clock())  # a person's own words may pay what is owed
    if problem:
        raise RuleError(
            "NOT_SENT",
            _("It did not leave: %(problem)s It stays on the timeline; try again or call.") % {"problem": problem},
        )
    return entry


def _words(lead: Lead, medium: str, subject: str, body: str) -> str:
    """The text as it goes out, with the way to stop. Raise InvalidFields for what cannot be sent."""
    errors: dict[str, list[str]] = {}
    text = body.strip()
    if not text:
        errors["body"] = [_("Write what you want to say.")]
    if medium == Medium.EMAIL and not subject.strip():
        errors["subject"] = [_("Give it a subject, e.g. “Your visit at the clinic”.")]
    if medium == Medium.SMS and text and not rendering.OPT_OUT.search(text):
        text += WAY_OUT
    if len(text) > LONGEST[Medium(medium)]:
        errors["body"] = [
            _("It is too long: %(n)d characters, at most %(most)d.") % {"n": len(text), "most": LONGEST[Medium(medium)]}
        ]
    if errors:
        raise InvalidFields(errors)
    return text + rendering.footer(lead, _recipient(lead, medium)) if medium == Medium.EMAIL else text


def _recipient(lead: Lead, medium: str) -> Recipient:
    address = lead.email_id if medium == Medium.EMAIL else lead.phone_id
    return Recipient(address or 0, lead.source.seller_id, lead.pk)


def _reserve(lead: Lead, medium: str, subject: str, words: str, *, by: AbstractBaseUser, at: datetime) -> Interaction:
    held = [pk for pk in (lead.phone_id, lead.email_id) if pk]
    with transaction.atomic():
        gate.lock(held)  # of two who answer one message, the second writes unasked
        request = _request(lead, medium, subject, words, at=at)
        _refuse_when_enough(lead, held, request.purpose, at=at)
        attempt, decision = gate.reserve_many([request], at=at, by=by)[0]
        if attempt.kind == "allow":
            return _note(lead, attempt, medium, subject, words, by=by, at=at)
    raise NotContactable(decision)  # after the transaction: the refusal is kept


def _request(lead: Lead, medium: str, subject: str, words: str, *, at: datetime) -> ContactRequest:
    """Ask to answer the person where they wrote last; unasked words are judged as marketing, whatever they say."""
    is_email = medium == Medium.EMAIL
    purpose = contact.purpose_of_words(lead, medium, at=at)
    content = Content(
        sha256=sha256(f"{subject}\n\n{words}".encode()).hexdigest(),
        template="personal",
        has_marketing=purpose == Purpose.MARKETING,
        has_postal_address=is_email and bool(lead.source.seller.postal_address),
        has_one_click=is_email,
        has_signed_headers=is_email and outbox.channel_for(medium).signs_headers,
    )
    request = contact.request_for(lead, medium, purpose=purpose, content=content)
    if request is None:
        by_mail, by_text = (
            _("No e-mail address is known. Ask for one on a call, or send a text."),
            _("No phone number is known. Ask for one by e-mail."),
        )
        raise RuleError("NO_ADDRESS", by_mail if is_email else by_text)
    return request


def _refuse_when_enough(lead: Lead, held: Sequence[int], purpose: str, *, at: datetime) -> None:
    """The limits count over sequences and people; an answer to the person's own message is a conversation [2.15].

    Call it with the lead's addresses locked. Raise RuleError when a limit is reached.
    """
    limits = list(FrequencyCap.objects.all())
    limit = caps.full(limits, caps.past_contacts(held, limits, at=at), purpose=purpose, at=at)
    if limit is not None and not _is_answer(lead):
        said = {"cap": limit.name, "n": limit.limit}
        raise RuleError(
            SkipCode.FREQUENCY_LIMIT.value,
            _("Enough messages for now: %(cap)s, at most %(n)s. Call instead, or wait for their answer.") % said,
            field="body",
        )


def _is_answer(lead: Lead) -> bool:
    """Whether the person spoke or wrote to us since one of us last wrote; what a program sends is no answer."""
    theirs = Q(kind__in=HEARD, direction=Direction.INBOUND) | Q(disposition__reaches_right_party=True)
    heard = lead.interactions.filter(theirs).exclude(facts__has_key="withdraws").aggregate(last=Max("at"))["last"]
    if heard is None:
        return False
    by_us = lead.interactions.filter(kind=InteractionKind.NOTE, attempt__isnull=False, at__gte=heard)
    return not by_us.exists()


def _note(
    lead: Lead, attempt: Attempt, medium: str, subject: str, words: str, *, by: AbstractBaseUser, at: datetime
) -> Interaction:
    return Interaction.objects.create(
        lead=lead,
        kind=InteractionKind.NOTE,
        direction=Direction.OUTBOUND,
        at=at,
        by=by,
        attempt=attempt,
        text=words,
        facts={"channel": str(Medium(medium).label), "subject": subject},
    )


def _send(lead: Lead, medium: str, subject: str, words: str, entry: Interaction) -> Sent:
    channel = outbox.channel_for(medium)
    address = lead.email if medium == Medium.EMAIL else lead.phone
    headers = {}
    if medium == Medium.EMAIL:
        url = links.unsubscribe_url(_recipient(lead, medium))
        headers = {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    parcel = Parcel(
        key=str(entry.attempt_id),
        to=address.value or "",
        subject=subject,
        body=words,
        sender=lead.source.seller.name,
        headers=headers,
    )
    try:
        receipt = channel.send(parcel)
    except NotSent as refusal:
        return "failed", Receipt(channel.name), refusal
    except Uncertain as doubt:
        return "unknown", Receipt(channel.name), doubt
    return "sent", receipt, None
