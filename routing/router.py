"""Who should have this lead now, and why them?

`decide` answers without writing anything, so the simulator asks the same code; `route` writes the answer: assignment,
handoff, clocks, owner and next action. Both take any number of leads in a constant number of queries, and asking again
with nothing changed writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from leads import capacity, criteria
from leads.models import Lead, Offering
from leads.services import ownership
from leads.services.ownership import NextAction, Ownership
from leads.vocabulary import Decision
from medcrm.lib.models import VersionStatus
from routing import clocks, handoff, notices, owed, packet, permission, staffing
from routing.cadence import CadenceBook
from routing.clocks import Books, ClockPlan, Standing, Wanted
from routing.goals import GoalBook
from routing.handoff import Offer
from routing.models import Agent, Assignment, Cadence, Goal, Notice, RouteSet, RoutingRule, Script, Team
from routing.owed import Act
from routing.roster import Need, Roster, may_keep, spoken_by
from routing.vocabulary import ACTIONS, ANOTHER, WRITTEN, AssignedBecause, Owed, Strategy

log = structlog.get_logger(__name__)

BATCH = 500

# What the rules do not undo until something else is owed.
PINNING = (
    AssignedBecause.REASSIGNED,
    AssignedBecause.ABSENCE,
    AssignedBecause.RETURNED,
    AssignedBecause.BREACH,
    AssignedBecause.CLAIMED,
)


@dataclass(frozen=True)
class Route:
    """Where one lead goes and the path that led there."""

    lead: Lead
    step: Owed | None
    team: Team
    rule: RoutingRule | None
    owner_id: int | None
    because: AssignedBecause
    clocks: Sequence[Wanted]
    path: Mapping[str, object]
    by_id: int | None = None
    note: str = ""
    script: Script | None = None

    @property
    def is_change(self) -> bool:
        """Whether the lead gets another team or owner than it has."""
        return (self.lead.team, self.lead.owner_id) != (self.team.pk, self.owner_id)


@dataclass(frozen=True)
class RouteReport:
    """What routing did with a batch."""

    assigned: Sequence[int] = ()
    queued: Sequence[int] = ()
    kept: Sequence[int] = ()
    released: Sequence[int] = ()
    unrouted: Sequence[int] = ()


@dataclass(frozen=True)
class Debt:
    """What a lead is owed; with `until`, by what had been done before that moment of the past."""

    lead: int
    step: Owed | None
    cycle: int
    until: datetime | None = None

    def knows(self, row: Assignment) -> bool:
        """Whether this assignment had been made by the moment that is asked about."""
        return self.until is None or row.at < self.until


@dataclass
class RuleBook:
    """The rules of one version in their order, the goals, and the team that gets the rest."""

    rule_set: RouteSet | None
    rules: Mapping[int, RoutingRule]
    books: Books
    fallback: Team | None
    documented: Mapping[str, Script] = field(default_factory=dict)  # training → its script with a consent step
    matches: Mapping[int, int] = field(default_factory=dict)
    pinned: dict[int, Team] = field(default_factory=dict)

    def match(self, leads: Sequence[Lead], steps: Mapping[int, Owed], *, at: datetime) -> None:
        """Find each lead's first rule that holds, and the team a person put it in."""
        if leads:
            queryset = Lead.objects.filter(pk__in=[lead.pk for lead in leads])
            facts = criteria.facts_query(queryset, self.asks, at=at)
            self.place(facts, {lead.pk: Debt(lead.pk, steps.get(lead.pk), lead.cycle) for lead in leads})

    def keep_word(self, promises: Mapping[Lead, Act]) -> None:
        """Leave what was promised to a lead that waits with its owner's team; where nobody has it, with that of whoever
        promised it."""
        if not promises:
            return
        teams = Team.objects.active().in_bulk()
        agents = Agent.objects.active().filter(user__in={act.by_id for act in promises.values()})
        own = dict(agents.values_list("user", "team"))
        for lead, act in promises.items():
            mine, theirs = teams.get(lead.team), teams.get(own.get(act.by_id, ""))
            if team := (mine or theirs) if lead.owner_id else (theirs or mine):
                self.pinned.setdefault(lead.pk, team)

    @property
    def asks(self) -> list[str]:
        """The facts that the rules ask for."""
        return criteria.names(rule.criteria for rule in self.rules.values())

    def place(self, facts: criteria.Sql, debts: Mapping[int, Debt]) -> None:
        """The same from rows of facts under keys of any kind: living leads, or what was known of them at a moment."""
        self.matches = criteria.first_match(facts, list(self.rules.values()))
        self.pinned = _pinned(debts)

    def rule(self, key: int) -> RoutingRule | None:
        """The rule that holds for this key; None where none does."""
        return self.rules.get(self.matches.get(key, 0))

    def team(self, key: int) -> Team | None:
        """Whose the lead is: the team a person put it in, else the rule's, else that of the rest."""
        rule = self.rule(key)
        return self.pinned.get(key) or (rule.team if rule else self.fallback)

    def script(self, lead: Lead) -> Script | None:
        """The rule's script. For a sensitive service the documented one with its consent step, or none [R26]."""
        rule, training = self.rule(lead.pk), next(iter(lead.trainings), "")
        script = rule.script if rule else None
        if not training:
            return script
        is_fit = script is not None and script.requires_consent_step and script.required_training in ("", training)
        return script if is_fit else self.documented.get(training)

    def language(self, lead: Lead, team: Team, step: Owed | None, act: Act | None) -> str:
        """What whoever gets the lead must speak [2.8]; blank where only a file is looked at, or nobody of the team
        speaks it: better one of them with an interpreter on the line than nobody.

        After a call on which no language was shared, and none was noted, somebody who speaks more than one calls again.
        """
        if step in (Owed.REVIEW, Owed.DECISION):
            return ""
        is_own = lead.language in ("", settings.LANGUAGE_CODE.partition("-")[0])
        wanted = ANOTHER if is_own and act is not None and act.met_barrier else lead.language
        is_spoken = wanted in self._spoken.get(team.pk, ())
        return wanted if is_spoken else lead.language if is_own else ""

    @cached_property
    def _spoken(self) -> Mapping[str, frozenset[str]]:
        """Team → the languages of its active agents."""
        rows = Agent.objects.active().values_list("team", "languages")
        found: dict[str, set[str]] = {}
        for team, languages in rows:
            found.setdefault(team, set()).update(spoken_by(languages))
        return {team: frozenset(languages) for team, languages in found.items()}

    def tried(self, lead: Lead) -> list[int]:
        """The rules asked for this lead, the one that held last."""
        keys, rule = list(self.rules), self.rule(lead.pk)
        return keys[: keys.index(rule.pk) + 1] if rule else keys


@transaction.atomic
def route(lead_ids: Sequence[int], *, at: datetime) -> RouteReport:
    """Route these leads, whose rows the caller has locked. Locks the cursors of the teams that get work."""
    leads = list(with_place(Lead.objects.filter(pk__in=lead_ids)).order_by("pk"))
    standing = clocks.standings(leads, at=at)
    clocks.settle(standing, {lead.pk: lead.owner_id for lead in leads})
    steps = steps_of(leads, standing)
    book = rule_book()
    routes, unrouted = decide(leads, steps, standing, book, at=at, is_real=True)
    idle = [lead for lead in leads if lead.pk not in steps]
    write([*routes, *keepers(idle, book, at=at)], idle, standing, at=at)
    if unrouted:
        log.error("no_fallback_team", leads=unrouted)
    return _report(routes, idle, unrouted)


def set_aside(lead_ids: Sequence[int], *, at: datetime) -> None:
    """Owe nothing more to these locked leads: what they were is carried on by the lead they were merged into."""
    leads = list(with_place(Lead.objects.filter(pk__in=lead_ids)).order_by("pk"))
    write([], leads, clocks.standings(leads, at=at), at=at)


def decide(
    leads: Sequence[Lead],
    steps: Mapping[int, Owed],
    standing: Mapping[int, Standing],
    book: RuleBook,
    *,
    at: datetime,
    is_real: bool,
) -> tuple[list[Route], list[int]]:
    """Choose team and owner of each lead that somebody owes something; say which no team would take.

    With `is_real` the teams' cursors are locked and moved on; without, everything stays as it is.
    """
    todo = [lead for lead in leads if lead.pk in steps]
    book.match(todo, steps, at=at)
    promised = [lead for lead in todo if steps[lead.pk] == Owed.FOLLOW_UP]
    book.keep_word({lead: act for lead in promised if (act := standing[lead.pk].act)})
    teams = {team.pk: team for lead in todo if (team := book.team(lead.pk))}
    rosters = staffing.rosters(list(teams.values()), at=at, lock=is_real)
    routes = [
        _choose(lead, steps[lead.pk], standing[lead.pk], team, book, rosters[team.pk], at=at)
        for lead in todo
        if (team := book.team(lead.pk))
    ]
    if is_real:
        staffing.save_turns(rosters)
    return routes, [lead.pk for lead in todo if not book.team(lead.pk)]


def keepers(idle: Sequence[Lead], book: RuleBook, *, at: datetime) -> list[Route]:
    """The team that answers when somebody gets in touch whom nobody owes anything and no team had before [R51].

    Held, nurtured or stopped straight from intake: without a team nobody who takes calls would find it. No clock, no
    owner, no handoff; what a team had stays with it.
    """
    new = [lead for lead in idle if not lead.team and lead.decision in (Decision.HOLD, Decision.STOP)]
    book.match(new, {}, at=at)
    return [_keeper(lead, team, book) for lead in new if (team := book.team(lead.pk))]


def _keeper(lead: Lead, team: Team, book: RuleBook) -> Route:
    rule = book.rule(lead.pk)
    because = AssignedBecause.RULE if rule else AssignedBecause.FALLBACK
    path = {"version": book.rule_set.version if book.rule_set else None, "rules": book.tried(lead)}
    return Route(lead, None, team, rule, None, because, (), path, script=book.script(lead))


def rule_book(*, rule_set: RouteSet | None = None) -> RuleBook:
    """The published rules, or those of a draft that is being tried out."""
    rules = RoutingRule.objects.filter(is_active=True, team__is_active=True).select_related(
        "team", "script", "rule_set"
    )
    wanted = {"rule_set": rule_set} if rule_set else {"rule_set__status": VersionStatus.PUBLISHED}
    ordered = {rule.pk: rule for rule in rules.filter(**wanted).order_by("position", "pk")}
    version = rule_set or next((rule.rule_set for rule in ordered.values()), None)
    books = Books(GoalBook(Goal.objects.all()), CadenceBook(Cadence.objects.all()))
    scripts = Script.objects.filter(is_active=True, requires_consent_step=True).exclude(required_training="")
    documented = {script.required_training: script for script in scripts.order_by("-pk")}
    return RuleBook(version, ordered, books, Team.objects.fallback().first(), documented)


def _pinned(debts: Mapping[int, Debt]) -> dict[int, Team]:
    """The team that a person or a breach put each lead in, while the same thing is owed in one cycle."""
    moves: dict[int, list[Assignment]] = defaultdict(list)
    rows = Assignment.objects.filter(lead__in={debt.lead for debt in debts.values()}).order_by("lead_id", "pk")
    for row in rows.select_related("to_team"):
        moves[row.lead_id].append(row)
    pinned = {}
    for key, debt in debts.items():
        last = next((row for row in reversed(moves[debt.lead]) if debt.knows(row)), None)
        if last and last.because in PINNING and (last.step, last.cycle) == (debt.step or "", debt.cycle):
            pinned[key] = last.to_team
    return pinned


def with_place(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """Leads with what a packet and a choice of staff ask of them, and the nearest clinic that is offered to them."""
    offered = capacity.offered(Offering.objects.all())
    nearest = offered.filter(miles__isnull=False).order_by("miles", "clinic")
    preferred = offered.filter(clinic=OuterRef("preferred_clinic"))
    return leads.select_related("service", "preferred_clinic").annotate(
        nearest_clinic=Subquery(nearest.values("clinic")[:1]), is_given_there=Exists(preferred)
    )


def steps_of(leads: Sequence[Lead], standing: Mapping[int, Standing]) -> dict[int, Owed]:
    """Lead → what its next step makes somebody owe; leads that need nobody are left out."""
    steps = {
        lead.pk: owed.step_owed(
            lead.decision,
            lead.next_step,
            lead.stage,
            is_booked=standing[lead.pk].visit is not None,
            is_over=standing[lead.pk].is_over,
            is_promised=owed.is_promised(standing[lead.pk].act, lead.stage, standing[lead.pk].booked_at),
        )
        for lead in leads
    }
    return {pk: step for pk, step in steps.items() if step is not None}


def _choose(
    lead: Lead, step: Owed, state: Standing, team: Team, book: RuleBook, roster: Roster, *, at: datetime
) -> Route:
    """Keep the owner who may keep it, else deal it out by the rule's strategy, else leave it in the team's queue."""
    rule, script = book.rule(lead.pk), book.script(lead)
    due = clocks.wanted(step, lead, state, team, rule, book.books, at=at)
    spoken = book.language(lead, team, step, state.act)
    need = need_of(lead, team, rule, script, min(clock.due_at for clock in due), language=spoken)
    because = AssignedBecause.RULE if rule else AssignedBecause.FALLBACK
    path: dict[str, object] = {"version": book.rule_set.version if book.rule_set else None, "rules": book.tried(lead)}
    owner_id, candidates = _keep(lead, team, need, roster, at=at)
    if owner_id is not None and owner_id != lead.owner_id:
        because = AssignedBecause.STAND_IN
    if owner_id is None and step == Owed.FOLLOW_UP:
        owner_id = _promiser(state.act, need, roster, at=at)
    if owner_id is None:
        choice = roster.choose(need, rule.strategy if rule else Strategy.ROUND_ROBIN, at=at)
        owner_id, candidates = choice.user_id, choice.why_not
        because = because if owner_id else AssignedBecause.QUEUE
    path |= {"strategy": rule.strategy if rule else Strategy.ROUND_ROBIN, "not": dict(candidates)}
    return Route(lead, step, team, rule, owner_id, because, due, path, script=script)


def need_of(
    lead: Lead,
    team: Team,
    rule: RoutingRule | None,
    script: Script | None,
    due_at: datetime,
    *,
    language: str,
    avoid: Iterable[int] = (),
) -> Need:
    """What the lead, its team, its rule and its script ask of whoever gets it."""
    trainings = {team.required_training, *lead.trainings, script.required_training if script else ""}
    return Need(
        due_at=due_at,
        language=language,
        trainings=frozenset(trainings - {""}),
        skills=frozenset(rule.required_skills if rule else ()),
        clinic=packet.clinic_of(lead) or None,
        avoid=frozenset(avoid),
        lacks_script=bool(lead.trainings) and script is None,
    )


def _keep(lead: Lead, team: Team, need: Need, roster: Roster, *, at: datetime) -> tuple[int | None, Mapping[str, str]]:
    """The owner who keeps the lead on a repeat inquiry, or the stand-in of one who is away [2.8]."""
    owner = roster.member(lead.owner_id) if lead.team == team.pk else None
    if owner is None:
        return None, {}
    is_counted = lead.next_action_due_at is not None
    why = may_keep(owner, need, at=at, is_counted=is_counted)
    if why is None:
        if not is_counted:
            owner.open_load += 1
        return owner.user_id, {}
    stand_in = roster.member(owner.stand_in) if why.is_absence else None
    if stand_in is not None and roster.may_get(stand_in, need, at=at):
        roster.give(stand_in)
        return stand_in.user_id, {owner.login: str(why)}
    return None, {}


def _promiser(act: Act | None, need: Need, roster: Roster, *, at: datetime) -> int | None:
    """Whoever promised it, where they may have the lead: they know what was said."""
    member = roster.member(act.by_id) if act else None
    if member is None or not roster.may_get(member, need, at=at):
        return None
    roster.give(member)
    return member.user_id


def write(routes: Sequence[Route], idle: Sequence[Lead], standing: Mapping[int, Standing], *, at: datetime) -> None:
    """Write what was decided. Order of locks: leads (the caller's), cursors, assignments."""
    changed = [route for route in routes if route.is_change]
    Assignment.objects.bulk_create([_assignment(route, at) for route in changed], batch_size=BATCH)
    ownership.set_owners([_ownership(route) for route in changed], at=at)
    routes = [route for route in routes if route.clocks]  # the rest owes nothing: owner and team are all there is
    # A promise, or the result of a visit, that stays with whoever has the lead is no handoff.
    stays = (Owed.FOLLOW_UP, Owed.VISIT)
    handed = [route for route in routes if route.is_change or route.step not in stays]
    packets = packet.build([route.lead for route in routes], at=at)
    handoff.sync([_offer(route, packets[route.lead.pk]) for route in handed], [lead.pk for lead in idle], at=at)
    plans = {lead.pk: ClockPlan(lead.cycle) for lead in idle}
    plans |= {r.lead.pk: ClockPlan(r.lead.cycle, r.team, r.owner_id, r.clocks) for r in routes}
    started = clocks.sync(plans, standing, at=at)
    notices.tell_supervisors(sum(clock.owed == Owed.DECISION for clock in started), Notice.Kind.EXHAUSTED, at=at)
    actions = [(route.lead, _action(route, packets[route.lead.pk])) for route in routes] + [
        (lead, NextAction(lead.pk)) for lead in idle
    ]
    ownership.set_next_actions([action for lead, action in actions if _differs(action, lead)], at=at)


def _assignment(route: Route, at: datetime) -> Assignment:
    return Assignment(
        lead=route.lead,
        from_team_id=route.lead.team or None,
        from_owner_id=route.lead.owner_id,
        to_team=route.team,
        to_owner_id=route.owner_id,
        because=route.because,
        rule=route.rule,
        path=dict(route.path),
        step=route.step or "",
        cycle=route.lead.cycle,
        by_id=route.by_id,
        note=route.note,
        at=at,
    )


def _ownership(route: Route) -> Ownership:
    why = route.note or (f"rule “{route.rule.name}”" if route.rule else "no rule held")
    who = "assigned" if route.owner_id else "waiting in the team's queue: nobody may take it now"
    if not route.clocks and not route.owner_id:
        who = "answers when they get in touch; nothing is owed"
    text = f"{route.team.name}: {who} ({AssignedBecause(route.because).label}: {why})."
    return Ownership(route.lead.pk, route.team.pk, route.owner_id, text, route.by_id)


def _offer(route: Route, facts: packet.Packet) -> Offer:
    first, script = min(route.clocks, key=lambda clock: clock.due_at), route.script
    promised = {"action": ACTIONS[first.owed], "due_at": first.due_at.isoformat(), "is_promise": first.is_promise}
    return Offer(
        lead_id=route.lead.pk,
        from_team=route.lead.team or None,
        from_owner=route.lead.owner_id,
        to_team=route.team.pk,
        to_owner=route.owner_id,
        packet=facts | {"promised": promised, "script": script.pk if script else ""},
        rule_id=route.rule.pk if route.rule else None,
        script_id=script.pk if script else None,
    )


def _action(route: Route, facts: packet.Packet) -> NextAction:
    """What is owed first, and by which way where calls were withdrawn [R47]."""
    first = min(route.clocks, key=lambda clock: clock.due_at)
    text = f"{ACTIONS[first.owed]}: {first.why}" if first.why else ACTIONS[first.owed]
    if ways := permission.instead_of_calls(route.lead, facts["channels"]):  # type: ignore[arg-type]
        text = f"{WRITTEN.get(first.owed, ACTIONS[first.owed])} {ways}: no calls"
    return NextAction(route.lead.pk, text, first.due_at)


def _differs(action: NextAction, lead: Lead) -> bool:
    return (action.text, action.due_at) != (lead.next_action, lead.next_action_due_at)


def _report(routes: Sequence[Route], idle: Sequence[Lead], unrouted: Sequence[int]) -> RouteReport:
    return RouteReport(
        assigned=[route.lead.pk for route in routes if route.is_change and route.owner_id],
        queued=[route.lead.pk for route in routes if not route.owner_id],
        kept=[route.lead.pk for route in routes if not route.is_change and route.owner_id],
        released=[lead.pk for lead in idle],
        unrouted=unrouted,
    )
