"""What the lists of rows that belong to a lead have in common: only visible leads, and search by the lead."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from leads.models import Lead
from leads.search import find_leads
from leads.visibility import visible
from medcrm.lib.admin import ModelAdmin
from medcrm.lib.columns import display, link


class OfLead(ModelAdmin):
    """Rows with a `lead`: scoped to the leads the user sees, found by the lead's name, phone, e-mail or id."""

    about = ("leads.lead", "lead_id")
    search_fields = ("lead__last_name",)
    search_help_text = _("Last name, organisation, phone in any format, e-mail or lead id")
    list_select_related = ("lead",)
    ordering = ("-pk",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(visible(request.user, "lead__"))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        if not search_term.strip():
            return queryset, False
        leads = find_leads(Lead.objects.filter(visible(request.user)), search_term)
        return queryset.filter(lead__in=list(leads.order_by().values_list("pk", flat=True)[:500])), False

    def get_list_display_links(self, request: HttpRequest, list_display: Sequence[str]) -> Sequence[str]:
        """The lead's own link leads to the lead; the row opens by the column after it, for links do not nest."""
        links = super().get_list_display_links(request, list_display)
        return list(list_display[1:2]) if list(links or ()) == ["of_lead"] else links

    @display(description=_("Lead"))
    def of_lead(self, obj) -> str:
        return link(obj.lead)
