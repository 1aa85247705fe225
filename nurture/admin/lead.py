"""What nurture adds to the lead's page: the sequence on its road, and what went out or was held back and why."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from leads.admin import panels
from leads.models import Lead
from nurture.models import Enrollment, Message, Skip

SHOWN = 5


@panels.register
def sequence_panel(lead: Lead, request: HttpRequest) -> panels.Panel | None:
    """Which sequence the lead is in, in the last step of its road."""
    row = Enrollment.objects.active().filter(lead=lead).select_related("sequence", "step__template").first()
    if row is None:
        return None
    return panels.Panel(_("Sequence"), "nurture/road_panel.html", {"row": row}, place=panels.ROAD)


@panels.register
def outreach_panel(lead: Lead, request: HttpRequest) -> panels.Panel | None:
    """The last messages, skips and calls asked for. Four queries."""
    context = {
        "last": Enrollment.objects.filter(lead=lead).select_related("sequence").order_by("-pk").first(),
        "messages": Message.objects.filter(enrollment__lead=lead).select_related("step__template")[:SHOWN],
        "skips": Skip.objects.filter(enrollment__lead=lead).select_related("step__template")[:SHOWN],
        "calls": lead.call_tasks.filter(settled_at=None)[:SHOWN],
    }
    if context["last"] is None:
        return None
    return panels.Panel(_("Outreach"), "nurture/outreach_panel.html", context)
