"""What does this person want to hear, on which channel? Each choice is an event in the ledger and news for the road."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consent import ledger, withdrawals
from consent.models import Address, Permission
from consent.models.ledger import PermissionState
from consent.vocabulary import AddressKind, GrantChannel
from leads.models import Lead
from leads.services import due, events, wishes
from nurture.links import Recipient
from nurture.models import MutedTopic

SOURCE = "preference_page"


@dataclass(frozen=True)
class Choices:
    """What a person chose on the page; blank fields were left as they were."""

    stops_email: bool = False
    stops_texts: bool = False
    stops_calls: bool = False
    accepts_unencrypted: bool = False  # health details by e-mail and text, after the warning beside the box [H20]
    unwanted: Collection[str] | None = None  # topics not to write about; None where they were not asked
    fields: Mapping[str, object] | None = None

    @property
    def of_number(self) -> Mapping[str, bool]:
        return {"sms": self.stops_texts, "voice": self.stops_calls}


@transaction.atomic
def unsubscribe(recipient: Recipient, *, at: datetime) -> None:
    """End marketing to the mailbox, or everything automated to the number, that the link was sent to [E01, E03]."""
    address = Address.objects.filter(pk=recipient.address_id).first()
    if address is None or address.value is None:
        return
    if address.kind == AddressKind.EMAIL:
        ledger.record(address.pk, "email_unsub", occurred_at=at, at=at, source=SOURCE)
    else:
        ledger.record(address.pk, "revoke", occurred_at=at, at=at, scope="all", source=SOURCE)


@transaction.atomic
def choose(recipient: Recipient, choices: Choices, *, at: datetime) -> None:
    """Take in what was chosen. Only the holder of a link to the lead's own address may change the lead."""
    lead = owned_lead(recipient)
    if choices.stops_email and lead and lead.email_id:
        ledger.record(lead.email_id, "email_unsub", occurred_at=at, at=at, source=SOURCE)
    closed = {channel for channel, stops in choices.of_number.items() if stops}
    if closed and lead and lead.phone_id:
        ledger.record_many([withdrawals.of_number(lead.phone_id, closed, occurred_at=at, source=SOURCE)], at=at)
    if choices.accepts_unencrypted and lead:
        wishes.accept_unencrypted(lead, at=at, source=SOURCE)
    if lead and choices.unwanted is not None:
        _mute(lead, choices.unwanted, at=at)
    if lead and choices.fields:
        events.record_preference(lead.pk, choices.fields, at=at)


def muted(lead: Lead) -> frozenset[str]:
    """The topics that nobody is to write about to this person."""
    return frozenset(MutedTopic.objects.filter(address__in=_held(lead)).values_list("topic", flat=True))


def stopped(lead: Lead) -> frozenset[str]:
    """The channels on which nothing that sells reaches this person any more."""
    return _blocked(_held(lead))


def is_unsubscribed(recipient: Recipient) -> bool:
    """Whether what the link offers has been done already, here or elsewhere."""
    return bool(_blocked([recipient.address_id]) & {GrantChannel.EMAIL, GrantChannel.SMS})


def _blocked(addresses: Collection[int]) -> frozenset[str]:
    rows = Permission.objects.filter(address__in=addresses, state=PermissionState.BLOCKED)
    return frozenset(rows.values_list("channel", flat=True))


def _mute(lead: Lead, unwanted: Collection[str], *, at: datetime) -> None:
    """Make these the muted topics of the lead's addresses; its outreach is planned again where that is news."""
    if muted(lead) == frozenset(unwanted):
        return
    MutedTopic.objects.filter(address__in=_held(lead)).exclude(topic__in=unwanted).delete()
    rows = [MutedTopic(address_id=pk, topic=topic, muted_at=at) for pk in _held(lead) for topic in sorted(unwanted)]
    MutedTopic.objects.bulk_create(rows, ignore_conflicts=True)
    due.mark_due(Lead.objects.filter(pk=lead.pk), at=at)


def _held(lead: Lead) -> list[int]:
    return [pk for pk in (lead.phone_id, lead.email_id) if pk]


def owned_lead(recipient: Recipient) -> Lead | None:
    """The lead the link is about, while the address it was sent to is still the lead's."""
    lead = (
        Lead.objects.select_related("service", "source__seller").filter(pk=recipient.lead_id, merged_into=None).first()
    )
    if lead is None or recipient.address_id not in (lead.phone_id, lead.email_id):
        return None
    return lead
