"""Which rules are in force? Loads calling rules, policy, emergencies and sellers in one query, as plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache, reduce

from django.db import connection

Window = tuple[time, time] | None
Week = tuple[Window, Window, Window]
"""Monday to Friday, Saturday, Sunday; None is closed."""

FEDERAL: Week = ((time(8), time(21)),) * 3  # [64.1200(c)(1)]


@dataclass(frozen=True)
class StateRule:
    """One state's row as the rules see it."""

    state: str
    version: int = 0
    week: Week = FEDERAL
    bans_holidays: bool = False
    extra_holidays: frozenset[date] = frozenset()
    holiday_states: frozenset[str] = frozenset()  # whose own holidays count, where the state is not known
    bans_in_emergency: bool = False
    overlay: Week | None = None
    overlay_channels: frozenset[str] = frozenset()
    overlay_holiday_as_sunday: bool = False
    cap_count: int | None = None
    cap_hours: int | None = None
    cap_any_subject: bool = False
    cap_automated_only: bool = False
    cap_spares_relationship: bool = False
    manual_needs_pewc: bool = False
    mobile_sales_need_consent: bool = False


@dataclass(frozen=True)
class Policy:
    """The numbers of section 11; the defaults here are the strict ones and hold where a row is missing."""

    informational_from: str = "08:00"
    informational_until: str = "21:00"
    marketing_cap: int | None = 3
    marketing_cap_hours: int = 24
    healthcare_daily_cap: int = 1
    healthcare_weekly_cap: int = 3
    rnd_recheck_days: int = 30
    rnd_required_after_days: int = 90
    dnc_scrub_max_age_days: int = 31
    ebr_purchase_months: int = 18
    ebr_inquiry_months: int = 3
    confirmation_minutes: int = 5
    exempt_max_chars: int = 160
    exempt_max_seconds: int = 60
    abandon_rate_max: Decimal = Decimal("0.03")
    answer_within_days: int = 30
    contact_stopped: bool = False

    @property
    def informational_week(self) -> Week:
        """The hours in which what does not sell may be sent, the same on every kind of day."""
        start, end = (time.fromisoformat(v) for v in (self.informational_from, self.informational_until))
        return ((start, end),) * 3


@dataclass(frozen=True)
class SellerFacts:
    """What is known of a seller that a rule asks for."""

    is_sms_sender_registered: bool = False


@dataclass(frozen=True)
class Book:
    """Everything in force at a moment. `version` changes with any rule or policy value."""

    version: str
    rules: Mapping[str, StateRule]
    policy: Policy
    strictest: StateRule
    emergencies: frozenset[str] = frozenset()
    sellers: Mapping[str, SellerFacts] | None = None

    def rule(self, state: str) -> StateRule:
        """Return the state's row; a state without one has only the federal hours."""
        return self.rules.get(state) or StateRule(state)

    def seller(self, code: str) -> SellerFacts:
        """A seller that nobody described has registered nothing."""
        return (self.sellers or {}).get(code, SellerFacts())


READ = """
SELECT (SELECT COALESCE(jsonb_agg(to_jsonb(r) - 'id' - 'created_at' - 'created_by_id' - 'starts_at' - 'retired_at'
                                  ORDER BY r.state), '[]')::text
        FROM (SELECT DISTINCT ON (state) * FROM consent_callingrule
               WHERE (starts_at IS NULL OR starts_at <= %(at)s) AND (retired_at IS NULL OR retired_at > %(at)s)
               ORDER BY state, version DESC) r),
       (SELECT COALESCE(jsonb_object_agg(p.code, p.value), '{}')::text FROM consent_policysetting p),
       (SELECT COALESCE(array_agg(e.state), '{}') FROM consent_emergency e
        WHERE e.starts_at <= %(at)s AND (e.ends_at IS NULL OR e.ends_at > %(at)s)),
       (SELECT COALESCE(jsonb_object_agg(s.code, s.is_sms_sender_registered), '{}')::text
        FROM consent_seller s WHERE s.code = ANY(%(sellers)s))
"""


def load(sellers: Iterable[str], *, at: datetime) -> Book:
    """Return the rules in force and the emergencies at an instant. One query."""
    with connection.cursor() as cursor:
        cursor.execute(READ, {"at": at, "sellers": sorted(set(sellers))})
        rules, policy, emergencies, registered = cursor.fetchone()
    base = _parse(rules, policy)
    return Book(
        base.version,
        base.rules,
        base.policy,
        base.strictest,
        frozenset(emergencies),
        {code: SellerFacts(bool(value)) for code, value in json.loads(registered).items()},
    )


@lru_cache(maxsize=8)
def _parse(rules_text: str, policy_text: str) -> Book:
    """Parse once per content; the version is the newest verification date and a fingerprint of it all."""
    rows = json.loads(rules_text)
    newest = max((row["verified_on"] for row in rows), default="none")
    print_ = hashlib.sha256(f"{rules_text}\n{policy_text}".encode()).hexdigest()[:12]
    rules = {row["state"]: _rule(row) for row in rows}
    policy = _policy(json.loads(policy_text, parse_float=Decimal))  # a share as it was written: 3 % is 3 %
    return Book(f"{newest}/{print_}", rules, policy, strictest_of(rules.values()))


def _policy(values: Mapping[str, object]) -> Policy:
    known = {field.name for field in fields(Policy)}
    return Policy(**{code: value for code, value in values.items() if code in known})  # type: ignore[arg-type]


def _rule(row: Mapping[str, object]) -> StateRule:
    return StateRule(
        state=str(row["state"]),
        version=int(str(row["version"])),
        week=_week(row, ""),
        bans_holidays=bool(row["bans_holidays"]),
        extra_holidays=frozenset(date.fromisoformat(day) for day in row["extra_holidays"]),  # type: ignore[attr-defined]
        bans_in_emergency=bool(row["bans_in_emergency"]),
        overlay=_week(row, "overlay_") if row["has_overlay"] else None,
        overlay_channels=frozenset(row["overlay_channels"]),  # type: ignore[call-overload]
        overlay_holiday_as_sunday=bool(row["overlay_holiday_as_sunday"]),
        cap_count=row["cap_count"],  # type: ignore[arg-type]
        cap_hours=row["cap_hours"],  # type: ignore[arg-type]
        cap_any_subject=row["cap_scope"] == "any",
        cap_automated_only=bool(row["cap_automated_only"]),
        cap_spares_relationship=bool(row["cap_spares_relationship"]),
        manual_needs_pewc=bool(row["manual_needs_pewc"]),
        mobile_sales_need_consent=bool(row["mobile_sales_need_consent"]),
    )


def _week(row: Mapping[str, object], prefix: str) -> Week:
    def window(day: str) -> Window:
        start, end = row[f"{prefix}{day}_start"], row[f"{prefix}{day}_end"]
        return (time.fromisoformat(str(start)), time.fromisoformat(str(end))) if start and end else None

    return window("weekday"), window("saturday"), window("sunday")


def strictest_of(rules: Iterable[StateRule]) -> StateRule:
    """Return the intersection of all rows, for a person whose state is not known [contact_rules 4, last row]."""
    rows = list(rules)
    weeks = [row.week for row in rows]
    capped = [row for row in rows if row.cap_count is not None and not row.cap_automated_only]
    tightest = min(capped, key=lambda row: (row.cap_count, -(row.cap_hours or 0)), default=None)
    return StateRule(
        "",
        week=reduce(_narrow, weeks, FEDERAL),
        bans_holidays=any(row.bans_holidays for row in rows),
        extra_holidays=frozenset().union(*(row.extra_holidays for row in rows)),
        holiday_states=frozenset(row.state for row in rows if row.bans_holidays),
        bans_in_emergency=any(row.bans_in_emergency for row in rows),
        cap_count=tightest.cap_count if tightest else None,
        cap_hours=tightest.cap_hours if tightest else None,
        manual_needs_pewc=any(row.manual_needs_pewc for row in rows),
        mobile_sales_need_consent=any(row.mobile_sales_need_consent for row in rows),
    )


def _narrow(one: Week, other: Week) -> Week:
    def both(a: Window, b: Window) -> Window:
        if a is None or b is None:
            return None
        start, end = max(a[0], b[0]), min(a[1], b[1])
        return (start, end) if start < end else None

    return both(one[0], other[0]), both(one[1], other[1]), both(one[2], other[2])
