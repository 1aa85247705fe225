"""What is owed now? The first page: what is late, where leads stand along the road, what waits and what needs repair.

Every figure counts what the list behind its link shows, in the scope of whoever looks; the number of queries is fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.filters import due_condition, start_of_day
from leads.lifecycle import OPEN, Stage
from leads.models import Inquiry, Lead, Qualification
from leads.visibility import visible

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


def fill(request: HttpRequest, context: dict[str, object]) -> dict[str, object]:
    """What the index page shows to this person (UNFOLD's DASHBOARD_CALLBACK)."""
    user = request.user
    if user.has_perm("leads.view_lead"):
        leads = Lead.objects.filter(visible(user), merged_into=None)
        stages = dict(leads.order_by().values_list("stage").annotate(n=Count("pk")))
        context |= {
            "owed": owed(request, leads),
            "road": _bars(ROAD, stages),
            "ends": _bars(ENDS, stages),
            "road_max": max([1, *(stages.get(stage, 0) for stage in ROAD)]),
            "ends_max": max([1, *(stages.get(stage, 0) for stage in ENDS)]),
            "waiting": waiting(leads),
        }
    context["repairs"] = repairs(request)
    return context


def owed(request: HttpRequest, leads: QuerySet[Lead]) -> list[Figure]:
    """One pass over the open leads with a due time, one for the reader's own, one for the week's captures."""
    at = timezone.now()
    week = start_of_day(at) - timedelta(days=6)
    mine = Q(owner=request.user)
    now = leads.filter(stage__in=OPEN).aggregate(
        overdue=Count("pk", filter=due_condition("overdue", at=at)),
        today=Count("pk", filter=due_condition("today", at=at)),
        mine=Count("pk", filter=mine),
        mine_overdue=Count("pk", filter=mine & due_condition("overdue", at=at)),
        unowned=Count("pk", filter=Q(owner=None) & ~Q(team="")),
        review=Count("pk", filter=Q(decision="review")),
    )
    captured = leads.filter(created_at__gte=week).count()
    figures = [
        Figure(
            _("Overdue"),
            now["overdue"],
            _leads("due=overdue"),
            "bad" if now["overdue"] else "good",
            _("promised and late"),
        ),
        Figure(_("Still to do today"), now["today"], _leads("due=today"), "warn" if now["today"] else ""),
        Figure(
            _("In a team queue"),
            now["unowned"],
            _leads("whose=nobody"),
            "warn" if now["unowned"] else "",
            _("nobody has taken it"),
        ),
        Figure(_("To be decided by a person"), now["review"], _leads("decision__exact=review"), "info"),
        Figure(_("Captured in 7 days"), captured, _leads("captured=7"), "info"),
    ]
    if request.user.has_perm("leads.change_lead"):
        note = _("%(n)d overdue") % {"n": now["mine_overdue"]} if now["mine_overdue"] else _("none overdue")
        figures.insert(
            0,
            Figure(_("My open leads"), now["mine"], _leads("whose=me"), "bad" if now["mine_overdue"] else "good", note),
        )
    return figures


def waiting(leads: QuerySet[Lead]) -> list[Bar]:
    """Leads on hold by what they wait for, most first."""
    rows = (
        leads.filter(hold_reason__isnull=False, stage__in=OPEN)
        .order_by()
        .values_list("hold_reason", "hold_reason__name")
        .annotate(n=Count("pk"))
    )
    ordered = sorted(rows, key=lambda row: -row[2])
    return [Bar(name, count, _leads(f"hold_reason__code__exact={code}")) for code, name, count in ordered]


def repairs(request: HttpRequest) -> list[Figure]:
    """What needs a supervisor's hand; shown to those who can lend it."""
    found = []
    if _sees(request, Inquiry, "leads.repair_inquiry"):
        count = admin.site._registry[Inquiry].get_queryset(request).filter(status=Inquiry.Status.REFUSED).count()
        link = reverse("admin:leads_inquiry_changelist") + "?status__exact=refused"
        found.append(
            Figure(_("Inquiries to repair"), count, link, "bad" if count else "good", _("came in unreadable or wrong"))
        )
    if _sees(request, Qualification, "leads.review_qualification"):
        page = admin.site._registry[Qualification]
        overrides = page.get_queryset(request).exclude(override_reason="").filter(override_reviewed_at=None)
        count = overrides.count()
        link = reverse("admin:leads_qualification_changelist") + "?override=open"
        found.append(
            Figure(_("Decisions to review"), count, link, "warn" if count else "good", _("made against the checks"))
        )
    return found


def _sees(request: HttpRequest, model: type, permission: str) -> bool:
    return model in admin.site._registry and request.user.has_perm(permission)


def _bars(stages: Sequence[Stage], counts: dict[str, int]) -> list[Bar]:
    return [Bar(stage.label, counts.get(stage, 0), _leads(f"stage__exact={stage}")) for stage in stages]


def _leads(query: str) -> str:
    return f"{reverse(LEADS)}?{query}"
