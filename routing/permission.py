"""By which channels may these leads be contacted, as the handoff tells it?

Read from the projection of the ledger: advice for the reader of a packet. The consent gate decides again, with hours
and caps, whenever a contact is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from consent.models import Permission
from consent.models.ledger import PermissionState
from leads.models import Lead

EXPIRED = "expired"


def channels(leads: Sequence[Lead], *, at: datetime) -> Mapping[int, dict[str, str]]:
    """Lead → channel → what the ledger says of it; a channel without an address or an event is left out."""
    wanted = {lead.phone_id for lead in leads} | {lead.email_id for lead in leads}
    rows = Permission.objects.filter(address__in=wanted - {None}).order_by("channel")
    states: dict[int, dict[str, str]] = defaultdict(dict)
    for address, channel, state, expires_at in rows.values_list("address", "channel", "state", "expires_at"):
        states[address][channel] = EXPIRED if expires_at and expires_at <= at and state == "granted" else state
    return {lead.pk: states[lead.phone_id] | states[lead.email_id] for lead in leads}


def instead_of_calls(lead: Lead, states: Mapping[str, str]) -> str:
    """“by e-mail or text” for a lead whose calls are withdrawn; blank where calls are open, or nothing else is."""
    if lead.phone_id and states.get("voice") != PermissionState.BLOCKED:
        return ""
    ways = []
    if lead.email_id and states.get("email") != PermissionState.BLOCKED:
        ways.append("e-mail")
    if lead.phone_id and states.get("sms") == PermissionState.GRANTED:
        ways.append("text")
    return f"by {' or '.join(ways)}" if ways else ""
