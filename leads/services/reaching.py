"""How is a person reached from now on? A number or a mailbox that they said on a call, or that staff corrected.

Permission belongs to each address, so none moves to the new one; which one the lead had before is in its history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from consent import addresses
from consent.models import Address
from leads import duplicates
from leads.models import Lead, MissingItem
from leads.services.answers import CONTACT_CHANNEL


def lock_addresses(
    lead_id: int, said: Mapping[str, object], *, also: Collection[int | None] = ()
) -> dict[str, Address]:
    """The rows of the number and the mailbox said, by kind, locked with those of the lead and `also`, all before the
    lead. Raise InvalidFields naming an unusable one."""
    pairs = addresses.pairs_said(said)
    known = Lead.objects.values_list("phone", "email").get(pk=lead_id)
    held = {pk for pk in (*known, *also) if pk}
    return {kind: address for (kind, _value), address in addresses.lock_addresses(pairs, also=held).items()}


def set_addresses(lead: Lead, reached: Mapping[str, Address], *, at: datetime) -> list[str]:
    """Let the locked lead, unsaved, be reached there; return the kinds that are new to it. A way to reach the person
    is not missing any more."""
    fresh = [kind for kind, address in reached.items() if address.pk != getattr(lead, f"{kind}_id")]
    lead.phone, lead.email = reached.get("phone", lead.phone), reached.get("email", lead.email)
    MissingItem.objects.filter(lead=lead, kind=CONTACT_CHANNEL, settled_at=None).update(settled_at=at)
    return fresh


def look_for_others(lead: Lead, fresh: Collection[str], *, at: datetime) -> None:
    """Put the saved lead beside others that have the same number or mailbox, for a person to judge [2.21]."""
    if fresh:
        duplicates.compare([lead.pk], at=at)
