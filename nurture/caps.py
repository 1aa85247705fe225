"""Has this lead had enough for now? Counts reserved contacts over every sequence, channel and person [R44, 2.15]."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent.lifecycle import COUNTED
from consent.models import Attempt
from consent.vocabulary import Channel
from nurture.models import FrequencyCap


@dataclass(frozen=True)
class Contact:
    """An earlier contact that may have reached the person."""

    at: datetime
    purpose: str
    channel: str


def full(caps: Iterable[FrequencyCap], past: Sequence[Contact], *, purpose: str, at: datetime) -> FrequencyCap | None:
    """The first limit that leaves no room for one more; 0 leaves none ever, blank is no limit."""
    for cap in caps:
        if cap.purpose == purpose and cap.limit is not None and _count(cap, past, at) >= cap.limit:
            return cap
    return None


def _count(cap: FrequencyCap, past: Sequence[Contact], at: datetime) -> int:
    since = at - timedelta(days=cap.days)
    return sum(
        1
        for contact in past
        if contact.purpose == cap.purpose
        and contact.at > since
        and (cap.counts_calls or contact.channel != Channel.VOICE_MANUAL)
    )


def past_contacts(address_ids: Iterable[int], caps: Sequence[FrequencyCap], *, at: datetime) -> list[Contact]:
    """What was reserved for these addresses within the longest span. Exact under the addresses' locks."""
    return [contact for found in past_by_address(address_ids, caps, at=at).values() for contact in found]


def past_by_address(
    address_ids: Iterable[int], caps: Sequence[FrequencyCap], *, at: datetime
) -> dict[int, list[Contact]]:
    """The same for any number of addresses, in one query."""
    found: dict[int, list[Contact]] = defaultdict(list)
    spans = [cap.days for cap in caps if cap.limit is not None]
    if not spans:
        return found
    since = at - timedelta(days=max(spans))
    rows = Attempt.objects.filter(address__in=list(address_ids), at__gt=since, state__in=COUNTED)
    for address_id, *row in rows.order_by().values_list("address_id", "at", "purpose", "channel"):
        found[address_id].append(Contact(*row))
    return found
