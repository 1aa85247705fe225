"""How do the teams stand now: what is open, due, late, with whom, who is away, and what lies where nobody sees it?

Counts stop at a bound, so the board costs the same over a thousand leads and a million.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from routing import staffing
from routing.models import Agent, Team

BOUND = 1000  # nobody acts on the difference between a thousand and more

# What each agent, or each team's queue, owes: the partial indexes clock_of_owner and clock_in_queue serve it.
OWED = """
SELECT one.id, c.leads, c.today, c.overdue, c.breached
FROM unnest(%s::{type}[], %s::timestamptz[]) AS one (id, day_ends)
CROSS JOIN LATERAL (
    SELECT count(DISTINCT lead_id) AS leads,
        count(DISTINCT lead_id) FILTER (WHERE due_at < one.day_ends) AS today,
        count(DISTINCT lead_id) FILTER (WHERE due_at < %s) AS overdue,
        count(DISTINCT lead_id) FILTER (WHERE breached_at IS NOT NULL) AS breached
    FROM (
        SELECT lead_id, due_at, breached_at FROM routing_clock
        WHERE {whose} AND met_at IS NULL AND ended_at IS NULL ORDER BY due_at LIMIT {bound}
    ) AS owed
) AS c
"""
BY_OWNER = OWED.format(type="int", whose="owner_id = one.id", bound=BOUND)
BY_QUEUE = OWED.format(type="text", whose="team_id = one.id AND owner_id IS NULL", bound=BOUND)


@dataclass(frozen=True)
class Owed:
    """How many leads are owed something, until the end of the team's day, late, and breached."""

    leads: int = 0
    today: int = 0
    overdue: int = 0
    breached: int = 0

    def __add__(self, other: Owed) -> Owed:
        return Owed(*(a + b for a, b in zip(self.parts, other.parts, strict=True)))

    @property
    def parts(self) -> tuple[int, int, int, int]:
        return self.leads, self.today, self.overdue, self.breached


@dataclass(frozen=True)
class AgentLine:
    """One agent on the board."""

    agent: Agent
    owed: Owed
    given_today: int
    is_away: bool
    is_at_work: bool

    @property
    def is_full(self) -> bool:
        return self.agent.open_cap is not None and self.owed.leads >= self.agent.open_cap


@dataclass(frozen=True)
class TeamLine:
    """One team on the board, with what waits in its queue."""

    team: Team
    agents: Sequence[AgentLine]
    queue: Owed
    offered: int

    @property
    def owed(self) -> Owed:
        return sum((line.owed for line in self.agents), self.queue)

    @property
    def present(self) -> int:
        return sum(line.is_at_work for line in self.agents)

    @property
    def cap(self) -> int | None:
        """How many leads the present members may hold together; None where one of them has no limit."""
        caps = [line.agent.open_cap for line in self.agents if not line.is_away]
        return None if None in caps else sum(cap for cap in caps if cap is not None)


def read(*, at: datetime, teams: Collection[str] | None = None) -> list[TeamLine]:
    """One line per active team, or per one of `teams`, in a constant number of queries."""
    rows = Team.objects.active().order_by("name")
    shown = list(rows if teams is None else rows.filter(pk__in=teams))
    agents = list(
        Agent.objects.filter(team__in=shown, user__is_active=True)
        .select_related("user", "team", "stand_in__user")
        .order_by("team", "user__username")
    )
    day_ends = {team.pk: _day_ends(team, at) for team in shown}
    by_owner = _owed(BY_OWNER, {agent.user_id: day_ends[agent.team_id] for agent in agents}, at)
    by_queue = _owed(BY_QUEUE, day_ends, at)
    given, offered = staffing.given_today(agents, at), _offered(shown)
    lines: dict[str, list[AgentLine]] = defaultdict(list)
    for agent in agents:
        away = agent.is_away(at)
        line = AgentLine(agent, by_owner.get(agent.user_id, Owed()), given.get(agent.user_id, 0), away, False)
        lines[agent.team_id].append(replace(line, is_at_work=not away and staffing.is_at_work(agent, at)))
    return [TeamLine(team, lines[team.pk], by_queue.get(team.pk, Owed()), offered.get(team.pk, 0)) for team in shown]


def _day_ends(team: Team, at: datetime) -> datetime:
    zone = ZoneInfo(team.timezone)
    return datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time(), zone)


def _owed(query: str, day_ends: Mapping[object, datetime], at: datetime) -> dict[object, Owed]:
    with connection.cursor() as cursor:
        cursor.execute(query, [list(day_ends), list(day_ends.values()), at])
        return {key: Owed(*counts) for key, *counts in cursor.fetchall()}


OFFERED = f"""
SELECT one.id, (
    SELECT count(*) FROM (
        SELECT 1 FROM routing_handoff WHERE to_team_id = one.id AND state = 'offered' LIMIT {BOUND}
    ) AS waiting
) FROM unnest(%s::text[]) AS one (id)
"""  # noqa: S608 - the bound is a number of ours


def _offered(teams: Sequence[Team]) -> dict[str, int]:
    """Handoffs that nobody of the team accepted yet."""
    with connection.cursor() as cursor:
        cursor.execute(OFFERED, [[team.pk for team in teams]])
        return dict(cursor.fetchall())
