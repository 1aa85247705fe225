"""Which clocks run for these leads, which were met, and which are due?

A clock starts when something comes to be owed, in the working time of the team that owes it; it is met by a person's
act, ends when something else is owed, and is never silently moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import F, Q

from leads.models import Appointment, Interaction, Lead
from leads.vocabulary import AppointmentState, Direction, InteractionKind
from routing import owed as debts
from routing.calendar import WorkingCalendar, add_working_time, close_of_day
from routing.goals import GoalBook, Target
from routing.models import Clock, RoutingRule, Team
from routing.owed import Act
from routing.vocabulary import Owed

BATCH = 500
LIVE_VISIT = (AppointmentState.BOOKED, AppointmentState.CONFIRMED, AppointmentState.ATTENDED)


@dataclass(frozen=True)
class Standing:
    """What happened to a lead in its present cycle, as far as debts are concerned."""

    act: Act | None = None
    visit: tuple[datetime, int | None] | None = None  # booked when, by whom
    clocks: tuple[Clock, ...] = ()

    def open(self, owed: str) -> Clock | None:
        return next((c for c in self.clocks if c.owed == owed and c.met_at is None and c.ended_at is None), None)

    @property
    def paid(self) -> frozenset[str]:
        return frozenset(c.owed for c in self.clocks if c.met_at is not None)


@dataclass(frozen=True)
class Wanted:
    """A clock that should run."""

    owed: Owed
    started_at: datetime
    due_at: datetime
    target: Target
    why: str = ""
    is_promise: bool = False
    cause_id: int | None = None


def standings(leads: Sequence[Lead], *, at: datetime) -> dict[int, Standing]:
    """What is known of each lead's debts, in three queries."""
    cycles = {lead.pk: lead.cycle for lead in leads}
    clocks: dict[int, list[Clock]] = defaultdict(list)
    for clock in Clock.objects.filter(lead__in=cycles).order_by("pk"):
        # A cycle that was closed leaves its open clocks to be ended, not its payments to be counted.
        if clock.cycle == cycles[clock.lead_id] or (clock.met_at is None and clock.ended_at is None):
            clocks[clock.lead_id].append(clock)
    acts, visits = _last_acts(cycles, at), _visits(leads)
    return {pk: Standing(acts.get(pk), visits.get(pk), tuple(clocks[pk])) for pk in cycles}


def _last_acts(ids: Iterable[int], at: datetime) -> dict[int, Act]:
    """The last call a person made or took, of the open cycle, with what it promised."""
    outbound = Q(kind__in=[InteractionKind.CALL, InteractionKind.VOICEMAIL], direction=Direction.OUTBOUND)
    taken = Q(kind=InteractionKind.INBOUND_CALL, disposition__isnull=False)
    since = Q(lead__qualifications__closed_at=None, at__gte=F("lead__qualifications__opened_at"))
    rows = (
        Interaction.objects.filter(outbound | taken, since, lead__in=list(ids), at__lte=at)
        .select_related("disposition")
        .order_by("lead_id", "-at", "-pk")
        .distinct("lead_id")
    )
    return {row.lead_id: _act(row) for row in rows}


def _act(row: Interaction) -> Act:
    callback, ask_on = row.facts.get("callback_at"), row.facts.get("follow_up_on")
    return Act(
        id=row.pk,
        at=row.at,
        by_id=row.by_id,
        reached=row.disposition is not None and row.disposition.reaches_right_party,
        is_success=row.disposition is not None and row.disposition.is_success,
        callback_at=datetime.fromisoformat(callback) if callback else None,
        follow_up_on=date.fromisoformat(ask_on) if ask_on else None,
        retry_after_minutes=row.disposition.retry_after_minutes if row.disposition else None,
    )


def _visits(leads: Sequence[Lead]) -> dict[int, tuple[datetime, int | None]]:
    """Leads with a standing appointment of their present cycle."""
    rows = Appointment.objects.filter(
        lead__in=[lead.pk for lead in leads], status__in=LIVE_VISIT, cycle=F("lead__cycle")
    )
    return {lead: (created, by) for lead, created, by in rows.order_by("-pk").values_list("lead", "created_at", "by")}


def settle(standing: Mapping[int, Standing], owners: Mapping[int, int | None]) -> None:
    """Mark the open clocks that a person's act or a booking has paid."""
    met = []
    for lead, state in standing.items():
        for clock in state.clocks:
            if clock.met_at is None and clock.ended_at is None and _meet(clock, state, owners[lead]):
                met.append(clock)
    Clock.objects.bulk_update(met, ["met_at", "met_by", "met_act"], batch_size=BATCH)


def _meet(clock: Clock, state: Standing, owner: int | None) -> bool:
    if clock.owed == Owed.BOOKING and state.visit and state.visit[0] >= clock.started_at:
        booked_at, by = state.visit
        if by or owner:
            clock.met_at, clock.met_by_id = booked_at, by or owner
        return clock.met_at is not None
    act = state.act
    if act is None:
        return False
    booked = clock.owed == Owed.BOOKING and act.is_success and act.at >= clock.started_at
    if booked or debts.pays(act, clock.owed, clock.started_at, clock.cause_id):
        clock.met_at, clock.met_by_id, clock.met_act_id = act.at, act.by_id or owner, act.id
    return clock.met_at is not None


def wanted(
    step: Owed,
    lead: Lead,
    state: Standing,
    team: Team,
    rule: RoutingRule | None,
    goals: GoalBook,
    *,
    at: datetime,
) -> list[Wanted]:
    """The clocks that should run for this lead; one that runs already keeps its times."""
    clocks = []
    for owed in debts.open_debts(step, state.paid, state.act):
        running = state.open(owed)
        if owed == Owed.FOLLOW_UP and state.act is not None:
            clocks.append(_follow_up(state.act, lead, team, goals))
        elif running and running.team_id == team.pk and running.cycle == lead.cycle:
            clocks.append(_as_running(running))
        else:
            target = goals.target(owed, team.pk, lead.score_band, rule)
            # The clock starts when the lead changed, not when a worker saw it [2.18].
            start = min(lead.advance_due_at or at, at)
            clocks.append(Wanted(owed, start, target.due_at(start, team.calendar), target))
    return clocks


def _as_running(clock: Clock) -> Wanted:
    target = Target(on_breach=clock.on_breach, marks_away=clock.marks_away)
    return Wanted(Owed(clock.owed), clock.started_at, clock.due_at, target, clock.why, clock.is_promise, clock.cause_id)


def _follow_up(act: Act, lead: Lead, team: Team, goals: GoalBook) -> Wanted:
    """After a call: when it was promised, else when the disposition says to try again, else by the goal."""
    target = goals.target(Owed.FOLLOW_UP, team.pk, lead.score_band)
    why, is_promise = "", False
    if act.callback_at:
        due, why, is_promise = act.callback_at, "call back as promised", True
    elif act.follow_up_on:
        due, why, is_promise = close_of_day(act.follow_up_on, team.calendar), "ask for what is missing", True
    elif act.retry_after_minutes is not None:
        due, why = _retry_at(act.at, act.retry_after_minutes, team.calendar), "try again"
    else:
        due = target.due_at(act.at, team.calendar)
    return Wanted(Owed.FOLLOW_UP, act.at, max(due, act.at), target, why, is_promise, act.id)


def _retry_at(since: datetime, minutes: int, calendar: WorkingCalendar) -> datetime:
    """So long after the try on the wall clock, moved into working time."""
    return add_working_time(since + timedelta(minutes=minutes), timedelta(0), calendar)


def sync(
    plans: Mapping[int, tuple[Team | None, int | None, Sequence[Wanted]]],
    standing: Mapping[int, Standing],
    cycles: Mapping[int, int],
    *,
    at: datetime,
) -> None:
    """Make exactly the wanted clocks run for these locked leads: start, hand on to a new owner, or end."""
    ended, moved, fresh = [], [], []
    for lead, (team, owner, clocks) in plans.items():
        keep: set[str] = set()
        running = [c for c in standing[lead].clocks if c.met_at is None and c.ended_at is None]
        for want in clocks:
            same = next((c for c in running if _is_same(c, want, team, cycles[lead])), None)
            if same is None:
                fresh.append(_start(lead, cycles[lead], team, owner, want))
                continue
            keep.add(same.owed)
            if same.owner_id != owner:
                same.owner_id = owner
                moved.append(same)
        for clock in running:
            if clock.owed not in keep:
                clock.ended_at, clock.ended_because = at, _why_ended(clock, team, clocks)
                ended.append(clock)
    Clock.objects.bulk_update(ended, ["ended_at", "ended_because"], batch_size=BATCH)
    Clock.objects.bulk_update(moved, ["owner"], batch_size=BATCH)
    Clock.objects.bulk_create(fresh, batch_size=BATCH)


def _is_same(clock: Clock, want: Wanted, team: Team | None, cycle: int) -> bool:
    return (
        team is not None
        and (clock.owed, clock.team_id, clock.cycle) == (want.owed, team.pk, cycle)
        and clock.cause_id == want.cause_id
    )


def _why_ended(clock: Clock, team: Team | None, clocks: Sequence[Wanted]) -> str:
    if not clocks:
        return Clock.Ended.NOT_NEEDED
    return Clock.Ended.HANDED_OVER if team and clock.team_id != team.pk else Clock.Ended.SUPERSEDED


def _start(lead: int, cycle: int, team: Team, owner: int | None, want: Wanted) -> Clock:
    return Clock(
        lead_id=lead,
        owed=want.owed,
        cycle=cycle,
        team=team,
        owner_id=owner,
        why=want.why,
        cause_id=want.cause_id,
        started_at=want.started_at,
        due_at=want.due_at,
        warn_at=want.target.warn_at(want.started_at, want.due_at, team.calendar),
        on_breach=want.target.on_breach,
        marks_away=want.target.marks_away,
        is_promise=want.is_promise,
    )
