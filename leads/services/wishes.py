"""What does a person say to staff about being contacted, channel by channel? Each answer is an event in the ledger.

A spoken yes is express permission for information and appointments. It never stands in for the written permission that
marketing by an automatic system needs, and it never lifts a withdrawal: only the person's own act does [V10, T01].
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from consent import ledger, noting, withdrawals
from consent.ledger import Entry
from consent.models import Permission
from consent.models.ledger import PermissionState
from consent.vocabulary import EventKind
from leads import contact
from leads.models import Lead
from leads.services import due
from leads.services.documents import write_entry
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib.errors import InvalidFields

YES, NO = "yes", "no"
SOURCE = "spoken"
# Read to the person, word for word; it is kept with the answer.
QUESTION = (
    "May we call, text or e-mail you about your request and your visits? You can say yes or no to each, "
    "you can change it at any time, and it is no condition for anything."
)
WARNING = (
    "E-mail and text messages are not encrypted: somebody else might read them. "
    "May we write about your health in them all the same?"
)


@transaction.atomic
def record_wishes(
    lead_id: int,
    wishes: Mapping[str, str],
    *,
    said: str,
    at: datetime,
    by: AbstractBaseUser,
    accepts_unencrypted: bool = False,
) -> None:
    """Write down what the person said of calls, texts and e-mail: channel → “yes” or “no”.

    Raise InvalidFields for a yes on a channel that was withdrawn, and for what cannot be written down as it stands.
    """
    lead = Lead.objects.select_related("source__seller").get(pk=lead_id)
    answers = {channel: wish for channel, wish in wishes.items() if wish}
    _refuse(lead, answers, said, accepts_unencrypted=accepts_unencrypted)
    entries = [*_permissions(lead, answers, said, by, at), *_withdrawals(lead, answers, said, by, at)]
    if entries:
        ledger.record_many(entries, at=at)
    if accepts_unencrypted:
        accept_unencrypted(lead, at=at, source=SOURCE, said=said, by=by)
    lead = Lead.objects.lock().get(pk=lead_id)
    facts = {"permission": answers} | ({"unencrypted": True} if accepts_unencrypted else {})
    write_entry(lead, InteractionKind.CONSENT_CHANGE, facts, by=by, at=at, direction=Direction.INBOUND, text=said)
    due.mark_due(Lead.objects.filter(pk=lead_id), at=at)


def accept_unencrypted(
    lead: Lead, *, at: datetime, source: str, said: str = "", by: AbstractBaseUser | None = None
) -> None:
    """Keep that the person, warned, accepts health details in mail and texts to the addresses we hold [164.522(b)]."""
    held = [pk for pk in (lead.phone_id, lead.email_id) if pk]
    ledger.record_many(
        [
            Entry(
                pk,
                EventKind.UNENCRYPTED_ACCEPTED.value,
                occurred_at=at,
                text=said,
                evidence={"warned": WARNING},
                by=by,
                source=source,
            )
            for pk in held
        ],
        at=at,
    )


def _refuse(lead: Lead, answers: Mapping[str, str], said: str, *, accepts_unencrypted: bool) -> None:
    errors: dict[str, list[str]] = {}
    if not said.strip():
        errors["said"] = [_("Write how they put it, e.g. “texts are fine, no calls at work”.")]
    if not answers and not accepts_unencrypted:
        errors["voice"] = [_("Choose yes or no for at least one of calls, texts and e-mail.")]
    held = [pk for pk in (lead.phone_id, lead.email_id) if pk]
    blocked = Permission.objects.filter(address__in=held, state=PermissionState.BLOCKED)
    shut = set(blocked.values_list("address", "channel"))
    for channel, wish in answers.items():
        address = _address(lead, channel)
        if address is None:
            errors[channel] = [_("There is no address for this. Note the number or mailbox first.")]
        elif wish == YES and (address, channel) in shut:
            errors[channel] = [
                "They withdrew this before. Only an act of their own gives it back: a new form, or START by text."
            ]
    if errors:
        raise InvalidFields(errors)


def _address(lead: Lead, channel: str) -> int | None:
    return lead.email_id if channel == "email" else lead.phone_id


def _permissions(lead: Lead, answers: Mapping[str, str], said: str, by: AbstractBaseUser, at: datetime) -> list[Entry]:
    common = {"occurred_at": at, "seller": lead.source.seller_id, "evidence": {"asked": QUESTION}, "by": by}
    return [
        noting.spoken_permission(_address(lead, channel) or 0, [channel], words=said, source=SOURCE, **common)
        for channel in contact.CHANNELS
        if answers.get(channel) == YES
    ]


def _withdrawals(lead: Lead, answers: Mapping[str, str], said: str, by: AbstractBaseUser, at: datetime) -> list[Entry]:
    common = {"occurred_at": at, "text": said, "by": by, "source": SOURCE}
    closed = {channel for channel, wish in answers.items() if wish == NO}
    entries = [Entry(lead.email_id or 0, EventKind.EMAIL_UNSUB.value, **common)] if "email" in closed else []
    if closed & {"voice", "sms"}:
        entries.append(withdrawals.of_number(lead.phone_id or 0, closed, **common))
    return entries
