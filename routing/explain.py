"""Why did this lead go where it did, and where would it go now, under today's rules or a draft?

`simulate` asks `router.decide`, the code that routes for real, and leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consent import addresses
from leads import qualification, scoring
from leads.models import Lead
from leads.services import answers
from routing import clocks, router
from routing.models import Agent, Assignment, RouteSet, RoutingRule, Script
from routing.vocabulary import ACTIONS, Strategy, WhyNot


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
    strategy: str = ""
    script: Script | None = None
    action: str = ""


@dataclass(frozen=True)
class Answer:
    """What a simulation found: the lead as the road would leave it, and its route; none where nobody is needed."""

    lead: Lead
    told: Explanation | None = None


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
        strategy=_strategy(path.get("strategy", "")),
    )


def simulate(lead_id: int, *, at: datetime, rule_set: RouteSet | None = None) -> Explanation | None:
    """Where this lead would go now; None when it needs nobody or no team would take it. Writes nothing."""
    leads = list(router.with_place(Lead.objects.filter(pk=lead_id)))
    standing = clocks.standings(leads, at=at)
    steps = router.steps_of(leads, standing)
    book = router.rule_book(rule_set=rule_set)
    routes, _ = router.decide(leads, steps, standing, book, at=at, is_real=False)
    if not routes:
        return None
    route = routes[0]
    owner = Agent.objects.select_related("user").filter(user=route.owner_id).first() if route.owner_id else None
    first = min(route.clocks, key=lambda clock: clock.due_at)
    return Explanation(
        team=route.team.name,
        owner=str(owner or ""),
        because=route.rule.name if route.rule else str(route.because.label),
        version=book.rule_set.version if book.rule_set else None,
        steps=_steps(route.path["rules"], route.rule.pk if route.rule else None),
        passed_over=_passed_over(route.path["not"]),
        due_at=first.due_at,
        strategy=_strategy(str(route.path["strategy"])),
        script=route.script,
        action=ACTIONS[first.owed],
    )


@transaction.atomic
def simulate_new(
    fields: Mapping[str, object], *, at: datetime, rule_set: RouteSet | None = None, phone: str = ""
) -> Answer:
    """Where an inquiry with these fields, in codes, would go: a lead is made, walks the road, and is unmade."""
    point = transaction.savepoint()
    given = dict(fields)
    lead = Lead(lead_type=given.pop("lead_type"), source_id=given.pop("source"), created_at=at)
    answers.write_fields(lead, given, at=at)
    if phone:
        lead.phone = addresses.lock_addresses([(addresses.PHONE, phone)])[addresses.PHONE, phone]
    lead.save()
    scoring.score_leads([lead.pk], at=at)
    qualification.assess_leads([lead.pk], at=at)
    qualification.choose_next_steps([lead.pk], at=at)
    told = simulate(lead.pk, at=at, rule_set=rule_set)
    lead = Lead.objects.select_related("service", "preferred_clinic", "hold_reason", "stop_reason").get(pk=lead.pk)
    transaction.savepoint_rollback(point)
    return Answer(lead, told)


def _steps(keys: object, held: int | None) -> tuple[Step, ...]:
    rules = RoutingRule.objects.in_bulk(list(keys))  # type: ignore[call-overload]
    return tuple(
        Step(rules[pk].name, rules[pk].sentence, pk == held)
        for pk in keys  # type: ignore[attr-defined]
        if pk in rules
    )


def _passed_over(codes: object) -> dict[str, str]:
    """Login → why not, with the name in the login's place."""
    found = dict(codes)  # type: ignore[call-overload]
    agents = Agent.objects.filter(user__username__in=found).select_related("user") if found else ()
    names = {agent.user.get_username(): str(agent) for agent in agents}
    return {names.get(login, login): str(WhyNot(code).label) for login, code in found.items()}


def _strategy(code: str) -> str:
    return str(Strategy(code).label) if code in Strategy.values else ""
