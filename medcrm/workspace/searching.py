"""What does “find” find? Leads by any word people have for them, and the pages of the admin by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from leads.models import Lead
from leads.search import find_leads
from leads.visibility import visible
from medcrm import admin_site
from medcrm.lib import reading
from medcrm.lib.moments import said_day
from medcrm.workspace.models import SavedView

SHOWN = 20
SHORTEST = 2


@dataclass(frozen=True)
class Hit:
    """One line of the result, as the theme shows it."""

    title: str
    description: str
    link: str
    icon: str


def find(request: HttpRequest, term: str) -> list[Hit]:
    """Leads in the reader's scope first, then pages they may open and lists they named."""
    term = " ".join(term.split())
    if len(term) < SHORTEST:
        return []
    return [*_leads(request, term), *_views(request, term), *_pages(request, term)]


def _leads(request: HttpRequest, term: str) -> Sequence[Hit]:
    if not request.user.has_perm("leads.view_lead"):
        return []
    rows = Lead.objects.filter(visible(request.user), merged_into=None).select_related("service")
    found = list(find_leads(rows, term)[:SHOWN])
    reading.note(request, "search", "leads.lead", [lead.pk for lead in found], query=term)
    return [Hit(name_of(lead), _about(lead), reverse("workspace:lead", args=[lead.pk]), "person") for lead in found]


def _views(request: HttpRequest, term: str) -> Sequence[Hit]:
    page = reverse("admin:leads_lead_changelist")
    named = SavedView.objects.filter(user=request.user, name__istartswith=term)[:5]
    return [Hit(view.name, _("saved list of leads"), f"{page}?{view.query}", "bookmark") for view in named]


def _pages(request: HttpRequest, term: str) -> Sequence[Hit]:
    wanted = term.casefold()
    return [
        Hit(str(entry.title), str(section.title), admin_site.link_of(entry), entry.icon)
        for section in admin_site.SECTIONS
        for entry in section.entries
        if wanted in str(entry.title).casefold() and admin_site.may_open(request, entry)
    ]


def name_of(lead: Lead) -> str:
    if lead.is_organisation and lead.organisation:
        return f"{lead.organisation} ({lead.name})" if lead.name else lead.organisation
    return lead.name or _("no name given")


def _about(lead: Lead) -> str:
    said = [
        str(lead.service or ""),
        lead.city,
        str(lead.get_stage_display()),
        said_day(timezone.localtime(lead.created_at)),
    ]
    return ", ".join(part for part in said if part)
