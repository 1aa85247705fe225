"""What the routing room holds about a person: packets, notes and promises."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medcrm.lib.personal import Harmless, Holding, Retained, declare

PACKET = {"packet": {}, "additions": [], "note": ""}

declare(
    Holding(
        "routing.handoff",
        PACKET,
        lead="lead",
        guards=("routing.Handoff:packet_is_frozen", "routing.Handoff:additions_only_grow"),
    ),
    Holding(
        "routing.handoffevent",
        PACKET,
        lead="lead",
        guards=("routing.HandoffEvent:append_only",),
        kept="pgh_label",
    ),
    Holding(
        "routing.assignment",
        {"note": ""},
        lead="lead",
        guards=("routing.Assignment:assignments_are_append_only",),
        kept="path",
        why="The path names rules and members of staff.",
    ),
    Holding("routing.clock", {"why": ""}, lead="lead", kept="held_code"),
    Harmless(
        """routing.team routing.teamevent routing.agent routing.agentevent routing.cursor routing.script
        routing.scriptevent routing.scripttext routing.scripttextevent routing.routeset routing.routesetevent
        routing.rerouting routing.routingrule routing.routingruleevent routing.goal routing.goalevent routing.cadence
        routing.cadenceevent""".split(),
        "Staff, teams and rules.",
    ),
    Retained("notices", _("Notices that were read"), "routing.notice", "at", condition=Q(read_at__isnull=False)),
)
