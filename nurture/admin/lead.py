"""What nurture adds to the lead's page: the sequence on its road, and what went out or was held back and why."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, When
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from leads.admin import panels
from leads.models import Lead, Qualification
from nurture.models import Enrollment, Message, Skip
from nurture.vocabulary import NOTICES, ExitCode

SHOWN = 5


@panels.register
def sequence_panel(lead: Lead, request: HttpRequest) -> panels.Panel | None:
    """Which sequence the lead is in, in the last step of its road."""
    row = Enrollment.objects.active().filter(lead=lead).select_related("sequence", "step__template").first()
    if row is None:
        return None
    return panels.Panel(_("Sequence"), "nurture/road_panel.html", {"row": row}, place=panels.ROAD)


DID = {
    "entered": _("Entered “%(name)s”."),
    "left": _("Left “%(name)s”: %(why)s."),
    "finished": _("Finished “%(name)s”."),
    "refused": _("Could not enter “%(name)s”: %(why)s."),
}


def _change(note: dict[str, str]) -> dict[str, object]:
    """A change of the outreach plan in words."""
    reason = ExitCode(note["code"]).label if note["code"] else ""
    why = " – ".join(str(part) for part in (reason, note["why"]) if part)
    return {
        "at": datetime.fromisoformat(note["at"]),
        "words": DID[note["did"]] % {"name": note["sequence"], "why": why},
    }


@panels.register
def outreach_panel(lead: Lead, request: HttpRequest) -> panels.Panel | None:
    """What comes, the last messages, skips and calls asked for, and how the plan changed. Five queries."""
    rows = Enrollment.objects.filter(lead=lead).select_related("sequence")
    context = {
        # A notice says nothing of where the lead is; its message stands with the others.
        "last": rows.order_by(Case(When(sequence__code__in=NOTICES, then=1), default=0), "-pk").first(),
        "messages": Message.objects.filter(enrollment__lead=lead).select_related("step__template")[:SHOWN],
        "skips": Skip.objects.filter(enrollment__lead=lead).select_related("step__template")[:SHOWN],
        "calls": lead.call_tasks.filter(settled_at=None)[:SHOWN],
    }
    if context["last"] is None:
        return None
    cycle = Qualification.objects.filter(lead=lead).order_by("-cycle").values_list("outreach", flat=True).first()
    context["changes"] = [_change(note) for note in (cycle or [])[: -SHOWN - 1 : -1]]
    return panels.Panel(_("Outreach"), "nurture/outreach_panel.html", context)
