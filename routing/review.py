"""Are the routing rules asked in the right order, by what the teams sent back? And what is slow to book? [R58, R59]

A lead that two rules mean goes to the first. Where the first one's team returns such leads as belonging to another team
far more often than its other leads, and they then end up with the second one's team, the second should be asked first.
Judged by what was known when the handoff was offered. Where a service is slow to book, a rule of its own has its leads
called sooner.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import Count
from django.utils.translation import gettext as _

from leads import criteria, snapshots
from leads.models import Proposal
from leads.review import BOOKED_WITHIN, CONFIDENCE, LEAST_CASES, GroupFinding, Says, judge_services
from leads.services import proposals
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionStatus
from medcrm.lib.stats import Interval, Share, cases_needed, difference, holm, p_value
from medcrm.lib.versions import open_draft
from medcrm.lib.writing import update_rows
from routing.goals import GoalBook, Target
from routing.models import Assignment, Goal, RouteSet, RoutingRule
from routing.vocabulary import Owed

SETTLED_AFTER = timedelta(days=7)  # a younger handoff may still be returned
HALF_A_DAY, MOST_MINUTES = 240, 10_000  # of working time
LEAST_MINUTES = 15  # nobody is asked to book sooner than that
NOTICED = 0.05  # a smaller gap in what is returned is not worth another order


@dataclass(frozen=True)
class OrderFinding:
    """Of the leads that both rules mean and the first took: how many its team returned, and who had them then."""

    first: RoutingRule
    second: RoutingRule
    both: Share
    other: Share  # its other leads
    went: int  # of the returned, how many the second one's team had afterwards
    gap: Interval
    says: str
    missing: int = 0


@dataclass(frozen=True)
class Overlap:
    """What was counted of one pair of rules."""

    first: RoutingRule
    second: RoutingRule
    both: Share
    other: Share
    went: int


def judge_order(*, since: datetime, at: datetime) -> list[OrderFinding]:
    """Every pair of rules in force that mean the same leads, by the handoffs offered since then. Reads only."""
    rules = list(
        RoutingRule.objects.filter(rule_set__status=VersionStatus.PUBLISHED, is_active=True, team__is_active=True)
        .select_related("team", "rule_set")
        .order_by("position", "pk")
    )
    pairs = _overlaps(rules, since, at - SETTLED_AFTER)
    testable = [pair for pair in pairs if min(pair.both.of, pair.other.of) >= LEAST_CASES]
    tests = holm([p_value(pair.both, pair.other) for pair in testable], CONFIDENCE)
    stands = {(pair.first.pk, pair.second.pk) for pair, stood in zip(testable, tests, strict=True) if stood}
    return [_judge(pair, (pair.first.pk, pair.second.pk) in stands) for pair in pairs]


def _judge(pair: Overlap, stands: bool) -> OrderFinding:
    gap, smaller = difference(pair.both, pair.other, CONFIDENCE), min(pair.both.of, pair.other.of)
    needed = cases_needed(pair.other.rate or 0.0, NOTICED, CONFIDENCE)
    says, missing = Says.AS_EXPECTED, 0
    if smaller < LEAST_CASES:
        says, missing = Says.TOO_FEW, max(needed - smaller, 1)
    elif stands and gap.low > 0 and 2 * pair.went > pair.both.hits:
        says = Says.TOO_LATE
    elif smaller < needed and gap.high > NOTICED:
        says, missing = Says.UNCLEAR, needed - smaller
    return OrderFinding(pair.first, pair.second, pair.both, pair.other, pair.went, gap, says, missing)


OFFERED = """
SELECT h.rule_id, h.lead_id AS lead, h.return_reason = 'wrong_team' AS returned,
       CASE WHEN h.return_reason = 'wrong_team' THEN ARRAY(
           SELECT DISTINCT a.to_team_id FROM routing_assignment AS a
            WHERE a.lead_id = h.lead_id AND a.at > h.returned_at) END AS teams {columns}
  FROM routing_handoff AS h
  JOIN leads_milestone AS m ON m.lead_id = h.lead_id AND m.left_out = ''
  JOIN LATERAL (SELECT * FROM leads_snapshot AS s WHERE s.lead_id = h.lead_id AND s.at <= h.offered_at
                 ORDER BY s.at DESC, s.id DESC LIMIT 1) AS decided ON TRUE
 WHERE h.rule_id = ANY(%s) AND h.offered_at >= %s AND h.offered_at < %s
"""


def _overlaps(rules: Sequence[RoutingRule], since: datetime, until: datetime) -> list[Overlap]:
    """The pairs of which any lead was meant by both, counted in one statement."""
    facts = OFFERED.format(columns=snapshots.columns_after(criteria.names(rule.criteria for rule in rules)))
    held, counts = "", ""
    params: list[object] = []
    for place, rule in enumerate(rules):
        sql, values = criteria.condition_sql(rule.criteria)
        held += f", {sql} AS r_{place}"
        params += values
    for place in range(len(rules)):
        counts += (
            f", count(*) FILTER (WHERE r_{place}), count(*) FILTER (WHERE r_{place} AND returned),"
            f" count(*) FILTER (WHERE r_{place} AND returned AND %s = ANY(teams))"
        )
    query = (
        f"SELECT rule_id, count(*), count(*) FILTER (WHERE returned){counts}"  # noqa: S608 - places are integers of ours
        f"  FROM (SELECT facts.*{held} FROM ({facts}) AS facts) AS held GROUP BY rule_id"
    )
    teams = [rule.team_id for rule in rules]
    with connection.cursor() as cursor:
        cursor.execute(query, [*teams, *params, [rule.pk for rule in rules], since, until])
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    found = []
    for place, first in enumerate(rules):
        whole, returned, *counted = rows.get(first.pk, (0, 0))
        for later in range(place + 1, len(rules) if counted else 0):
            of, hits, went = counted[3 * later : 3 * later + 3]
            if of and rules[later].team_id != first.team_id:
                found.append(Overlap(first, rules[later], Share(hits, of), Share(returned - hits, whole - of), went))
    return sorted(found, key=lambda pair: -pair.both.of)


# Proposals


def propose_order(since: datetime, at: datetime) -> list[Proposal]:
    """One proposal for each rule that is asked too late, against the first rule that takes its leads."""
    made: dict[int, Proposal] = {}
    found = [f for f in judge_order(since=since, at=at) if f.says == Says.TOO_LATE]
    for finding in sorted(found, key=lambda f: (f.first.position, f.first.pk)):
        made.setdefault(finding.second.pk, _proposal(finding, at))
    return list(made.values())


def _proposal(found: OrderFinding, at: datetime) -> Proposal:
    order = list(found.first.rule_set.rules.order_by("position", "pk").values_list("pk", flat=True))
    evidence = (
        f"Of {found.both.of:,} leads that both rules mean, {found.first.team.name} returned"
        f" {100 * (found.both.rate or 0):.1f} % as another team's and {found.second.team.name} had {found.went:,} of"
        f" them afterwards; of its {found.other.of:,} other leads it returned {100 * (found.other.rate or 0):.1f} %"
        f" ({CONFIDENCE:.0%} sure that the gap is between {100 * found.gap.low:+.1f} and {100 * found.gap.high:+.1f}"
        " points)."
    )
    return Proposal(
        kind=Proposal.Kind.ORDER, about=str(found.second.pk), evidence=evidence, made_at=at,
        title=f"Ask “{found.second.name}” before “{found.first.name}”"[:200],
        old_value=str(order.index(found.second.pk) + 1), new_value=str(order.index(found.first.pk) + 1),
    )  # fmt: skip


def change_order(row: Proposal, value: str, by: AbstractBaseUser, at: datetime) -> None:
    """Move the rule to this place of the order in a draft. Raise RuleError where that cannot be done any more."""
    moved, order = _drafted(int(row.about))
    place = proposals.whole_number(value, least=1, most=len(order))
    order.remove(moved)
    order.insert(place - 1, moved)
    _number(order)


def _drafted(rule_id: int) -> tuple[RoutingRule, list[RoutingRule]]:
    """The copy of a rule in force in the open draft, or in a new one, and all rules there in their order."""
    rule = RoutingRule.objects.get(pk=rule_id)
    draft = open_draft(RouteSet, rule.rule_set_id, note=proposals.NOTE)
    order = list(draft.rules.order_by("position", "pk"))
    drafted = next((other for other in order if other.name == rule.name), None)
    if drafted is None:
        raise RuleError("NOT_IN_DRAFT", _("The open draft has no such rule any more; change it there by hand."))
    return drafted, order


def _number(order: Sequence[RoutingRule]) -> None:
    for position, rule in enumerate(order, start=1):
        rule.position = 10 * position
    update_rows(order, ["position"])


def propose_goals(since: datetime, at: datetime) -> list[Proposal]:
    """For each service that is slow to book: a rule of its own before the one that most of its bookings go by."""
    slow = [found for found in judge_services(since=since, at=at) if found.says == Says.SLOW]
    goals = GoalBook(Goal.objects.all()) if slow else None
    return [_sooner(found, rule, goals, at) for found in slow if (rule := _usual_rule(found.key, since))]


def _usual_rule(service: str, since: datetime) -> RoutingRule | None:
    """The rule in force by which most leads of this service were given to somebody who books them."""
    in_force = RoutingRule.objects.filter(rule_set__status=VersionStatus.PUBLISHED, is_active=True)
    given = Assignment.objects.filter(rule__in=in_force, step=Owed.BOOKING, lead__service=service, at__gte=since)
    most = given.order_by().values("rule").annotate(n=Count("pk")).order_by("-n", "rule").first()
    return in_force.select_related("team").get(pk=most["rule"]) if most else None


def _sooner(found: GroupFinding, rule: RoutingRule, goals: GoalBook, at: datetime) -> Proposal:
    """Half of the working time that such a booking is given now; half a day where it is given days."""
    now = goals.target(Owed.BOOKING, rule.team_id, "", rule)
    evidence = (
        f"{100 * (found.share.rate or 0):.1f} % of its {found.share.of:,} bookings were made within"
        f" {BOOKED_WITHIN.days} days, {100 * (found.expected.rate or 0):.1f} % of {found.expected.of:,} of the other"
        f" services. A rule of its own before “{rule.name}” has {rule.team.name} call sooner; look at its open slots"
        " too, and at what its sequences collect beforehand."
    )
    return Proposal(
        kind=Proposal.Kind.GOAL, about=f"{rule.pk}:{found.key}", evidence=evidence, made_at=at,
        title=f"Book “{found.name}” sooner"[:200], old_value=_in_words(now),
        new_value=str(max(LEAST_MINUTES, now.minutes // 2) if now.minutes is not None else HALF_A_DAY),
    )  # fmt: skip


def _in_words(target: Target) -> str:
    return str(target.minutes) if target.minutes is not None else f"{target.business_days} business days"


def change_goal(row: Proposal, value: str, by: AbstractBaseUser, at: datetime) -> None:
    """Give a service's leads a goal of their own in a draft. Raise RuleError where that cannot be done any more."""
    key, _sep, service = row.about.partition(":")
    usual, order = _drafted(int(key))
    minutes = proposals.whole_number(value, least=1, most=MOST_MINUTES)
    name = f"{usual.name}: {service}"[: RoutingRule._meta.get_field("name").max_length]
    own = next((rule for rule in order if rule.name == name), None)
    if own is None:
        own = copy.copy(usual)
        own.pk, own.name = None, name
        own.criteria = [[*group, {"fact": "service", "op": "is", "value": service}] for group in usual.criteria]
        order.insert(order.index(usual), own)
    own.goal_minutes, own.goal_business_days = minutes, None
    own.save()
    _number(order)


proposals.register(Proposal.Kind.ORDER, "routing.add_routeset", propose_order, change_order)
proposals.register(Proposal.Kind.GOAL, "routing.add_routeset", propose_goals, change_goal)
