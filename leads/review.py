"""Are the rules right, by what really became of the leads? Each finding with its evidence, or what it still needs.

Leads are judged by the rules that fired when they were first scored and by whether they converted since; only those
old enough to have converted count. Many findings are tested together (Holm), so that the stated confidence holds for
the whole page and not for each line [R57, R58, R60].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet

from leads.models import Milestone, ScoringModel, ScoringRule
from leads.vocabulary import Intent, LeadType
from medcrm.lib.stats import Interval, Share, cases_needed, difference, holm, p_value, phi, weight_of_evidence

CONFIDENCE = 0.99
MATURE_AFTER = timedelta(days=30)  # a younger lead may still convert
LEAST_CASES = 50  # on either side, before anything is said at all
SAME = 0.95  # two rules that agree this much say one thing
SMALL = 0.15  # of the usual conversion: a smaller gap makes no difference that anybody would notice
AROUND = 10  # points on each side of a threshold that are compared
BOOKED_WITHIN = timedelta(days=14)


class Says:
    """What a review may say; codes, worded where they are shown."""

    WORKS = "works"
    HARMFUL = "harmful"
    USELESS = "useless"
    NEVER = "never"
    ALWAYS = "always"
    TOO_FEW = "too_few"
    UNCLEAR = "unclear"
    UNDER = "under"
    OVER = "over"
    AS_EXPECTED = "as_expected"
    SLOW = "slow"
    FAST = "fast"
    TOO_LATE = "too_late"
    BETTER_ELSEWHERE = "better_elsewhere"


@dataclass(frozen=True)
class RuleFinding:
    """One scoring rule: conversion with it and without it."""

    rule: ScoringRule
    fired: Share
    other: Share
    gap: Interval
    says: str
    missing: int = 0

    @property
    def evidence(self) -> float:
        return weight_of_evidence(self.fired, self.other)


@dataclass(frozen=True)
class PairFinding:
    """Two rules that nearly always fire together."""

    one: ScoringRule
    other: ScoringRule
    together: int
    agreement: float


@dataclass(frozen=True)
class ThresholdFinding:
    """Conversion just above and just below a threshold of a scoring model, and a better place if there is one."""

    model: ScoringModel
    name: str
    at: int
    above: Share
    below: Share
    gap: Interval
    says: str
    missing: int = 0
    better: int | None = None


@dataclass(frozen=True)
class GroupFinding:
    """A source against others of its intent, or a service against the others."""

    key: str
    name: str
    share: Share
    expected: Share
    gap: Interval
    says: str
    missing: int = 0
    intent: str = ""
    lead_type: str = ""


@dataclass(frozen=True)
class Group:
    """The leads of one source or service, to be compared with its peers."""

    key: str
    name: str
    share: Share
    intent: str = ""
    lead_type: str = ""


@dataclass(frozen=True)
class Review:
    """Everything that one review found for one kind of lead."""

    model: ScoringModel
    first: datetime
    last: datetime
    cases: int
    rules: Sequence[RuleFinding]
    pairs: Sequence[PairFinding]
    thresholds: Sequence[ThresholdFinding]


def review(model: ScoringModel, *, since: datetime, at: datetime) -> Review:
    """Judge a model's rules and thresholds by the leads captured since then that are old enough. Reads only."""
    until = at - MATURE_AFTER
    rules = {rule.pk: rule for rule in model.rules.filter(is_active=True).select_related("category")}
    whole, fired, pairs, scores = _cases(model, since, until)
    return Review(
        model, since, until, whole.of, _judge_rules(rules, fired, whole), _judge_pairs(rules, fired, pairs, whole.of),
        _judge_thresholds(model, scores),
    )  # fmt: skip


CASES = """
CREATE TEMPORARY TABLE review_cases ON COMMIT DROP AS
SELECT DISTINCT ON (s.lead_id) s.hits, s.new_score AS score, m.is_converted
  FROM leads_scorechange AS s JOIN leads_milestone AS m ON m.lead_id = s.lead_id
 WHERE s.model_id = %s AND m.left_out = '' AND m.captured_at >= %s AND m.captured_at < %s
   AND NOT EXISTS (SELECT 1 FROM leads_scorechange AS e
                    WHERE e.lead_id = s.lead_id AND e.model_id <> s.model_id AND (e.at, e.id) < (s.at, s.id))
 ORDER BY s.lead_id, s.at, s.id
"""


@transaction.atomic  # the table of cases lives as long as its transaction
def _cases(
    model: ScoringModel, since: datetime, until: datetime
) -> tuple[Share, dict[int, Share], dict[tuple[int, int], int], list[tuple[int, int, int]]]:
    """All mature leads first scored by this version: in all, per rule, per pair of rules, per score."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS review_cases")
        cursor.execute(CASES, [model.pk, since, until])
        cursor.execute("SELECT count(*) FILTER (WHERE is_converted), count(*) FROM review_cases")
        whole = Share(*cursor.fetchone())
        cursor.execute(
            "SELECT rule, count(*) FILTER (WHERE is_converted), count(*)"
            "  FROM review_cases, unnest(hits) AS rule GROUP BY 1"
        )
        fired = {rule: Share(hits, of) for rule, hits, of in cursor.fetchall()}
        cursor.execute(
            "SELECT a, b, count(*) FROM review_cases, unnest(hits) AS a, unnest(hits) AS b WHERE a < b GROUP BY 1, 2"
        )
        pairs = {(a, b): n for a, b, n in cursor.fetchall()}
        cursor.execute(
            "SELECT score, count(*) FILTER (WHERE is_converted), count(*) FROM review_cases GROUP BY 1 ORDER BY 1"
        )
        scores = list(cursor.fetchall())
        cursor.execute("DROP TABLE review_cases")
    return whole, fired, pairs, scores


def _judge_rules(rules: dict[int, ScoringRule], fired: dict[int, Share], whole: Share) -> list[RuleFinding]:
    sides = {pk: (fired.get(pk, Share(0, 0)), _rest(whole, fired.get(pk, Share(0, 0)))) for pk in rules}
    testable = [pk for pk, (one, other) in sides.items() if min(one.of, other.of) >= LEAST_CASES]
    stands = dict(zip(testable, holm([p_value(*sides[pk]) for pk in testable], CONFIDENCE), strict=True))
    found = []
    for pk, rule in rules.items():
        one, other = sides[pk]
        gap = difference(one, other, CONFIDENCE)
        says, missing = _say(one, other, gap, whole, stands.get(pk, False), is_plus=rule.points >= 0)
        found.append(RuleFinding(rule, one, other, gap, says, missing))
    return sorted(found, key=lambda f: -abs(f.evidence))


def _rest(whole: Share, part: Share) -> Share:
    return Share(whole.hits - part.hits, whole.of - part.of)


def _say(one: Share, other: Share, gap: Interval, whole: Share, stands: bool, *, is_plus: bool) -> tuple[str, int]:
    """What the figures say of a rule, and how many more cases would let them say more."""
    base = whole.rate or 0.0
    needed = cases_needed(base, max(base * SMALL, 0.01), CONFIDENCE)
    if whole.of >= needed and one.of == 0:
        return Says.NEVER, 0
    if whole.of >= needed and other.of == 0:
        return Says.ALWAYS, 0
    smaller = min(one.of, other.of)
    if smaller < LEAST_CASES:
        return Says.TOO_FEW, max(needed - smaller, 1)
    if stands:
        is_better = (one.rate or 0) > (other.rate or 0)
        return (Says.WORKS if is_better == is_plus else Says.HARMFUL), 0
    if -base * SMALL <= gap.low and gap.high <= base * SMALL:
        return Says.USELESS, 0
    return Says.UNCLEAR, max(needed - smaller, 1)


def _judge_pairs(
    rules: dict[int, ScoringRule], fired: dict[int, Share], pairs: dict[tuple[int, int], int], cases: int
) -> list[PairFinding]:
    found = []
    for (a, b), both in pairs.items():
        if a not in rules or b not in rules or both < LEAST_CASES:
            continue
        only_a, only_b = fired[a].of - both, fired[b].of - both
        agreement = phi(both, only_a, only_b, cases - both - only_a - only_b)
        if agreement >= SAME:
            found.append(PairFinding(rules[a], rules[b], both, agreement))
    return sorted(found, key=lambda f: -f.agreement)


def _judge_thresholds(model: ScoringModel, scores: Sequence[tuple[int, int, int]]) -> list[ThresholdFinding]:
    """Do leads just above a threshold convert more often than those just below it?"""
    found = []
    for name in ("high_from", "medium_from"):
        at = getattr(model, name)
        above = _within(scores, at, at + AROUND)
        below = _within(scores, at - AROUND, at)
        gap = difference(above, below, CONFIDENCE)
        smaller = min(above.of, below.of)
        whole = Share(above.hits + below.hits, above.of + below.of)
        needed = cases_needed(whole.rate or 0.1, max((whole.rate or 0.1) * SMALL, 0.01), CONFIDENCE)
        if smaller < LEAST_CASES:
            says, missing = Says.TOO_FEW, max(needed - smaller, 1)
        elif gap.low > 0:
            says, missing = Says.WORKS, 0
        elif gap.high < 0:
            says, missing = Says.HARMFUL, 0
        else:
            says, missing = (Says.UNCLEAR, max(needed - smaller, 1)) if smaller < needed else (Says.USELESS, 0)
        better = _best_cut(model, name, scores) if says in (Says.USELESS, Says.HARMFUL) else None
        found.append(ThresholdFinding(model, name, at, above, below, gap, says, missing, better))
    return found


def _best_cut(model: ScoringModel, name: str, scores: Sequence[tuple[int, int, int]]) -> int | None:
    """The cut, in steps of five, that best tells who converts from who does not [Youden, Cancer 3 (1950) 32-35]."""
    low, high = (model.medium_from + 5, 95) if name == "high_from" else (5, model.high_from - 5)
    yes = sum(hits for _score, hits, _of in scores)
    no = sum(of for _score, _hits, of in scores) - yes
    if not yes or not no:
        return None

    def youden(cut: int) -> float:
        above = _within(scores, cut, 101)
        return above.hits / yes - (above.of - above.hits) / no

    best = max(range(low, high + 1, 5), key=youden, default=None)
    return best if best != getattr(model, name) else None


def _within(scores: Sequence[tuple[int, int, int]], low: int, high: int) -> Share:
    part = [(hits, of) for score, hits, of in scores if low <= score < high]
    return Share(sum(hits for hits, _of in part), sum(of for _hits, of in part))


def judge_sources(*, since: datetime, at: datetime) -> list[GroupFinding]:
    """Each source against the others of its intent, or against all others where it stands alone in its intent, within
    each kind of lead: an agreement is not won as often as a visit is."""
    rows = (
        _mature(since, at)
        .values("source_id", "lead_type", name=F("source__name"), intent=F("source__intent"))
        .annotate(n=Count("pk"), hits=Count("pk", filter=Q(is_converted=True)))
    )
    groups: dict[str, list[Group]] = {kind: [] for kind in LeadType.values}
    for row in rows:
        share = Share(row["hits"], row["n"])
        groups[row["lead_type"]].append(Group(row["source_id"], row["name"], share, row["intent"], row["lead_type"]))
    return [found for each in groups.values() for found in _judge_groups(each, worse=Says.UNDER, better=Says.OVER)]


def judge_services(*, since: datetime, at: datetime) -> list[GroupFinding]:
    """Each service's share of bookings made within two weeks, against the other services' [R59]."""
    soon = Q(booked_at__isnull=False, booked_at__lte=F("captured_at") + BOOKED_WITHIN)
    booked = _mature(since, at).filter(booked_at__isnull=False, service__isnull=False)
    rows = booked.values("service_id", name=F("service__name")).annotate(n=Count("pk"), hits=Count("pk", filter=soon))
    groups = [Group(row["service_id"], row["name"], Share(row["hits"], row["n"])) for row in rows]
    return _judge_groups(groups, worse=Says.SLOW, better=Says.FAST)


def _mature(since: datetime, at: datetime) -> QuerySet[Milestone]:
    return Milestone.objects.filter(left_out="", captured_at__gte=since, captured_at__lt=at - MATURE_AFTER).order_by()


def _judge_groups(groups: Sequence[Group], *, worse: str, better: str) -> list[GroupFinding]:
    """Compare each group with its peers, the most extreme taken out of the peers one by one, so that a single bad
    group does not make all others look good."""
    odd: set[str] = set()
    while True:
        found = _compare(groups, odd, worse=worse, better=better)
        fresh = [f for f in found if f.says in (worse, better) and f.key not in odd]
        if not fresh:
            return sorted(found, key=lambda f: (f.share.rate or 0) - (f.expected.rate or 0))
        odd.add(min(fresh, key=lambda f: p_value(f.share, f.expected)).key)


def _compare(groups: Sequence[Group], odd: set[str], *, worse: str, better: str) -> list[GroupFinding]:
    """One pass: a gap counts when it stands together with all others and is worth noticing."""
    compared = [(group, _peers(groups, group, odd)) for group in groups]
    testable = [(group, peers) for group, peers in compared if min(group.share.of, peers.of) >= LEAST_CASES]
    tests = holm([p_value(group.share, peers) for group, peers in testable], CONFIDENCE)
    stands = {group.key: stood for (group, _peers_), stood in zip(testable, tests, strict=True)}
    found = []
    for group, peers in compared:
        gap, base = difference(group.share, peers, CONFIDENCE), peers.rate or 0.0
        needed = cases_needed(base, max(base * SMALL, 0.01), CONFIDENCE)
        smaller = min(group.share.of, peers.of)
        says, missing = Says.AS_EXPECTED, 0
        if smaller < LEAST_CASES:
            says, missing = Says.TOO_FEW, max(needed - smaller, 1)
        elif stands[group.key] and gap.high < -base * SMALL / 2:
            says = worse
        elif stands[group.key] and gap.low > base * SMALL / 2:
            says = better
        elif smaller < needed and not (-base * SMALL <= gap.low and gap.high <= base * SMALL):
            says, missing = Says.UNCLEAR, needed - smaller
        found.append(
            GroupFinding(
                group.key, group.name, group.share, peers, gap, says, missing, group.intent, group.lead_type
            )
        )  # fmt: skip
    return found


def _peers(groups: Sequence[Group], one: Group, odd: set[str]) -> Share:
    """The pooled share of the others of the same intent, or of all others where there are none."""
    others = [group for group in groups if group.key != one.key and group.key not in odd]
    pooled = [group.share for group in others if group.intent == one.intent and group.share.of]
    pooled = pooled or [group.share for group in others]
    return Share(sum(share.hits for share in pooled), sum(share.of for share in pooled))


def lower(intent: str) -> str:
    """The intent one step below, or the same where there is none."""
    order = list(Intent.values)
    return order[min(order.index(intent) + 1, len(order) - 1)]
