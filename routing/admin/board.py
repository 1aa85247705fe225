"""The team board: what each team and agent has open, due and late, and what lies where nobody sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from leads.lifecycle import OPEN
from leads.models import Appointment, Lead, Qualification
from leads.visibility import visible
from medcrm.lib.access import scope_of
from routing import board, neglected, returns
from routing.neglected import Neglect

LEADS = "admin:leads_lead_changelist"
RETURNS_OF = timedelta(days=30)


@dataclass(frozen=True)
class Tile:
    """A figure with the list behind it, as the dashboard shows it."""

    label: object
    count: str
    link: str
    tone: str = ""
    note: object = ""


def board_view(request: HttpRequest) -> HttpResponse:
    """Show the board; the page fetches only its body again, every twenty seconds."""
    if not request.user.has_perm("routing.view_team"):
        raise PermissionDenied
    at, scope = timezone.now(), scope_of(request.user)
    context = {
        "at": at,
        "lines": board.read(at=at, teams=None if scope.sees_all_teams else scope.teams),
        "tiles": tiles(request, at=at),
        "returned": returns.returned(since=at - RETURNS_OF) if scope.sees_all_teams else [],
        "leads_url": reverse(LEADS),
    }
    if "body" in request.GET:
        return TemplateResponse(request, "routing/board_body.html", context)
    return TemplateResponse(
        request, "routing/board.html", {**admin.site.each_context(request), "title": _("Team board"), **context}
    )


def tiles(request: HttpRequest, *, at: datetime) -> Sequence[Tile]:
    """What nobody sees to, and what waits for a supervisor."""
    leads = Lead.objects.filter(visible(request.user))
    tones = {Neglect.EXHAUSTED: "warn"}
    found = []
    for kind in Neglect:
        count = neglected.count(leads, kind, at=at)
        tone = tones.get(kind, "bad") if count else "good"
        found.append(Tile(kind.label, neglected.said(count), f"{reverse(LEADS)}?neglect={kind}", tone))
    review = neglected.up_to_bound(leads.filter(decision="review", stage__in=OPEN, merged_into=None).order_by())
    link = f"{reverse(LEADS)}?decision__exact=review&state=open"
    found.append(Tile(_("Waiting for a decision"), neglected.said(review), link, "warn" if review else "good"))
    over = Appointment.objects.unsettled(at).filter(visible(request.user, "lead__")).order_by("date")
    count = neglected.up_to_bound(over)
    link = f"{reverse('admin:leads_appointment_changelist')}?when=unsettled"
    found.append(Tile(_("Visits without a result"), neglected.said(count), link, "warn" if count else "good"))
    if request.user.has_perm("leads.review_qualification"):
        rows = Qualification.objects.filter(visible(request.user, "lead__"), override_reviewed_at=None)
        # In the order of the index of these, where the database else goes through all decisions.
        count = neglected.up_to_bound(rows.exclude(override_reason="").order_by("decided_at"))
        link = f"{reverse('admin:leads_qualification_changelist')}?override=open"
        found.append(Tile(_("Decisions to review"), neglected.said(count), link, "warn" if count else "good"))
    return found
