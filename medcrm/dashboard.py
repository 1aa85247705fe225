"""What is owed now? The first page: what is late, where leads stand along the road, what waits and what needs repair.

Every figure counts what the list behind its link shows, in the scope of whoever looks; the number of queries is fixed.
What is counted over all leads of a scope is kept for a minute (medcrm.lib.counts); the reader's own figures are live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.filters import due_condition, start_of_day
from leads.lifecycle import OPEN, Stage
from leads.models import Inquiry, Lead, Qualification
from leads.services import due
from leads.visibility import visible
from medcrm.lib import counts
from medcrm.lib.counts import Counting
from nurture.models import CallTask

LEADS = "admin:leads_lead_changelist"
ROAD = (Stage.NEW, Stage.WORKING, Stage.FORWARDED, Stage.HELD, Stage.NURTURING)
ENDS = (Stage.CONVERTED, Stage.STOPPED, Stage.LOST)


@dataclass(frozen=True)
class Figure:
    """A number with the list behind it."""

    label: str | Promise
    count: int
    link: str
    tone: str = ""
    note: str | Promise = ""


@dataclass(frozen=True)
class Bar:
    label: str | Promise
    count: int
    link: str


def fill(request: HttpRequest, context: dict[str, object], counting: Counting) -> dict[str, object]:
    """What is owed, where leads stand, what waits and what needs repair, for this person."""
    user, at = request.user, counting.at
    if user.has_perm("leads.view_lead"):
        leads = Lead.objects.filter(visible(user), merged_into=None)
        kept = counting.counted(f"dashboard:{counts.scope_key(user)}", lambda: count(leads, at=at))
        stages = kept.value.stages
        context |= {
            "owed": owed(request, leads, kept.value, counting),
            "counted_at": kept.at,
            "road": _bars(ROAD, stages),
            "ends": _bars(ENDS, stages),
            "road_max": max([1, *(stages.get(stage, 0) for stage in ROAD)]),
            "ends_max": max([1, *(stages.get(stage, 0) for stage in ENDS)]),
            "waiting": [
                Bar(name, n, _leads(f"hold_reason__code__exact={code}&state=open"))
                for code, name, n in kept.value.waiting
            ],
        }
    context["repairs"] = repairs(request, counting)
    return context


@dataclass(frozen=True)
class Counts:
    """All that is counted over the leads of a scope."""

    stages: Mapping[str, int]
    waiting: Sequence[tuple[str, str, int]]
    open: Mapping[str, int]
    captured: int


def count(leads: QuerySet[Lead], *, at: datetime) -> Counts:
    """One pass for the stages, one over the open leads, one over those on hold, one over the week's captures."""
    week = start_of_day(at) - timedelta(days=6)
    held = leads.filter(hold_reason__isnull=False, stage__in=OPEN).order_by()
    waiting = held.values_list("hold_reason", "hold_reason__name").annotate(n=Count("pk"))
    return Counts(
        stages=dict(leads.order_by().values_list("stage").annotate(n=Count("pk"))),
        waiting=sorted(waiting, key=lambda row: -row[2]),
        open=leads.filter(stage__in=OPEN).aggregate(
            overdue=Count("pk", filter=due_condition("overdue", at=at)),
            today=Count("pk", filter=due_condition("today", at=at)),
            unowned=Count("pk", filter=Q(owner=None, next_action_due_at__isnull=False) & ~Q(team="")),
            review=Count("pk", filter=Q(decision="review")),
        ),
        captured=leads.filter(created_at__gte=week).count(),
    )


def owed(request: HttpRequest, leads: QuerySet[Lead], all_of_them: Counts, counting: Counting) -> list[Figure]:
    """What is owed by all whom the reader sees, and first by the reader, who is served by the owner's index."""
    now = all_of_them.open
    figures = [
        Figure(
            _("Overdue"),
            now["overdue"],
            _leads("due=overdue"),
            "bad" if now["overdue"] else "good",
            _("past their due time"),
        ),
        Figure(_("Still due today"), now["today"], _leads("due=today"), "warn" if now["today"] else ""),
        Figure(
            _("In a team queue"),
            now["unowned"],
            _leads("whose=queue&state=open"),
            "warn" if now["unowned"] else "",
            _("not taken yet"),
        ),
        Figure(_("Waiting for a decision"), now["review"], _leads("decision__exact=review&state=open"), "info"),
        Figure(_("New in the last 7 days"), all_of_them.captured, _leads("captured=7"), "info"),
    ]
    if _sees(request, CallTask, "nurture.settle_calltask"):
        asked = CallTask.objects.filter(visible(request.user, "lead__"), settled_at=None)
        scope = counts.scope_key(request.user)
        calls = counting.counted(f"calls:{scope}", asked.count).value
        link = reverse("admin:nurture_calltask_changelist") + "?call=open"
        figures.append(Figure(_("Calls due from sequences"), calls, link, "warn" if calls else ""))
    if request.user.has_perm("leads.change_lead"):
        mine = leads.filter(owner=request.user, stage__in=OPEN).aggregate(
            all=Count("pk"), late=Count("pk", filter=due_condition("overdue", at=counting.at))
        )
        note = _("%(n)d overdue") % {"n": mine["late"]} if mine["late"] else _("none overdue")
        tone = "bad" if mine["late"] else "good"
        figures.insert(0, Figure(_("My open leads"), mine["all"], _leads("whose=me&state=open"), tone, note))
    return figures


def repairs(request: HttpRequest, counting: Counting) -> list[Figure]:
    """What needs a supervisor's hand; shown to those who can lend it."""
    found, scope = [], counts.scope_key(request.user)
    if _sees(request, Inquiry, "leads.repair_inquiry"):
        refused = admin.site._registry[Inquiry].get_queryset(request).filter(status=Inquiry.Status.REFUSED)
        count = counting.counted(f"refused:{scope}", refused.count).value
        link = reverse("admin:leads_inquiry_changelist") + "?status__exact=refused"
        found.append(
            Figure(_("Inquiries to repair"), count, link, "bad" if count else "good", _("unreadable, or with errors"))
        )
    if _sees(request, Qualification, "leads.review_qualification"):
        page = admin.site._registry[Qualification]
        overrides = page.get_queryset(request).exclude(override_reason="").filter(override_reviewed_at=None)
        count = counting.counted(f"overrides:{scope}", overrides.count).value
        link = reverse("admin:leads_qualification_changelist") + "?override=open"
        found.append(
            Figure(_("Decisions to review"), count, link, "warn" if count else "good", _("overrode a failed check"))
        )
        put_off = due.put_off_leads(at=counting.at).filter(visible(request.user))
        count = counting.counted(f"put_off:{scope}", put_off.count).value
        tone, note = "bad" if count else "good", _("blocked by an error; see the timeline")
        found.append(Figure(_("Next step could not be determined"), count, _leads("state=put_off"), tone, note))
    return found


def _sees(request: HttpRequest, model: type, permission: str) -> bool:
    return model in admin.site._registry and request.user.has_perm(permission)


def _bars(stages: Sequence[Stage], counts: dict[str, int]) -> list[Bar]:
    return [Bar(stage.label, counts.get(stage, 0), _leads(f"stage__exact={stage}")) for stage in stages]


def _leads(query: str) -> str:
    return f"{reverse(LEADS)}?{query}"
