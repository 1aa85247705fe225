"""Which leads does nobody see to? Each kind is a condition on leads, for the board's figures and the lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from leads.lifecycle import OPEN
from leads.models import Lead
from leads.vocabulary import Decision, NextStep
from medcrm.lib.paginator import AHEAD
from routing.models import Clock, Handoff
from routing.vocabulary import Owed

BOUND = AHEAD  # as far as the lists behind the figures count; nobody acts on the difference
WALKED_WITHIN = timedelta(minutes=10)  # the beat ticks every five seconds; after this the workers are not working


class Neglect(TextChoices):
    QUEUE_LATE = "queue_late", _("Overdue in a team queue")
    UNTAKEN = "untaken", _("Handoffs not accepted in time")
    EXHAUSTED = "exhausted", _("Out of attempts, needs a decision")
    NO_TEAM = "no_team", _("Forwarded, but no team has it")
    NOT_WALKED = "not_walked", _("Waiting to be processed")


def _owed(**conditions: object) -> Exists:
    return Exists(Clock.objects.open().filter(lead=OuterRef("pk"), **conditions))


CONDITIONS: dict[str, Callable[[datetime], Q]] = {
    Neglect.QUEUE_LATE: lambda at: Q(_owed(owner=None, due_at__lte=at)),
    Neglect.UNTAKEN: lambda at: (
        Q(Exists(Handoff.objects.offered().filter(lead=OuterRef("pk")))) & Q(_owed(breached_at__isnull=False))
    ),
    Neglect.EXHAUSTED: lambda at: Q(_owed(owed=Owed.DECISION)),
    Neglect.NO_TEAM: lambda at: Q(decision=Decision.FORWARD, team="") & ~Q(next_step__in=["", NextStep.NURTURE]),
    Neglect.NOT_WALKED: lambda at: Q(advance_due_at__lte=at - WALKED_WITHIN),
}


def condition(kind: str, *, at: datetime) -> Q:
    """Open leads that are neglected in this way."""
    return CONDITIONS[Neglect(kind)](at) & Q(stage__in=OPEN, merged_into=None)


def count(leads: QuerySet[Lead], kind: str, *, at: datetime) -> int:
    """How many of these leads are neglected in this way, up to the bound."""
    return up_to_bound(leads.filter(condition(kind, at=at)).order_by())


def up_to_bound(rows: QuerySet) -> int:
    """How many rows there are, counted up to the bound."""
    return rows[:BOUND].count()


def said(count: int) -> str:
    """“17”, or “100+” where more were not counted."""
    return f"{count}" if count < BOUND else f"{BOUND}+"
