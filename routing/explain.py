"""Why did this lead go where it did, and where would it go now, under today's rules or a draft?

`simulate` asks `router.decide`, the code that routes for real, and leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from leads.models import Lead
from routing import clocks, router
from routing.models import Assignment, RouteSet, RoutingRule
from routing.vocabulary import WhyNot


@dataclass(frozen=True)
class Step:
    """One rule that was asked, in words, and whether it held."""

    name: str
    sentence: str
    held: bool


@dataclass(frozen=True)
class Explanation:
    """The path of one routing, ready to show."""

    team: str
    owner: str
    because: str
    version: int | None
    steps: tuple[Step, ...]
    passed_over: Mapping[str, str]
    due_at: datetime | None = None


def explain(assignment: Assignment) -> Explanation:
    """Say a stored assignment's path in words; the rules it names are kept as they were."""
    path = assignment.path
    return Explanation(
        team=assignment.to_team.name,
        owner=str(assignment.to_owner or ""),
        because=assignment.note or assignment.get_because_display(),
        version=path.get("version"),
        steps=_steps(path.get("rules", []), assignment.rule_id),
        passed_over=_passed_over(path.get("not", {})),
    )


def simulate(lead_id: int, *, at: datetime, rule_set: RouteSet | None = None) -> Explanation | None:
    """Where this lead would go now; None when it needs nobody or no team would take it. Writes nothing."""
    leads = list(router.with_place(Lead.objects.filter(pk=lead_id)))
    standing = clocks.standings(leads, at=at)
    steps = router.steps_of(leads, standing)
    book = router.rule_book(at=at, rule_set=rule_set)
    routes, _ = router.decide(leads, steps, standing, book, at=at, is_real=False)
    if not routes:
        return None
    route = routes[0]
    owner = next((agent for agent in route.team.agents.select_related("user") if agent.user_id == route.owner_id), "")
    return Explanation(
        team=route.team.name,
        owner=str(owner),
        because=route.rule.name if route.rule else str(route.because.label),
        version=book.rule_set.version if book.rule_set else None,
        steps=_steps(route.path["rules"], route.rule.pk if route.rule else None),
        passed_over=_passed_over(route.path["not"]),
        due_at=min(clock.due_at for clock in route.clocks),
    )


@transaction.atomic
def simulate_new(fields: Mapping[str, object], *, at: datetime, rule_set: RouteSet | None = None) -> Explanation | None:
    """Where a lead with these fields would go: it is made, asked about, and unmade."""
    point = transaction.savepoint()
    lead = Lead.objects.create(**{"created_at": at, **fields})
    answer = simulate(lead.pk, at=at, rule_set=rule_set)
    transaction.savepoint_rollback(point)
    return answer


def _steps(keys: object, held: int | None) -> tuple[Step, ...]:
    rules = RoutingRule.objects.in_bulk(list(keys))  # type: ignore[call-overload]
    return tuple(
        Step(rules[pk].name, rules[pk].sentence, pk == held)
        for pk in keys  # type: ignore[attr-defined]
        if pk in rules
    )


def _passed_over(codes: object) -> dict[str, str]:
    return {login: str(WhyNot(code).label) for login, code in dict(codes).items()}  # type: ignore[call-overload]
