"""Which clocks run for these leads, which were met, and which are due?

A clock starts when something comes to be owed, in the working time of the team that owes it; it is met by a person's
act, ends when something else is owed, and is never silently moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from consent.lifecycle import AttemptState
from consent.models import Permission
from consent.models.ledger import PermissionState
from consent.vocabulary import GrantChannel
from leads import timing
from leads.models import Appointment, Authorization, Interaction, Lead, MissingItem, Qualification
from leads.vocabulary import AppointmentState, AuthorizationState, Decision, Direction, InteractionKind, Outcome
from medcrm.lib.writing import update_rows
from routing import owed as debts
from routing.cadence import CadenceBook
from routing.calendar import WorkingCalendar, add_working_time, close_of_day, next_open, working_time_between
from routing.goals import GoalBook, Target
from routing.models import Clock, RoutingRule, Team
from routing.owed import Act
from routing.vocabulary import LANGUAGE_BARRIER, Owed

BATCH = 500
WAITLIST = "no_capacity"  # the hold that waits for a slot
LIVE_VISIT = (AppointmentState.BOOKED, AppointmentState.CONFIRMED, AppointmentState.ATTENDED)
SETTLED_VISIT = (AppointmentState.ATTENDED, AppointmentState.NO_SHOW, AppointmentState.CANCELLED)


@dataclass(frozen=True)
class Paper:
    """Where an authorization stands, since when, who said so last and in which entry of the timeline."""

    status: str
    since: datetime
    by_id: int | None = None
    told_in: int | None = None


@dataclass(frozen=True)
class Standing:
    """What happened to a lead in its present cycle, as far as debts are concerned."""

    act: Act | None = None
    wrote: Act | None = None  # the last text or mail in a person's own words
    visit: tuple[datetime, int | None] | None = None  # booked when, by whom
    is_over: bool = False  # the day of the visit that is booked is past, and nobody said how it went
    authorization: Paper | None = None  # of the service asked for
    clocks: tuple[Clock, ...] = ()

    def open(self, owed: str) -> Clock | None:
        """The clock of this debt that is neither met nor ended, paused or not."""
        return next((c for c in self.clocks if c.owed == owed and c.met_at is None and c.ended_at is None), None)

    def acts(self, owed: str) -> list[Act]:
        """The acts that may pay it, the first one first; a follow-up is settled by the act that counts alone."""
        found = {self.act} if owed == Owed.FOLLOW_UP else {self.act, self.wrote}
        return sorted((act for act in found if act is not None), key=lambda act: act.at)

    @property
    def booked_at(self) -> datetime | None:
        return self.visit[0] if self.visit else None

    @property
    def submitted_at(self) -> datetime | None:
        """Since when an authorization lies with the payer."""
        paper = self.authorization
        return paper.since if paper and paper.status == AuthorizationState.SUBMITTED else None

    @property
    def paid(self) -> frozenset[str]:
        """The debts that were met in this cycle."""
        return frozenset(c.owed for c in self.clocks if c.met_at is not None)


@dataclass(frozen=True)
class Wanted:
    """A clock that should run."""

    owed: Owed
    started_at: datetime
    due_at: datetime
    target: Target
    warn_at: datetime | None = None
    why: str = ""
    is_promise: bool = False
    cause_id: int | None = None
    paused_at: datetime | None = None
    paused_until: datetime | None = None

    @property
    def times(self) -> tuple[datetime | None, ...]:
        return self.due_at, self.warn_at, self.paused_at, self.paused_until


def standings(leads: Sequence[Lead], *, at: datetime) -> dict[int, Standing]:
    """What is known of each lead's debts, in four queries."""
    cycles = {lead.pk: lead.cycle for lead in leads}
    clocks: dict[int, list[Clock]] = defaultdict(list)
    for clock in _clocks(cycles):
        # A cycle that was closed leaves its open clocks to be ended, not its payments to be counted.
        if clock.cycle == cycles[clock.lead_id] or (clock.met_at is None and clock.ended_at is None):
            clocks[clock.lead_id].append(clock)
    resumed = {
        clock.lead_id: clock.met_at
        for rows in clocks.values()
        for clock in rows
        if clock.owed == Owed.DECISION and clock.met_at is not None
    }
    acts, wrote = _last_acts(cycles, resumed, at)
    visits, over = _visits(leads, at)
    papers = _authorizations(cycles)
    return {
        pk: Standing(
            act=acts.get(pk),
            wrote=wrote.get(pk),
            visit=visits.get(pk),
            is_over=pk in over,
            authorization=papers.get(pk),
            clocks=tuple(clocks[pk]),
        )
        for pk in cycles
    }


def _clocks(leads: Iterable[int]) -> QuerySet[Clock]:
    """The leads' clocks, each with when and by whom its cycle was decided, whether that put the lead on the waitlist,
    and whether nobody may call the lead."""
    cycle = Qualification.objects.filter(lead=OuterRef("lead"), cycle=OuterRef("cycle"), decided_at__isnull=False)
    decided = cycle.exclude(decision=Decision.REVIEW)
    told = _told_in(InteractionKind.APPOINTMENT)
    settled = Appointment.objects.filter(lead=OuterRef("lead"), status__in=SETTLED_VISIT).order_by("-changed_at")
    settled = settled.annotate(told_by=Subquery(told.values("by")[:1]), told_in=Subquery(told.values("pk")[:1]))
    blocked = Permission.objects.filter(
        address=OuterRef("lead__phone"), channel=GrantChannel.VOICE, state=PermissionState.BLOCKED
    )
    return (
        Clock.objects.filter(lead__in=leads)
        .annotate(
            decided_at=Subquery(decided.values("decided_at")[:1]),
            decided_by=Subquery(decided.values("decided_by")[:1]),
            visit_settled_at=Subquery(settled.values("changed_at")[:1]),
            visit_told_by=Subquery(settled.values("told_by")[:1]),
            visit_told_in=Subquery(settled.values("told_in")[:1]),
            is_waitlisted=Exists(decided.filter(outcome=Outcome.HOLD, hold_reason=WAITLIST)),
            is_mail_only=Q(lead__phone=None) | Exists(blocked),
        )
        .order_by("pk")
    )


def _told_in(kind: InteractionKind) -> QuerySet[Interaction]:
    """The entries that tell when an outer row of a lead came to stand as it does, the newest first."""
    return Interaction.objects.filter(lead=OuterRef("lead"), kind=kind, at=OuterRef("changed_at")).order_by("-pk")


def _last_acts(
    ids: Iterable[int], resumed: Mapping[int, datetime], at: datetime
) -> tuple[dict[int, Act], dict[int, Act]]:
    """The last act of a person in the open cycle, with what it promised and the tries before it; and the last writing.

    Calls made and taken, texts and mails in one's own words. Writing is no try, and takes the place of a call only
    where no other call is agreed. Tries count from when a supervisor last said to go on.
    """
    outbound = Q(kind__in=[InteractionKind.CALL, InteractionKind.VOICEMAIL], direction=Direction.OUTBOUND)
    taken = Q(kind=InteractionKind.INBOUND_CALL, disposition__isnull=False)
    left = Q(attempt__state__in=[AttemptState.SENT, AttemptState.UNKNOWN], by__isnull=False)
    written = Q(kind=InteractionKind.NOTE, direction=Direction.OUTBOUND) & left
    since = Q(lead__qualifications__closed_at=None, at__gte=F("lead__qualifications__opened_at"))
    asked = MissingItem.objects.filter(lead=OuterRef("lead"), origin=MissingItem.Origin.CALL, settled_at=None)
    rows = (
        Interaction.objects.filter(outbound | taken | written, since, lead__in=list(ids), at__lte=at)
        .annotate(
            decided_at=F("lead__qualifications__decided_at"),
            zone=timing.zone_in("lead__"),
            still_missing=ArraySubquery(asked.values("kind")),
        )
        .select_related("disposition")
        .order_by("lead_id", "at", "pk")
    )
    acts: dict[int, Act] = {}
    wrote: dict[int, Act] = {}
    for row in rows:
        earlier = acts.get(row.lead_id)
        if row.kind == InteractionKind.NOTE:
            tries = earlier.unanswered if earlier else 0
            act = wrote[row.lead_id] = _act(row, tries, resumed.get(row.lead_id))
            if earlier is None or debts.gives_way(earlier, timing.day_at(row.zone, row.at)):
                acts[row.lead_id] = act
            continue
        is_answered = row.disposition is not None and row.disposition.makes_contact
        resumed_at = resumed.get(row.lead_id)
        is_forgiven = resumed_at is not None and row.at <= resumed_at
        tries = 0 if is_answered or is_forgiven else (earlier.unanswered if earlier else 0) + 1
        acts[row.lead_id] = _act(row, tries, resumed_at)
    return acts, wrote


def _act(row: Interaction, unanswered: int, resumed_at: datetime | None) -> Act:
    callback, ask_on = row.facts.get("callback_at"), row.facts.get("follow_up_on")
    asks_for = set(row.facts.get("missing", ()))
    if asks_for and asks_for.isdisjoint(row.still_missing):
        ask_on = None  # all that was to be asked for is here: nothing waits for that day any more
    return Act(
        id=row.pk,
        at=row.at,
        by_id=row.by_id,
        reached=row.disposition is not None and row.disposition.reaches_right_party,
        callback_at=datetime.fromisoformat(callback) if callback else None,
        is_meeting=row.disposition is not None and row.disposition.sets_meeting,
        follow_up_on=date.fromisoformat(ask_on) if ask_on else None,
        retry_after_minutes=row.disposition.retry_after_minutes if row.disposition else None,
        unanswered=unanswered,
        resumed_at=resumed_at,
        decided_at=row.decided_at,
        asks=bool(asks_for),
        is_written=row.kind == InteractionKind.NOTE,
        met_barrier=row.disposition_id == LANGUAGE_BARRIER,
    )


def _visits(leads: Sequence[Lead], at: datetime) -> tuple[dict[int, tuple[datetime, int | None]], set[int]]:
    """Leads with a standing appointment of their present cycle; and those of them for whom nothing but the result of
    one is left."""
    rows = Appointment.objects.filter(
        lead__in=[lead.pk for lead in leads], status__in=LIVE_VISIT, cycle=F("lead__cycle")
    ).annotate(is_over=Q(pk__in=Appointment.objects.unsettled(at).values("pk")))
    visits: dict[int, tuple[datetime, int | None]] = {}
    ahead: set[int] = set()
    for lead, created, by, is_over in rows.order_by("-pk").values_list("lead", "created_at", "by", "is_over"):
        visits[lead] = (created, by)
        if not is_over:
            ahead.add(lead)
    return visits, visits.keys() - ahead


def _authorizations(leads: Iterable[int]) -> dict[int, Paper]:
    """Where the prior authorization of each lead's service stands."""
    told = _told_in(InteractionKind.DOCUMENT).filter(facts__has_key="authorization")
    rows = Authorization.objects.filter(lead__in=list(leads), service=F("lead__service"))
    rows = rows.annotate(told_by=Subquery(told.values("by")[:1]), told_in=Subquery(told.values("pk")[:1]))
    columns = ("lead", "status", "changed_at", "told_by", "told_in")
    return {lead: Paper(*paper) for lead, *paper in rows.values_list(*columns)}


def settle(standing: Mapping[int, Standing], owners: Mapping[int, int | None]) -> None:
    """Mark the open clocks that a person's act or a booking has paid."""
    met = []
    for lead, state in standing.items():
        for clock in state.clocks:
            if clock.met_at is None and clock.ended_at is None and _meet(clock, state, owners[lead]):
                met.append(clock)
    update_rows(met, ["met_at", "met_by", "met_act"], batch_size=BATCH)


def _meet(clock: Clock, state: Standing, owner: int | None) -> bool:
    if clock.owed == Owed.BOOKING and state.visit and state.visit[0] >= clock.started_at:
        booked_at, by = state.visit
        if by or owner:
            clock.met_at, clock.met_by_id = booked_at, by or owner
        return clock.met_at is not None
    told = _told(clock, state)
    if told and told.since > clock.started_at and (told.told_in or owner):
        clock.met_at, clock.met_by_id, clock.met_act_id = told.since, told.by_id or owner, told.told_in
        return True
    is_result = clock.owed == Owed.REVIEW or (clock.owed == Owed.BOOKING and clock.is_waitlisted)
    if is_result and clock.decided_at and clock.decided_at >= clock.started_at:
        clock.met_at, clock.met_by_id = clock.decided_at, clock.decided_by
        return True
    act = next((act for act in state.acts(clock.owed) if _is_paid(clock, act)), None)
    if act is not None:
        clock.met_at, clock.met_by_id, clock.met_act_id = act.at, act.by_id or owner, act.id
    return act is not None


def _told(clock: Clock, state: Standing) -> Paper | None:
    """What the payer, or the clinic, last said: whoever noted it has paid, also for a team whose lead nobody has."""
    if clock.owed == Owed.VISIT and clock.visit_settled_at:
        return Paper("", clock.visit_settled_at, clock.visit_told_by, clock.visit_told_in)
    return state.authorization if clock.owed == Owed.CHASE else None


def _is_paid(clock: Clock, act: Act) -> bool:
    return debts.pays(act, clock.owed, clock.started_at, clock.cause_id, is_mail_only=clock.is_mail_only)


@dataclass(frozen=True)
class Books:
    """The rows that say how soon and how often, read once."""

    goals: GoalBook
    cadences: CadenceBook


def wanted(
    step: Owed, lead: Lead, state: Standing, team: Team, rule: RoutingRule | None, books: Books, *, at: datetime
) -> list[Wanted]:
    """The clocks that should run for this lead; one that runs already keeps its times."""
    act = state.act
    is_exhausted = books.cadences.plan(team.pk).is_exhausted(act.unanswered if act else 0)
    clocks = []
    for owed in debts.open_debts(step, state.paid, act, is_exhausted=is_exhausted):
        running = state.open(owed)
        if running and running.team_id == team.pk and running.cycle == lead.cycle and _still_stands(running, act):
            clocks.append(_as_running(running))
        elif owed == Owed.FOLLOW_UP and act is not None:
            clocks.append(_follow_up(act, lead, team, books))
        else:
            target = books.goals.target(owed, team.pk, lead.score_band, rule if owed == step else None)
            # The clock starts when the lead changed, not when a worker saw it [2.18].
            start = min(lead.advance_due_at or at, at)
            # Whatever was done last led to it: a call that hands a lead on must not pay what the next team owes.
            cause = act.id if act else None
            clocks.append(_want(owed, start, target.due_at(start, team.calendar), target, team, cause_id=cause))
    chase = _chase(lead, state, team, books) if step == Owed.DOCUMENTS else []
    promise = next((clock for clock in clocks if clock.is_promise), None)
    if promise:
        return [*(_wait_for(clock, promise, team.calendar) for clock in clocks), *chase]
    waited = {clock.owed for clock in state.clocks if _waits_for_promise(clock, state.clocks)}
    clocks = [resume(clock, at=at, calendar=team.calendar) if clock.owed in waited else clock for clock in clocks]
    return [*clocks, *chase]


def _chase(lead: Lead, state: Standing, team: Team, books: Books) -> list[Wanted]:
    """To ask the payer about an authorization that lies there: from the day it was submitted or last asked about, and
    whatever time is agreed with the lead [2.18]."""
    start, running = state.submitted_at, state.open(Owed.CHASE)
    if start is None:
        return []
    if running and (running.team_id, running.cycle, running.started_at) == (team.pk, lead.cycle, start):
        return [_as_running(running)]
    target = books.goals.target(Owed.CHASE, team.pk, lead.score_band)
    return [_want(Owed.CHASE, start, target.due_at(start, team.calendar), target, team)]


def _want(owed: Owed, start: datetime, due: datetime, target: Target, team: Team, **more: object) -> Wanted:
    return Wanted(owed, start, due, target, target.warn_at(start, due, team.calendar), **more)  # type: ignore[arg-type]


def _still_stands(clock: Clock, act: Act | None) -> bool:
    """A follow-up belongs to the act that made it, and its promise to what was promised; every other clock runs until
    it is met or ended."""
    if clock.owed != Owed.FOLLOW_UP:
        return True
    return act is not None and clock.cause_id == act.id and clock.is_promise == debts.binds(act)


def _as_running(clock: Clock) -> Wanted:
    return Wanted(
        owed=Owed(clock.owed),
        started_at=clock.started_at,
        due_at=clock.due_at,
        target=Target(on_breach=clock.on_breach, marks_away=clock.marks_away),
        warn_at=clock.warn_at,
        why=clock.why,
        is_promise=clock.is_promise,
        cause_id=clock.cause_id,
        paused_at=clock.paused_at,
        paused_until=clock.paused_until,
    )


def _follow_up(act: Act, lead: Lead, team: Team, books: Books) -> Wanted:
    """After a call: when it was promised, else when the cadence tries again, else by the goal."""
    target = books.goals.target(Owed.FOLLOW_UP, team.pk, lead.score_band)
    why, is_promise = "", False
    if act.callback_at:
        due, why, is_promise = act.callback_at, "meet as agreed" if act.is_meeting else "call back as promised", True
    elif act.follow_up_on:
        why = "ask for what is missing" if act.asks else "ask again as agreed"
        due, is_promise = close_of_day(act.follow_up_on, team.calendar), True
    elif act.retry_after_minutes is not None:
        plan, after = books.cadences.plan(team.pk), timedelta(minutes=act.retry_after_minutes)
        due, why = plan.next_try(act.at, after, team.calendar, lead.timezone or team.timezone), "try again"
    else:
        due = target.due_at(act.counts_from, team.calendar)
    if due < act.counts_from:
        due = next_open(act.counts_from, team.calendar) if act.resumed_at else act.at
    return _want(Owed.FOLLOW_UP, act.counts_from, due, target, team, why=why, is_promise=is_promise, cause_id=act.id)


def _wait_for(clock: Wanted, promise: Wanted, calendar: WorkingCalendar) -> Wanted:
    """While a time that was promised to the lead is waited for, nothing else may be pressed for."""
    if clock is promise or clock.paused_until == promise.due_at:
        return clock
    return pause(clock, since=promise.started_at, until=promise.due_at, calendar=calendar)


def pause(clock: Wanted, *, since: datetime, until: datetime, calendar: WorkingCalendar) -> Wanted:
    """The clock with its due time moved past a pause by its remaining working time.

    A pause begins where an earlier one ends; a clock that is late already is not saved by it.
    """
    start = max(since, clock.paused_until or since)
    if clock.due_at <= since or until <= start:
        return clock
    due_at = add_working_time(until, working_time_between(start, clock.due_at, calendar), calendar)
    warn_at = add_working_time(until, working_time_between(start, clock.warn_at or start, calendar), calendar)
    return replace(clock, due_at=due_at, warn_at=min(warn_at, due_at), paused_at=since, paused_until=until)


def _waits_for_promise(clock: Clock, clocks: Iterable[Clock]) -> bool:
    """Whether this clock is paused until the time of a promise that is open; a pause by the contact gate is another."""
    return any(
        other.is_promise and other.met_at is None and other.ended_at is None and other.due_at == clock.paused_until
        for other in clocks
    )


def resume(clock: Wanted, *, at: datetime, calendar: WorkingCalendar) -> Wanted:
    """The clock without the rest of its pause: what it waited for is here before the time."""
    until = clock.paused_until
    if until is None or until <= at:
        return clock
    due_at = add_working_time(at, working_time_between(until, clock.due_at, calendar), calendar)
    warn_at = add_working_time(at, working_time_between(until, clock.warn_at or until, calendar), calendar)
    return replace(clock, due_at=due_at, warn_at=min(warn_at, due_at), paused_until=at)


def hold_back(clock: Clock, *, since: datetime, until: datetime, code: str) -> None:
    """Pause a running clock, unsaved, because nobody may call before `until`; it may warn again after it."""
    held = pause(_as_running(clock), since=since, until=until, calendar=clock.team.calendar)
    if held.due_at <= until:  # nothing was left of it: it is due as soon as anybody may act again
        opens = next_open(until, clock.team.calendar)
        held = replace(held, due_at=opens, warn_at=opens, paused_at=since, paused_until=until)
    clock.due_at, clock.warn_at, clock.paused_at, clock.paused_until = held.times
    clock.not_before, clock.held_code, clock.warned_at = until, code, None


HELD_BACK = ["due_at", "warn_at", "paused_at", "paused_until", "not_before", "held_code", "warned_at"]


@dataclass(frozen=True)
class ClockPlan:
    """The clocks that should run for a lead, and who owes them; without a team nothing is owed."""

    cycle: int
    team: Team | None = None
    owner_id: int | None = None
    clocks: Sequence[Wanted] = ()


def sync(plans: Mapping[int, ClockPlan], standing: Mapping[int, Standing], *, at: datetime) -> list[Clock]:
    """Make exactly the wanted clocks run for these locked leads: start, hand on to a new owner, pause, or end.

    Return the clocks that were started.
    """
    ended, moved, fresh = [], [], []
    for lead, plan in plans.items():
        running = [clock for clock in standing[lead].clocks if clock.met_at is None and clock.ended_at is None]
        kept = {}
        for want in plan.clocks:
            same = next((clock for clock in running if _is_same(clock, want, plan)), None)
            if same is None:
                fresh.append(_start(lead, plan, want))
            else:
                kept[same.pk] = (same, want)
        moved += [clock for clock, want in kept.values() if _hand_on(clock, want, plan)]
        for clock in running:
            if clock.pk not in kept:
                clock.ended_at, clock.ended_because = at, _why_ended(clock, plan)
                ended.append(clock)
    update_rows(ended, ["ended_at", "ended_because"], batch_size=BATCH)
    update_rows(moved, MOVED, batch_size=BATCH)
    return Clock.objects.bulk_create(fresh, batch_size=BATCH)


MOVED = ["owner", "due_at", "warn_at", "paused_at", "paused_until"]


def _hand_on(clock: Clock, want: Wanted, plan: ClockPlan) -> bool:
    """Give a running clock to its owner of now and its times of now; say whether anything changed."""
    before = (clock.owner_id, clock.due_at, clock.warn_at, clock.paused_at, clock.paused_until)
    clock.owner_id = plan.owner_id
    clock.due_at, clock.warn_at, clock.paused_at, clock.paused_until = want.times
    return before != (plan.owner_id, *want.times)


def _is_same(clock: Clock, want: Wanted, plan: ClockPlan) -> bool:
    return (clock.owed, clock.team_id, clock.cycle, clock.cause_id, clock.is_promise) == (
        want.owed,
        plan.team.pk if plan.team else None,
        plan.cycle,
        want.cause_id,
        want.is_promise,
    )


def _why_ended(clock: Clock, plan: ClockPlan) -> str:
    if not plan.clocks:
        return Clock.Ended.NOT_NEEDED
    return Clock.Ended.HANDED_OVER if plan.team and clock.team_id != plan.team.pk else Clock.Ended.SUPERSEDED


def _start(lead: int, plan: ClockPlan, want: Wanted) -> Clock:
    return Clock(
        lead_id=lead,
        owed=want.owed,
        cycle=plan.cycle,
        team=plan.team,
        owner_id=plan.owner_id,
        why=want.why,
        cause_id=want.cause_id,
        started_at=want.started_at,
        due_at=want.due_at,
        warn_at=want.warn_at or want.due_at,
        paused_at=want.paused_at,
        paused_until=want.paused_until,
        on_breach=want.target.on_breach,
        marks_away=want.target.marks_away,
        is_promise=want.is_promise,
    )
