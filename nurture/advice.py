"""Which channels of these sequences are open to these leads? The gate's advice, in a constant number of queries.

Advice only: the gate decides again, and for good, when a message is reserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from consent import gate
from consent.request import ContactRequest, Decision
from leads import contact
from leads.models import Lead
from nurture.models import Sequence
from nurture.vocabulary import Medium

CHANNELS = {Medium.EMAIL.value: "email", Medium.SMS.value: "sms", Medium.CALL.value: "voice"}
PASSES_WITH_TIME = "FREQ_CAP"  # a cap is full today and not for good

Ask = tuple[int, str, str]  # lead, medium, purpose


def closed_channels(pairs: Iterable[tuple[Lead, Sequence]], *, at: datetime) -> Mapping[tuple[int, int], str]:
    """(lead, sequence) → why none of the sequence's channels is open; pairs with an open channel are left out."""
    pairs = list(pairs)
    asked = {
        (lead.pk, *way): contact.request_for(lead, CHANNELS[way[0]], purpose=way[1])
        for lead, sequence in pairs
        for way in ways(sequence)
    }
    decisions = _decide(asked, at)
    closed = {}
    for lead, sequence in pairs:
        reasons = [_why(way[0], decisions[(lead.pk, *way)]) for way in ways(sequence)]
        if all(reasons):
            closed[lead.pk, sequence.pk] = "; ".join(sorted(set(reasons)))[:300]
    return closed


def ways(sequence: Sequence) -> list[tuple[str, str]]:
    """The channels a sequence uses, each with what for. Reads the prefetched steps."""
    return sorted({(step.template.medium, step.template.purpose) for step in sequence.steps.all()})


def _decide(asked: Mapping[Ask, ContactRequest | None], at: datetime) -> Mapping[Ask, Decision | None]:
    requests = {ask: request for ask, request in asked.items() if request is not None}
    decided = dict(zip(requests, gate.decide_many(list(requests.values()), at=at), strict=True))
    return {ask: decided.get(ask) for ask in asked}


def _why(medium: str, decision: Decision | None) -> str:
    """Why the channel is closed for good; blank where it is open, now or later."""
    if decision is None:
        return f"{Medium(medium).label}: NO_ADDRESS"
    if decision.kind != "deny" or decision.code.startswith(PASSES_WITH_TIME):
        return ""
    return f"{Medium(medium).label}: {decision.code}"
