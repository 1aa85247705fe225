"""How often is enough? Rolling caps of states, of policy and of the healthcare exemption, counted over attempts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from consent.book import Policy, StateRule
from consent.vocabulary import AUTOMATED, PHONE_CHANNELS, Purpose
from consent.zones import zone

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Past:
    """An earlier attempt that may have reached the person."""

    at: datetime
    channel: str
    purpose: str
    subject: str = ""
    attempt_id: int | None = None


class Cap(NamedTuple):
    """A cap that was looked at: what counts against it and, where it is reached, when the next contact fits again."""

    code: str
    count: int
    clears_at: datetime | None = None


def rolling(past: Sequence[Past], *, count: int, span: timedelta, at: datetime, code: str) -> Cap:
    """An attempt exactly `span` old no longer counts [contact_rules 19]."""
    recent = sorted(p.at for p in past if p.at <= at and at - p.at < span)
    if len(recent) < count:
        return Cap(code, len(recent))
    if count == 0:
        return Cap(code, len(recent), datetime.max.replace(tzinfo=UTC))
    return Cap(code, len(recent), recent[len(recent) - count] + span)


def state_cap(rule: StateRule, past: Sequence[Past], *, channel: str, subject: str, at: datetime) -> Cap | None:
    """Count marketing contacts on the same subject, or on any where the row says so; None where it has no cap."""
    if rule.cap_count is None or rule.cap_hours is None:
        return None
    if rule.cap_automated_only and channel not in AUTOMATED:
        return None
    counted = [
        p
        for p in marketing(past)
        if (rule.cap_any_subject or p.subject == subject) and (not rule.cap_automated_only or p.channel in AUTOMATED)
    ]
    span = timedelta(hours=rule.cap_hours)
    return rolling(counted, count=rule.cap_count, span=span, at=at, code="FREQ_CAP_STATE")


def policy_cap(policy: Policy, past: Sequence[Past], *, at: datetime) -> Cap | None:
    """Our own cap over all phone channels and subjects, in every state; None means no cap, 0 means never."""
    if policy.marketing_cap is None:
        return None
    span = timedelta(hours=policy.marketing_cap_hours)
    return rolling(marketing(past), count=policy.marketing_cap, span=span, at=at, code="FREQ_CAP_POLICY")


def healthcare_caps(policy: Policy, past: Sequence[Past], *, zones: Sequence[str], at: datetime) -> Iterator[Cap]:
    """One exempt contact per local calendar day and three in seven days [64.1200(a)(9)(iv), H01]."""
    exempt = [p for p in past if p.purpose == Purpose.HEALTHCARE_EXEMPT and p.channel in PHONE_CHANNELS]
    for name in zones:
        home = zone(name)
        today = at.astimezone(home).date()
        same_day = [p for p in exempt if p.at <= at and p.at.astimezone(home).date() == today]
        is_full = len(same_day) >= policy.healthcare_daily_cap
        midnight = datetime.combine(today + DAY, time(0), home).astimezone(UTC)
        yield Cap("FREQ_CAP_HEALTHCARE_DAY", len(same_day), midnight if is_full else None)
    yield rolling(exempt, count=policy.healthcare_weekly_cap, span=7 * DAY, at=at, code="FREQ_CAP_HEALTHCARE_WEEK")


def marketing(past: Sequence[Past]) -> list[Past]:
    """Return the marketing contacts over phone channels."""
    return [p for p in past if p.purpose == Purpose.MARKETING and p.channel in PHONE_CHANNELS]
