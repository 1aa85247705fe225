"""Which grant does a contact rest on, and is there a relationship? Values in, the grant or the reason out."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from consent.book import Policy
from consent.fold import Event, begins_at
from consent.vocabulary import EventKind, Level, Purpose, Verdict, granted_as
from consent.zones import zone

SATISFIES: dict[str, frozenset[str]] = {
    Level.PEWC.value: frozenset({Level.PEWC.value}),
    Level.PEC.value: frozenset({Level.PEC.value, Level.PEWC.value}),
    Level.EMAIL_OPTIN.value: frozenset({Level.EMAIL_OPTIN.value, Level.PEWC.value}),
}


@dataclass(frozen=True)
class Found:
    """The grant that passed every test, or the code of the test at which the best one failed."""

    grant: Event | None = None
    code: str = ""


def find(grants: Sequence[Event], *, seller: str, channel: str, purpose: str, level: str, at: datetime) -> Found:
    """Test each grant in the order of contact_rules 19; any that passes is enough, else the furthest speaks."""
    if not grants:
        return Found(code="NO_CONSENT")
    named = [grant for grant in grants if grant.names(seller)]
    if not named:
        return Found(code="CONSENT_SELLER_MISMATCH")
    tested = [(_failed_test(g, channel=channel, purpose=purpose, level=level, at=at), g) for g in named]
    passing = [grant for test, grant in tested if test is None]
    if passing:
        return Found(grant=max(passing, key=lambda g: (begins_at(g), g.seq)))
    return Found(code=TESTS[max(test for test, _grant in tested if test is not None)])


TESTS = (
    "CONSENT_CHANNEL_MISMATCH",
    "CONSENT_PURPOSE_MISMATCH",
    "CONSENT_LEVEL_INSUFFICIENT",
    "CONSENT_NOT_YET_EFFECTIVE",
    "CONSENT_EXPIRED",
    "CONSENT_EVIDENCE_INCOMPLETE",
    "CONSENT_EVIDENCE_TAMPERED",
)


def _failed_test(grant: Event, *, channel: str, purpose: str, level: str, at: datetime) -> int | None:
    """Return the position of the first test that fails, or None."""
    outcomes = (
        granted_as(channel) in grant.channels,
        _covers(grant.purposes, purpose),
        grant.level in SATISFIES[level],
        begins_at(grant) <= at,
        grant.expires_at is None or at < grant.expires_at,
        level != Level.PEWC or grant.is_evidence_complete,
        grant.is_intact,
    )
    return next((place for place, passed in enumerate(outcomes) if not passed), None)


def _covers(purposes: Sequence[str], purpose: str) -> bool:
    """A marketing grant covers information too; anything that is not marketing counts as information."""
    if purpose == Purpose.MARKETING:
        return Purpose.MARKETING in purposes
    return bool({Purpose.MARKETING, Purpose.INFORMATIONAL, purpose} & set(purposes))


RELATIONS = (EventKind.PURCHASE.value, EventKind.INQUIRY.value)
ENDS = frozenset(
    {
        EventKind.EBR_TERMINATED,
        EventKind.INTERNAL_DNC,
        EventKind.REVOKE,
        EventKind.WRONG_NUMBER,
        EventKind.REASSIGNED,
        EventKind.DECEASED,
    }
)


def relationship(
    heard: Sequence[Event],
    *,
    seller: str,
    policy: Policy,
    zones: Sequence[str],
    at: datetime,
    kinds: Sequence[str] = RELATIONS,
) -> Event | None:
    """Return the purchase from, or inquiry to, this seller that makes a relationship [64.1200(f)(5), T14].

    Calendar months, the last day included, on the calendar of every zone where the person may be. Every request to
    stop ends it, a STOP by text too [V08], and only what the person does afterwards begins another. An event that
    names no seller was about the only one there is.
    """
    months = {EventKind.PURCHASE.value: policy.ebr_purchase_months, EventKind.INQUIRY.value: policy.ebr_inquiry_months}
    ended_at = max((e.occurred_at for e in heard if _is_end(e, heard)), default=None)
    alive = [
        e
        for e in heard
        if e.kind in kinds
        and e.occurred_at <= at
        and (not e.sellers or e.names(seller))
        and (ended_at is None or ended_at < e.occurred_at)
        and all(
            at.astimezone(home).date() <= add_months(e.occurred_at.astimezone(home).date(), months[e.kind])
            for home in map(zone, zones or ["UTC"])
        )
    ]
    return max(alive, key=lambda e: (e.occurred_at, e.seq), default=None)


def _is_end(event: Event, heard: Sequence[Event]) -> bool:
    """A message that a person has read as a request to stop ends it too."""
    if event.kind != EventKind.INBOUND:
        return event.kind in ENDS
    if event.verdict == Verdict.REVIEW:
        return any(e.about == event.id and e.verdict == Verdict.REVOKE for e in heard if e.kind == EventKind.REVIEW)
    return event.verdict == Verdict.REVOKE


def add_months(moment: date, months: int) -> date:
    """Return the same day of a later month, or its last day."""
    index = moment.month - 1 + months
    year, month = moment.year + index // 12, index % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
