"""Who works in these teams today, how full are they, and whose turn is it? The rosters, read and kept.

Everyone who deals out a team's work locks its cursor first, so loads read afterwards include what others just gave.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count

from leads.models import Lead
from medcrm.lib.writing import update_rows
from routing.calendar import is_open
from routing.models import Agent, Assignment, Cursor, Team
from routing.roster import Member, Roster, spoken_by


def rosters(teams: Sequence[Team], *, at: datetime, lock: bool) -> dict[str, Roster]:
    """Team → its roster. With `lock`, the teams' cursors stay locked, in key order, until the transaction ends."""
    if not teams:
        return {}
    cursors = _cursors([team.pk for team in teams], lock=lock)
    agents = list(
        Agent.objects.filter(team__in=teams).select_related("user", "team", "stand_in").order_by("team", "user_id")
    )
    loads, given = _open_loads(agents), given_today(agents, at)
    members: dict[str, list[Member]] = defaultdict(list)
    for agent in agents:
        turns = cursors[agent.team_id].turns.get(str(agent.user_id), {}) if agent.team_id in cursors else {}
        members[agent.team_id].append(_member(agent, turns, loads, given))
    return {team.pk: Roster(members[team.pk], cursors[team.pk].turn if team.pk in cursors else 0) for team in teams}


def member(agent: Agent, *, at: datetime) -> Member:
    """One agent, as full as their team's roster has them.

    Nobody deals out the team's work until the transaction ends, so a cap holds; others may ask the same meanwhile.
    """
    _share(agent.team_id)
    return _member(agent, {}, _open_loads([agent]), given_today([agent], at))


def save_turns(kept: Mapping[str, Roster]) -> None:
    """Write the turns that were taken; the cursors are locked."""
    update_rows(
        [
            Cursor(
                pk=team,
                turn=roster.turn,
                turns={str(m.user_id): {"turn": m.last_turn, "credit": m.credit} for m in roster.members},
            )
            for team, roster in kept.items()
            if roster.is_touched
        ],
        ["turn", "turns"],
    )


def _cursors(codes: Sequence[str], *, lock: bool) -> dict[str, Cursor]:
    if not lock:
        return Cursor.objects.in_bulk(codes)
    found = {cursor.pk: cursor for cursor in Cursor.objects.select_for_update().filter(pk__in=codes).order_by("pk")}
    if missing := sorted(set(codes) - set(found)):
        Cursor.objects.bulk_create([Cursor(pk=code) for code in missing], ignore_conflicts=True)
        found = {cursor.pk: cursor for cursor in Cursor.objects.select_for_update().filter(pk__in=codes).order_by("pk")}
    return found


def _share(team: str) -> None:
    """Lock a team's cursor against those who deal, not against others who share it. Django knows no such lock."""
    with connection.cursor() as cursor:
        for _again in range(2):
            cursor.execute("SELECT 1 FROM routing_cursor WHERE team_id = %s FOR SHARE", [team])
            if cursor.fetchone():
                return
            Cursor.objects.bulk_create([Cursor(pk=team)], ignore_conflicts=True)


def _open_loads(agents: Sequence[Agent]) -> Mapping[int, int]:
    """Leads an agent owes something to; leads that wait for nobody do not weigh on anyone."""
    owned = Lead.objects.filter(owner__in=[agent.user_id for agent in agents], next_action_due_at__isnull=False)
    return dict(owned.order_by().values_list("owner").annotate(n=Count("pk")))


def given_today(agents: Sequence[Agent], at: datetime) -> Mapping[int, int]:
    """Leads given to each agent since midnight where its team is; one query per zone."""
    by_zone: dict[str, list[int]] = defaultdict(list)
    for agent in agents:
        by_zone[agent.team.timezone].append(agent.user_id)
    given: dict[int, int] = {}
    for zone, users in by_zone.items():
        midnight = datetime.combine(at.astimezone(ZoneInfo(zone)).date(), time(), ZoneInfo(zone))
        rows = Assignment.objects.filter(to_owner__in=users, at__gte=midnight, at__lte=at)
        given |= dict(rows.order_by().values_list("to_owner").annotate(n=Count("pk")))
    return given


def is_at_work(agent: Agent, at: datetime) -> bool:
    """Whether the agent's own hours are open now; being away is another matter."""
    return is_open(at, agent.calendar)


def _member(agent: Agent, turns: Mapping[str, int], loads: Mapping[int, int], given: Mapping[int, int]) -> Member:
    return Member(
        user_id=agent.user_id,
        login=agent.user.get_username(),
        calendar=agent.calendar,
        is_active=agent.user.is_active,
        clinic=agent.clinic_id,
        languages=spoken_by(agent.languages),
        trainings=frozenset(agent.trainings),
        skills=frozenset(agent.skills),
        weight=agent.weight,
        open_cap=agent.open_cap,
        daily_cap=agent.daily_cap,
        away_from=agent.away_from,
        away_until=agent.away_until,
        stand_in=agent.stand_in.user_id if agent.stand_in else None,
        open_load=loads.get(agent.user_id, 0),
        given_today=given.get(agent.user_id, 0),
        last_turn=turns.get("turn", 0),
        credit=turns.get("credit", 0),
    )
