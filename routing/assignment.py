"""How do people and breaches move leads that the rules already placed?

Every move goes through the same writer as the rules: history, handoff, clocks, owner and next action, in one
transaction. What a person decided, the rules leave alone until something else is owed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from leads.models import Lead
from medcrm.lib.errors import RuleError
from routing import clocks, handoff, notices, router, staffing
from routing.clocks import Standing
from routing.models import Agent, Assignment, Handoff, Notice, Team
from routing.roster import Choice, Member, Need, Roster, why_not_eligible
from routing.router import Route, RuleBook
from routing.vocabulary import AssignedBecause, Owed, Strategy, WhyNot

BATCH = 500  # leads moved in one transaction


@dataclass(frozen=True)
class MoveReport:
    """Which leads moved, and the code for each that did not."""

    moved: Sequence[int] = ()
    refused: Mapping[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """“12 moved, 3 refused: UNTRAINED x2, UNCHANGED x1”, as an action reports it."""
        counts = ", ".join(f"{code.upper()} x{n}" for code, n in Counter(self.refused.values()).most_common())
        return f"{len(self.moved)} moved" + (f", {len(self.refused)} refused: {counts}" if counts else "")


@transaction.atomic
def reassign(
    lead_ids: Sequence[int],
    *,
    to: Sequence[int] = (),
    team: str = "",
    reason: str,
    by: AbstractBaseUser,
    at: datetime,
    because: AssignedBecause = AssignedBecause.REASSIGNED,
) -> MoveReport:
    """Give leads to these users in turn (least loaded first), or to a team that deals them out. Locks the leads.

    A supervisor may go over a cap, never over a required training. Raise RuleError without a reason or a target.
    """
    if not reason.strip():
        raise RuleError("REASON_MISSING", _("Say why you are reassigning; it is kept in the history."), field="reason")
    desk = _desk(lead_ids, at=at)
    target = _team(to, team)
    roster = staffing.rosters([target], at=at, lock=True)[target.pk]
    routes, refused = [], {}
    for lead in desk.leads:
        found = _hand_to(lead, to, desk.need(lead, target, at), roster, at=at)
        if isinstance(found, WhyNot) or (target.pk, found.user_id) == (lead.team, lead.owner_id):
            refused[lead.pk] = str(found) if isinstance(found, WhyNot) else "unchanged"
            continue
        routes.append(desk.route(lead, target, found, because, by=by, note=reason, at=at))
    staffing.save_turns({target.pk: roster})
    desk.write(routes, at=at)
    _tell(routes, by, at)
    return MoveReport([route.lead.pk for route in routes], refused)


def reassign_all(
    lead_ids: Sequence[int],
    *,
    to: Sequence[int] = (),
    team: str = "",
    reason: str,
    by: AbstractBaseUser,
    at: datetime,
    because: AssignedBecause = AssignedBecause.REASSIGNED,
) -> MoveReport:
    """Reassign any number of leads, a batch to a transaction, so that no batch keeps others waiting."""
    moved: list[int] = []
    refused: dict[int, str] = {}
    for start in range(0, len(lead_ids), BATCH):
        batch = lead_ids[start : start + BATCH]
        report = reassign(batch, to=to, team=team, reason=reason, by=by, at=at, because=because)
        moved += report.moved
        refused |= report.refused
    return MoveReport(moved, refused)


@transaction.atomic
def give_back(lead_id: int, reason: str, note: str = "", *, by: AbstractBaseUser, at: datetime) -> Handoff:
    """Return a handoff: the lead goes back to who sent it, or to the fallback team. Locks the lead.

    Raise NotOffered, or RuleError when the reason is missing.
    """
    desk = _desk([lead_id], at=at)
    row = handoff.mark_returned(lead_id, reason, note, by=by, at=at)
    sender = row.from_team if row.from_team_id and row.from_team_id != row.to_team_id else desk.book.fallback
    if sender is None or not desk.leads:
        return row
    roster = staffing.rosters([sender], at=at, lock=True)[sender.pk]
    lead = desk.leads[0]
    need = desk.need(lead, sender, at, avoid={by.pk})
    back = roster.member(row.from_owner_id)
    if back is not None and roster.may_get(back, need, at=at):
        roster.give(back)
        choice = Choice(back.user_id)
    else:
        choice = roster.choose(need, Strategy.ROUND_ROBIN, at=at)
    staffing.save_turns({sender.pk: roster})
    why = note or row.get_return_reason_display()
    route = desk.route(lead, sender, choice, AssignedBecause.RETURNED, by=by, note=str(why), at=at)
    desk.write([route], at=at)
    _tell([route], by, at, kind=Notice.Kind.RETURNED)
    return row


@transaction.atomic
def move_breached(lead_ids: Sequence[int], *, to_fallback: bool, at: datetime) -> list[Route]:
    """Give leads whose clock was breached to somebody else of the team, or to the fallback team. Locks the leads."""
    desk = _desk(lead_ids, at=at)
    teams = {lead.pk: desk.book.fallback if to_fallback else desk.team_of(lead) for lead in desk.leads}
    rosters = staffing.rosters(list({team.pk: team for team in teams.values() if team}.values()), at=at, lock=True)
    routes = []
    for lead in desk.leads:
        team = teams[lead.pk]
        if team is None or lead.pk not in desk.steps:
            continue
        avoid = {lead.owner_id} if lead.owner_id else set()
        choice = rosters[team.pk].choose(desk.need(lead, team, at, avoid=avoid), Strategy.LEAST_OPEN, at=at)
        # With nobody else to take it, it stays where it is: late, and seen.
        if choice.user_id is not None or team.pk != lead.team:
            routes.append(desk.route(lead, team, choice, AssignedBecause.BREACH, note="not done in time", at=at))
    staffing.save_turns(rosters)
    desk.write(routes, at=at)
    return routes


def claim(lead_id: int, agent: Agent, *, at: datetime, note: str = "") -> WhyNot | None:
    """Make a locked lead of the queue this agent's if training, language, presence and caps allow, else say why not.

    Callers do not wait for each other: what one takes is no turn of the team's. The caller of this sees to it that an
    agent claims one lead at a time.
    """
    desk = _desk([lead_id], at=at)
    if not desk.leads or desk.leads[0].owner_id is not None:
        return WhyNot.TAKEN
    lead, team = desk.leads[0], agent.team
    why = why_not_eligible(staffing.member(agent, at=at), desk.need(lead, team, at), at=at)
    if why is None:
        choice = Choice(agent.user_id)
        route = desk.route(lead, team, choice, AssignedBecause.CLAIMED, by=agent.user, note=note, at=at)
        desk.write([route], at=at)
    return why


def replay(lead_ids: Iterable[int]) -> dict[int, tuple[str, int | None]]:
    """Lead → team and owner, as the log alone says: the fold of its assignments in key order."""
    folded: dict[int, tuple[str, int | None]] = {}
    rows = Assignment.objects.filter(lead__in=lead_ids).order_by("pk")
    for lead, team, owner in rows.values_list("lead", "to_team", "to_owner"):
        folded[lead] = (team, owner)
    return folded


@dataclass
class _Desk:
    """Locked leads with everything that a move needs to know of them."""

    leads: list[Lead]
    steps: Mapping[int, Owed]
    standing: Mapping[int, Standing]
    book: RuleBook
    teams: Mapping[str, Team]

    def team_of(self, lead: Lead) -> Team | None:
        return self.teams.get(lead.team)

    def need(self, lead: Lead, team: Team, at: datetime, *, avoid: Iterable[int] = ()) -> Need:
        """What the lead asks of whoever gets it; the rule's own wishes hold in the rule's team only."""
        due_at = min((clock.due_at for clock in self.clocks(lead, team, at)), default=at)
        rule = self.book.rule(lead.pk)
        rule = rule if rule and rule.team_id == team.pk else None
        spoken = self.book.language(lead, team, self.steps.get(lead.pk), self.standing[lead.pk].act)
        return router.need_of(lead, team, rule, self.book.script(lead), due_at, language=spoken, avoid=avoid)

    def clocks(self, lead: Lead, team: Team, at: datetime) -> list[clocks.Wanted]:
        if lead.pk not in self.steps:
            return []
        return clocks.wanted(
            self.steps[lead.pk], lead, self.standing[lead.pk], team, self.book.rule(lead.pk), self.book.books, at=at
        )

    def route(
        self,
        lead: Lead,
        team: Team,
        choice: Choice,
        because: AssignedBecause,
        *,
        at: datetime,
        by: AbstractBaseUser | None = None,
        note: str = "",
    ) -> Route:
        rule, step = self.book.rule(lead.pk), self.steps.get(lead.pk)
        version = self.book.rule_set.version if self.book.rule_set else None
        path = {"version": version, "rules": self.book.tried(lead), "not": dict(choice.why_not)}
        due, script, by_id = self.clocks(lead, team, at), self.book.script(lead), by.pk if by else None
        return Route(lead, step, team, rule, choice.user_id, because, due, path, by_id, note, script)

    def write(self, routes: Sequence[Route], *, at: datetime) -> None:
        router.write(routes, [], self.standing, at=at)


def _desk(lead_ids: Sequence[int], *, at: datetime) -> _Desk:
    list(Lead.objects.filter(pk__in=lead_ids).only("pk").lock())
    leads = list(router.with_place(Lead.objects.filter(pk__in=lead_ids, merged_into=None)).order_by("pk"))
    standing = clocks.standings(leads, at=at)
    steps = router.steps_of(leads, standing)
    book = router.rule_book()
    book.match([lead for lead in leads if lead.pk in steps], steps, at=at)
    return _Desk(leads, steps, standing, book, Team.objects.in_bulk())


def _team(to: Sequence[int], team: str) -> Team:
    """The one team the targets belong to."""
    codes = set(Agent.objects.filter(user__in=to).values_list("team", flat=True)) if to else {team}
    if to and Agent.objects.filter(user__in=to, user__is_active=True).count() != len(set(to)):
        raise RuleError("NOT_AN_AGENT", _("Choose active members of a team."), field="to")
    if len(codes) != 1:
        raise RuleError("ONE_TEAM", _("Choose people of one team only."), field="to")
    found = Team.objects.active().filter(pk__in=codes).first()
    if found is None:
        raise RuleError("NO_TARGET", _("Choose who, or which team, gets them."), field="to")
    return found


def _hand_to(lead: Lead, to: Sequence[int], need: Need, roster: Roster, *, at: datetime) -> Choice | WhyNot:
    """Who gets it: the least loaded of those named who is trained, or by the team's own turn."""
    if not to:
        return roster.choose(replace(need, avoid=frozenset({lead.owner_id} - {None})), Strategy.ROUND_ROBIN, at=at)
    if need.lacks_script:
        return WhyNot.NO_SCRIPT
    named = [member for member in roster.members if member.user_id in to]
    trained = [member for member in named if need.trainings <= member.trainings]
    if not trained:
        return WhyNot.UNTRAINED
    chosen: Member = min(trained, key=lambda member: (member.open_load, member.last_turn, member.user_id))
    if chosen.user_id != lead.owner_id:
        roster.give(chosen)
    why_not = {m.login: str(WhyNot.UNTRAINED if m not in trained else WhyNot.NOT_THEIR_TURN) for m in named}
    return Choice(chosen.user_id, {login: why for login, why in why_not.items() if login != chosen.login})


def _tell(routes: Sequence[Route], by: AbstractBaseUser, at: datetime, kind: str = Notice.Kind.GIVEN) -> None:
    """One notice per person: what they got and what was taken from them, but not what they did themselves."""
    given = Counter(route.owner_id for route in routes if route.owner_id and route.owner_id != by.pk)
    taken = Counter(route.lead.owner_id for route in routes if route.lead.owner_id and route.lead.owner_id != by.pk)
    notices.tell(given, kind, at=at)
    notices.tell(taken, Notice.Kind.TAKEN, at=at)
