"""What do I do next, and why? Everything a person owes, in order, with what may be used to reach each lead now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from leads.admin import road
from leads.admin.lead import due_badge
from leads.admin.road import Contact
from leads.filters import start_of_day
from leads.models import Lead
from leads.visibility import visible
from medcrm.lib.badges import badge
from nurture import calls
from nurture.models import CallTask
from routing import worklist
from routing.models import Agent, Clock, Lease

PAGE = 50

LATE, TODAY, LATER = "late", "today", "later"
HEADINGS: dict[str, Promise] = {LATE: _("Overdue"), TODAY: _("Today"), LATER: _("Later")}


@dataclass(frozen=True)
class Row:
    """One lead: the most pressing thing owed to it, what else is owed, and how it may be reached."""

    lead: Lead
    clock: Clock
    also: Sequence[Clock]
    due: object
    local_time: datetime | None
    contacts: Sequence[Contact]
    heading: Promise | None  # where this row begins a new part of the list
    is_held_by_me: bool


@dataclass(frozen=True)
class Asked:
    """One call that a sequence asks for, and how the lead may be reached."""

    task: CallTask
    since: object
    local_time: datetime | None
    contacts: Sequence[Contact]

    @property
    def lead(self) -> Lead:
        return self.task.lead


@dataclass(frozen=True)
class Page:
    rows: Sequence[Row]
    number: int
    has_more: bool
    asked: Sequence[Asked] = ()

    @property
    def leads(self) -> list[int]:
        """Whom the page shows."""
        return [row.lead.pk for row in (*self.asked, *self.rows)]


def read(user: AbstractBaseUser, *, at: datetime, number: int = 1) -> Page:
    """One page of the list; the calls that sequences ask for stand on the first. Twelve queries, however long it is."""
    start = (number - 1) * PAGE
    clocks = list(_owed(user, at=at)[start : start + PAGE + 1])
    has_more, clocks = len(clocks) > PAGE, clocks[:PAGE]
    by_lead: dict[int, list[Clock]] = {}
    for clock in clocks:
        by_lead.setdefault(clock.lead_id, []).append(clock)
    tasks = list(asked_of(user, at=at).select_related("lead__source", "step__template")[:PAGE]) if number == 1 else []
    leads = {lead.pk: lead for lead in (*(owed[0].lead for owed in by_lead.values()), *(task.lead for task in tasks))}
    reach = road.contacts_of(list(leads.values()), at=at)
    mine = set(Lease.objects.filter(user=user, expires_at__gt=at).values_list("lead", flat=True))
    rows, part = [], None
    for lead_id, (first, *others) in by_lead.items():
        here = _part(first, at)
        rows.append(
            Row(
                lead=first.lead,
                clock=first,
                also=others,
                due=clock_badge(first, at=at),
                local_time=road.local_time(first.lead, at=at),
                contacts=reach[lead_id],
                heading=HEADINGS[here] if here != part else None,
                is_held_by_me=lead_id in mine,
            )
        )
        part = here
    asked = [Asked(task, _since(task, at), road.local_time(task.lead, at=at), reach[task.lead_id]) for task in tasks]
    return Page(rows, number, has_more, asked)


@dataclass(frozen=True)
class Load:
    """How many leads the list shows as overdue and for today, with calls of sequences; how many wait for a promise."""

    late: int
    today: int
    promised: int


def count(user: AbstractBaseUser, *, at: datetime) -> Load:
    """What the whole list would show; two queries. A lead counts once, by the most pressing thing owed to it."""
    today = start_of_day(at)
    owed = Clock.objects.open().filter(visible(user, "lead__"), owner=user).order_by().values("lead")
    leads = owed.annotate(first=Min("due_at"), promises=Count("pk", filter=Q(is_promise=True))).aggregate(
        late=Count("lead", filter=Q(first__lt=at)),
        today=Count("lead", filter=Q(first__gte=at, first__lt=today + timedelta(days=1))),
        promised=Count("lead", filter=Q(promises__gt=0)),
    )
    asked = asked_of(user, at=at).aggregate(
        late=Count("pk", filter=Q(opened_at__lt=today)), today=Count("pk", filter=Q(opened_at__gte=today))
    )
    return Load(leads["late"] + asked["late"], leads["today"] + asked["today"], leads["promised"])


def _owed(user: AbstractBaseUser, *, at: datetime):
    related = ("lead__service", "lead__source", "lead__preferred_clinic")
    return worklist.owed_to(user.pk, at=at).filter(visible(user, "lead__")).select_related(*related)


def asked_of(user: AbstractBaseUser, *, at: datetime) -> QuerySet[CallTask]:
    """The calls that sequences ask this person for: about their own leads, and those of their team that nobody has."""
    teams = Agent.objects.filter(user=user.pk).values("team")
    theirs = Q(lead__owner=user.pk) | Q(lead__owner=None, lead__team__in=teams)
    return calls.open_tasks(at=at).filter(theirs, visible(user, "lead__"))


def _since(task: CallTask, at: datetime) -> object:
    """Since when the call is asked for: from that moment on it is due."""
    is_old = task.opened_at < start_of_day(at)
    words = date_format(timezone.localtime(task.opened_at), "M j, g:i A" if is_old else "g:i A")
    return badge("overdue" if is_old else "today", _now("since %(when)s") % {"when": words}, symbol="call")


def clock_badge(clock: Clock, *, at: datetime) -> object:
    """When it is due, as everywhere: overdue and for how long, today at what time, or the date."""
    return due_badge(Lead(stage=clock.lead.stage, next_action_due_at=clock.due_at), at=at)


def why(clock: Clock) -> str:
    """Why this is owed, in words: a promise before anything else."""
    if clock.is_promise:
        return _now("Promised to the lead: %(what)s") % {"what": clock.why or clock.get_owed_display()}
    return clock.why or ""


def _part(clock: Clock, at: datetime) -> str:
    if clock.due_at < at:
        return LATE
    return TODAY if (clock.due_at - start_of_day(at)).days < 1 else LATER


def held_until(at: datetime, until: datetime | None) -> str:
    """“until 8:00 AM” or “until Dec 2, 8:00 AM”, in the reader's time."""
    if until is None:
        return ""
    local = timezone.localtime(until)
    same_day = local.date() == timezone.localtime(at).date()
    return date_format(local, "g:i A" if same_day else "M j, g:i A")
