"""What should I do next, and whom should I call next?

Ordered by promises that are due, then by the clock, then by score. “Call next” leases the best lead that may be called
this minute: two callers never hold the same one, and what may not be called now is not offered, with the time when it
may.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from consent import gate
from consent.request import Decision
from leads import contact
from leads.models import Incident, Interaction, Lead
from medcrm.lib.errors import RuleError
from medcrm.lib.writing import update_rows
from routing import assignment
from routing.cadence import CadenceBook
from routing.models import Agent, Cadence, Clock, Lease
from routing.vocabulary import Owed

LEASE = timedelta(minutes=15)  # a call and its notes; saving the call ends it sooner
LOOKS = (1, 25, 50, 50, 50)  # candidates taken in hand in each round; the first is nearly always callable
ASKING = 0xCA11  # advisory, with the user: one who presses twice waits for the first answer
ASK_AGAIN = timedelta(hours=12)  # a refusal without an end is asked about again later
# A supervisor's, or asked of the payer or the clinic and not of the lead.
NOT_BY_PHONE = (Owed.DECISION, Owed.REVIEW, Owed.CHASE, Owed.VISIT)


@dataclass(frozen=True)
class Offer:
    """The lead to call now under a lease; or none, and when the first one held back may be called."""

    lease: Lease | None = None
    clock: Clock | None = None
    held_back: int = 0
    next_at: datetime | None = None


def owed_to(user_id: int, *, at: datetime) -> QuerySet[Clock]:
    """Everything this user owes, most pressing first: the caller's list."""
    return in_order(Clock.objects.open().filter(owner=user_id), at=at).select_related("lead", "team")


def in_order(clocks: QuerySet[Clock], *, at: datetime) -> QuerySet[Clock]:
    """Promises that are due, then what is due first, then the better score."""
    return clocks.annotate(is_due_promise=Q(is_promise=True, due_at__lte=at)).order_by(
        "-is_due_promise", "due_at", F("lead__score").desc(nulls_last=True), "pk"
    )


@transaction.atomic
def take_next(user: AbstractBaseUser, *, at: datetime) -> Offer:
    """Lease the best lead this user may call now: their own first, then their team's queue. Raise RuleError for a
    user who is no agent. A lead from the queue becomes theirs."""
    agent = Agent.objects.active().select_related("team", "user", "stand_in").filter(user=user).first()
    if agent is None:
        raise RuleError("NOT_AN_AGENT", _("Only members of a team take calls. Ask a supervisor for a profile."))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [ASKING, user.pk])
    Lease.objects.filter(user=user).delete()
    offered, held = _offered(agent, at), _Held()
    taken = _take(_own(offered, agent), agent, held, at=at) or _take(_queue(offered, agent), agent, held, at=at)
    held.put_off()
    lease = _lease(taken.lead_id, agent, at) if taken else None
    return Offer(lease, taken, len(held.clocks), held.next_at)


def release(lead_id: int, user_id: int) -> bool:
    """End a lease: the call was saved, or the caller moved on."""
    return bool(Lease.objects.filter(lead=lead_id, user=user_id).delete()[0])


@transaction.atomic
def hold(lead_id: int, user: AbstractBaseUser, *, at: datetime) -> bool:
    """Lease one lead that is being worked, for as long as a call takes; False while somebody else holds it."""
    lease = Lease.objects.select_for_update().filter(lead=lead_id).first()
    if lease is not None and lease.user_id != user.pk and lease.expires_at > at:
        return False
    Lease.objects.update_or_create(lead_id=lead_id, defaults={"user": user, "taken_at": at, "expires_at": at + LEASE})
    return True


@dataclass
class _Held:
    """What may not be called now, and when the first of it may."""

    clocks: list[Clock] = field(default_factory=list)
    next_at: datetime | None = None

    def add(self, clock: Clock, decision: Decision | None, at: datetime) -> None:
        until = (decision.next_allowed_at if decision else None) or at + ASK_AGAIN
        clock.not_before, clock.held_code = until, decision.code if decision else "NO_ADDRESS"
        self.clocks.append(clock)
        self.next_at = min(until, self.next_at or until)

    def put_off(self) -> None:
        """Spare the next caller the same questions. Waits for nobody: a clock in use is asked about again."""
        free = Clock.objects.filter(pk__in=[clock.pk for clock in self.clocks])
        keys = set(free.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
        update_rows([c for c in self.clocks if c.pk in keys], ["not_before", "held_code"])


def _offered(agent: Agent, at: datetime) -> QuerySet[Clock]:
    rest = CadenceBook(Cadence.objects.all()).plan(agent.team_id).rest_after_talk
    return (
        Clock.objects.open()
        .exclude(owed__in=NOT_BY_PHONE)
        .exclude(Exists(_agreed_for_later(at)))
        .exclude(Exists(Incident.objects.holding(OuterRef("lead"))))
        .filter(Q(not_before=None) | Q(not_before__lte=at), Q(is_promise=False) | Q(due_at__lte=at))
        .exclude(Exists(_spoken_with(agent, since=at - rest, at=at)), is_promise=False)
    )


def _spoken_with(agent: Agent, *, since: datetime, at: datetime) -> QuerySet[Interaction]:
    """What this agent said to the person a moment ago: whatever is still owed, they are not rung up again at once."""
    talks = Interaction.objects.filter(by=agent.user_id, disposition__reaches_right_party=True, at__lte=at)
    return talks.filter(lead=OuterRef("lead"), at__gt=since)


def _agreed_for_later(at: datetime) -> QuerySet[Clock]:
    """A call-back promised, or the next try planned, for a time to come: until then nobody calls the lead again."""
    is_planned = Q(is_promise=True) | Q(cause__disposition__retry_after_minutes__isnull=False)
    return Clock.objects.open().filter(is_planned, lead=OuterRef("lead"), owed=Owed.FOLLOW_UP, due_at__gt=at)


def _own(offered: QuerySet[Clock], agent: Agent) -> QuerySet[Clock]:
    return offered.filter(owner=agent.user_id)


def _queue(offered: QuerySet[Clock], agent: Agent) -> QuerySet[Clock]:
    """The team's leads that nobody has, if this agent may be given one at all."""
    return offered.filter(owner=None, team=agent.team_id)


def _take(candidates: QuerySet[Clock], agent: Agent, held: _Held, *, at: datetime) -> Clock | None:
    """The first candidate that may be called this minute and that nobody else has in hand; its lead is then locked."""
    seen: set[int] = set()
    for look in LOOKS:
        found = _lock(candidates.exclude(lead__in=seen), look, at)
        if not found:
            return None
        seen |= {clock.lead_id for clock in found}
        clocks = _still_free(found, at)
        decisions = ask([clock.lead for clock in clocks], at=at)
        for clock in clocks:
            decision = decisions.get(clock.lead_id)
            if decision is None or not decision.allowed:
                held.add(clock, decision, at)
                continue
            why_not = assignment.claim(clock.lead_id, agent, at=at) if clock.owner_id is None else None
            if why_not is None:
                return clock
            if why_not.is_about_agent:
                return None
    return None


def _lock(candidates: QuerySet[Clock], look: int, at: datetime) -> list[Clock]:
    """The most pressing clock of each of the next leads, with the leads locked. Those that another caller has locked or
    leased are passed over, so that nobody asks about a lead that somebody else is about to get.

    In the order of `in_order`, in two parts that an index each gives in order, however long the queue is.
    """
    free = candidates.exclude(lead__in=in_hand(at)).select_related("lead__source")
    free = free.select_for_update(of=("lead",), no_key=True, skip_locked=True)
    first: dict[int, Clock] = {}
    for part in (Q(is_promise=True, due_at__lte=at), Q(is_promise=False)):
        rows = free.filter(part).order_by("due_at", F("lead__score").desc(nulls_last=True), "pk")
        for clock in rows[: max(look - len(first), 0)]:
            first.setdefault(clock.lead_id, clock)
    return list(first.values())


def _still_free(clocks: Sequence[Clock], at: datetime) -> list[Clock]:
    """Those that are, now that their leads are locked, what they were when they were read."""
    unmet = Clock.objects.open().filter(pk__in=[clock.pk for clock in clocks]).exclude(lead__in=in_hand(at))
    owners = dict(unmet.values_list("pk", "owner"))
    return [clock for clock in clocks if clock.pk in owners and owners[clock.pk] == clock.owner_id]


def in_hand(at: datetime) -> QuerySet[Lease]:
    """The leads that somebody is working this minute."""
    return Lease.objects.filter(expires_at__gt=at).values("lead")


def ask(leads: Sequence[Lead], *, at: datetime) -> dict[int, Decision]:
    """Lead → what the gate says of a call now; a lead without a number is left out. Reads lead.source."""
    asked = [(lead.pk, request) for lead in leads if (request := contact.request_for(lead, "voice"))]
    decisions = gate.decide_many([request for _, request in asked], at=at)
    return {pk: decision for (pk, _), decision in zip(asked, decisions, strict=True)}


def _lease(lead_id: int, agent: Agent, at: datetime) -> Lease:
    lease, _ = Lease.objects.update_or_create(
        lead_id=lead_id, defaults={"user_id": agent.user_id, "taken_at": at, "expires_at": at + LEASE}
    )
    return lease
