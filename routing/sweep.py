"""What is nearly late, late, or waiting in a queue that could be served? Run by the beat; running twice does no harm.

Each kind of due work is claimed through its partial index with SKIP LOCKED, in batches, each in its own transaction.
Leads are locked before their clocks, as everywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count

from leads.models import Lead
from leads.services import due
from routing import assignment, notices, staffing
from routing.models import Agent, Clock, Notice, OnBreach, Team
from routing.roster import Need, why_not_eligible
from routing.vocabulary import Owed

BATCH = 200  # leads locked at once, for well under a second


@dataclass(frozen=True)
class SweepReport:
    warned: int = 0
    breached: int = 0
    moved: int = 0
    woken: int = 0


def sweep(*, at: datetime) -> SweepReport:
    """Warn, breach with what follows from it, and bring queued leads back on the road where somebody may take them."""
    warned = _repeat(warn, at)
    breached, moved = 0, 0
    while batch := breach(at=at):
        breached, moved = breached + batch[0], moved + batch[1]
        if batch[0] < BATCH:
            break
    return SweepReport(warned, breached, moved, serve_queues(at=at))


def _repeat(step: object, at: datetime) -> int:
    total = 0
    while done := step(at=at):  # type: ignore[operator]
        total += done
        if done < BATCH:
            break
    return total


@transaction.atomic
def warn(*, at: datetime) -> int:
    """Tell owners, once, that something is nearly late."""
    clocks = list(
        Clock.objects.to_warn(at)
        .filter(due_at__gt=at)
        .select_for_update(of=("self",), skip_locked=True)
        .order_by("warn_at")[:BATCH]
    )
    Clock.objects.filter(pk__in=[clock.pk for clock in clocks]).update(warned_at=at)
    _tell(clocks, Notice.Kind.WARNING, at)
    return len(clocks)


@transaction.atomic
def breach(*, at: datetime) -> tuple[int, int]:
    """Mark what is late, once, tell who owes it, and move it where its goal says so. Locks the leads, then clocks."""
    due_now = Clock.objects.to_breach(at).order_by("due_at").values_list("lead", flat=True)[:BATCH]
    free = Lead.objects.filter(pk__in=list(due_now)).select_for_update(of=("self",), no_key=True, skip_locked=True)
    ids = list(free.order_by("pk").values_list("pk", flat=True))
    clocks = list(Clock.objects.to_breach(at).filter(lead__in=ids).select_for_update(of=("self",)).order_by("pk"))
    Clock.objects.filter(pk__in=[clock.pk for clock in clocks]).update(breached_at=at)
    _tell(clocks, Notice.Kind.BREACH, at)
    _tell_exhausted(clocks, at)
    _mark_away([clock for clock in clocks if clock.marks_away], at)
    moved = 0
    for action, to_fallback in ((OnBreach.ESCALATE, True), (OnBreach.REASSIGN, False)):
        leads = [clock.lead_id for clock in clocks if clock.on_breach == action]
        if leads:
            moved += len(assignment.move_breached(leads, to_fallback=to_fallback, at=at))
    return len(clocks), moved


def serve_queues(*, at: datetime) -> int:
    """Mark due the leads that nobody has, as many per team as its members may take now, what is owed soonest first."""
    waiting = Clock.objects.open().filter(owner=None).exclude(owed__in=(Owed.DECISION, Owed.REVIEW))
    counts = dict(waiting.order_by().values_list("team").annotate(n=Count("lead", distinct=True)))
    if not counts:
        return 0
    teams = list(Team.objects.active().filter(pk__in=counts))
    rosters = staffing.rosters(teams, at=at, lock=False)
    woken: list[int] = []
    for team in teams:
        room = _room(rosters[team.pk].members, at)
        rows = waiting.filter(team=team).order_by("due_at").values_list("lead", flat=True)
        woken += rows if room is None else rows[:room]
    return due.mark_due(Lead.objects.filter(pk__in=woken), at=at) if woken else 0


def _room(members: Sequence[staffing.Member], at: datetime) -> int | None:
    """How many more leads these members may take now; None is no limit."""
    room = 0
    for member in members:
        if why_not_eligible(member, Need(due_at=at, trainings=member.trainings), at=at):
            continue
        caps = [
            cap - used
            for cap, used in ((member.open_cap, member.open_load), (member.daily_cap, member.given_today))
            if cap is not None
        ]
        if not caps:
            return None
        room += max(min(caps), 0)
    return room


def _tell(clocks: Sequence[Clock], kind: str, at: datetime) -> None:
    mine: dict[int, set[int]] = defaultdict(set)
    for clock in clocks:
        if clock.owner_id:
            mine[clock.owner_id].add(clock.lead_id)
    notices.tell({user: len(leads) for user, leads in mine.items()}, kind, at=at)


def _tell_exhausted(clocks: Sequence[Clock], at: datetime) -> None:
    """A decision nobody makes is the fallback team's business too."""
    n = len({clock.lead_id for clock in clocks if clock.owed == Owed.DECISION})
    if n:
        users = Agent.objects.active().filter(team__is_fallback=True).values_list("user", flat=True)
        notices.tell(dict.fromkeys(users, n), Notice.Kind.EXHAUSTED, at=at)


def _mark_away(clocks: Sequence[Clock], at: datetime) -> None:
    """Take an agent who let such a clock run out off duty, until a supervisor says otherwise."""
    users = {clock.owner_id for clock in clocks if clock.owner_id}
    if users:
        Agent.objects.filter(user__in=users).exclude(pk__in=Agent.objects.away(at)).update(
            away_from=at, away_until=None
        )
