"""What is nearly late, late, or waiting in a queue that could be served? Run by the beat; running twice does no harm.

Each kind of due work is claimed through its partial index with SKIP LOCKED, in batches, each in its own transaction.
Leads are locked before their clocks, as everywhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from leads.lifecycle import Stage
from leads.models import Appointment, Lead
from leads.services import due
from leads.vocabulary import NextStep
from medcrm.lib.writing import update_rows
from routing import assignment, notices, staffing, worklist
from routing import clocks as running
from routing.models import Agent, Clock, Notice, OnBreach, Team
from routing.roster import Need, why_not_eligible
from routing.vocabulary import Owed

BATCH = 200  # leads locked at once, for well under a second


@dataclass(frozen=True)
class SweepReport:
    """How many clocks were warned of, paused or breached, and how many leads moved on or were woken."""

    warned: int = 0
    paused: int = 0
    breached: int = 0
    moved: int = 0
    woken: int = 0

    def __add__(self, other: SweepReport) -> SweepReport:
        return SweepReport(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def seen(self) -> int:
        """How many clocks were claimed."""
        return self.warned + self.breached + self.paused


def sweep(*, at: datetime) -> SweepReport:
    """Warn, breach with what follows from it, and bring queued leads back on the road where somebody may take them.

    What nobody may do now, because the contact gate holds calls back until later, is paused instead.
    """
    total = SweepReport()
    for step in (warn, breach):
        while (batch := step(at=at)) != SweepReport():
            total += batch
            if batch.seen < BATCH:
                break
    return replace(total, woken=serve_queues(at=at) + ask_for_results(at=at))


def ask_for_results(*, at: datetime) -> int:
    """Put back on the road whose visit is over, so that its result is owed; once, for the walk starts the clock."""
    asked = Clock.objects.open().filter(lead=OuterRef("lead"), owed=Owed.VISIT)
    waiting = {"lead__stage": Stage.FORWARDED, "lead__next_step": NextStep.APPOINTMENT, "lead__merged_into": None}
    over = Appointment.objects.unsettled(at).filter(~Exists(asked), lead__advance_due_at=None, **waiting)
    ids = list(over.order_by("date").values_list("lead", flat=True)[:BATCH])
    return due.mark_due(Lead.objects.filter(pk__in=ids), at=at) if ids else 0


@transaction.atomic
def warn(*, at: datetime) -> SweepReport:
    """Tell owners, once, that something is nearly late. Locks the leads, then clocks."""
    clocks, paused = _claim(Clock.objects.to_warn(at).filter(due_at__gt=at), "warn_at", at)
    Clock.objects.filter(pk__in=[clock.pk for clock in clocks]).update(warned_at=at)
    _tell(clocks, Notice.Kind.WARNING, at)
    return SweepReport(warned=len(clocks), paused=paused)


@transaction.atomic
def breach(*, at: datetime) -> SweepReport:
    """Mark what is late, once, tell who owes it, and move it where its goal says so. Locks the leads, then clocks."""
    clocks, paused = _claim(Clock.objects.to_breach(at), "due_at", at)
    Clock.objects.filter(pk__in=[clock.pk for clock in clocks]).update(breached_at=at)
    _tell(clocks, Notice.Kind.BREACH, at)
    _tell_exhausted(clocks, at)
    _mark_away([clock for clock in clocks if clock.marks_away], at)
    moved = 0
    for action, to_fallback in ((OnBreach.ESCALATE, True), (OnBreach.REASSIGN, False)):
        leads = [clock.lead_id for clock in clocks if clock.on_breach == action]
        if leads:
            moved += len(assignment.move_breached(leads, to_fallback=to_fallback, at=at))
    return SweepReport(breached=len(clocks), moved=moved, paused=paused)


def _claim(clocks: QuerySet[Clock], by: str, at: datetime) -> tuple[list[Clock], int]:
    """Lock the most pressing of these clocks, pause those that nobody may act on, and return the rest."""
    pressing = clocks.order_by(by).values_list("lead", flat=True)[:BATCH]
    free = Lead.objects.filter(pk__in=list(pressing)).select_for_update(of=("self",), no_key=True, skip_locked=True)
    ids = list(free.order_by("pk").values_list("pk", flat=True))
    locked = clocks.filter(lead__in=ids).select_related("team", "lead__source").select_for_update(of=("self",))
    found = list(locked.order_by("pk"))
    held = _hold_back(found, at)
    return [clock for clock in found if clock.pk not in held], len(held)


def _hold_back(clocks: Sequence[Clock], at: datetime) -> set[int]:
    """Pause what waits for an hour at which calls are permitted again; a refusal without an end pauses nothing.

    What was warned about keeps the time it had left then.
    """
    by_phone = [clock for clock in clocks if not clock.is_promise and clock.owed not in worklist.NOT_BY_PHONE]
    answers = worklist.ask(list({clock.lead_id: clock.lead for clock in by_phone}.values()), at=at)
    held = []
    for clock in by_phone:
        answer = answers.get(clock.lead_id)
        if answer is not None and not answer.allowed and answer.next_allowed_at is not None:
            since = min(clock.warn_at, at)
            running.hold_back(clock, since=since, until=answer.next_allowed_at, code=answer.code)
            held.append(clock)
    update_rows(held, running.HELD_BACK)
    due.mark_due(Lead.objects.filter(pk__in=[clock.lead_id for clock in held]), at=at)
    return {clock.pk for clock in held}


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
    waiting = Counter(team for team, _lead in {(c.team_id, c.lead_id) for c in clocks if c.owner_id is None})
    notices.tell_teams(waiting, kind, at=at)


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
        silent = Agent.objects.filter(user__in=users).exclude(pk__in=Agent.objects.away(at))
        notices.tell_supervisors(silent.update(away_from=at, away_until=None), Notice.Kind.AWAY, at=at)
