"""Which grant does a contact rest on, and is there a relationship? Values in, the grant or the reason out."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from consent.book import Policy
from consent.fold import Event, begins_at
from consent.vocabulary import EventKind, Level, Purpose, granted_as

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


def relationship(heard: Sequence[Event], *, policy: Policy, at: datetime) -> Event | None:
    """Return the purchase or inquiry that makes an established relationship [64.1200(f)(5), T14].

    Calendar months, the last day included; ended by the person's word or by a do-not-call request.
    """
    months = {EventKind.PURCHASE: policy.ebr_purchase_months, EventKind.INQUIRY: policy.ebr_inquiry_months}
    ends = [e.occurred_at for e in heard if e.kind in (EventKind.EBR_TERMINATED, EventKind.INTERNAL_DNC)]
    alive = [
        e
        for e in heard
        if e.kind in months
        and e.occurred_at <= at
        and at.date() <= add_months(e.occurred_at.date(), months[EventKind(e.kind)])
        and not any(end >= e.occurred_at for end in ends)
    ]
    return max(alive, key=lambda e: (e.occurred_at, e.seq), default=None)


def add_months(moment: date, months: int) -> date:
    """Return the same day of a later month, or its last day."""
    index = moment.month - 1 + months
    year, month = moment.year + index // 12, index % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
