"""What of a call must be looked into at once? An emergency that came up; outreach waits until somebody has."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from leads.models import Incident, Interaction, Lead
from leads.services import due
from leads.signals import incident_opened
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib.errors import RuleError


def open_incident(call: Interaction) -> Incident:
    """Log what came up on this call and tell who reviews it [3.5]."""
    incident = Incident.objects.create(lead_id=call.lead_id, call=call, opened_at=call.at)
    incident_opened.send(sender=Incident, at=call.at)
    return incident


@transaction.atomic
def review(incident_id: int, text: str, *, by: AbstractBaseUser, at: datetime) -> Incident:
    """Close an incident with what was found, which stays on the timeline; outreach goes on, also to the lead that this
    one was merged into. Locks the lead.

    Raise RuleError without words, or if it is reviewed already.
    """
    if not text.strip():
        raise RuleError("WORDS_MISSING", _("Say what you found and what was done."), field="text")
    lead_id = Incident.objects.values_list("lead", flat=True).get(pk=incident_id)
    Lead.objects.lock().get(pk=lead_id)
    incident = Incident.objects.select_for_update().get(pk=incident_id)
    if incident.reviewed_at is not None:
        raise RuleError("REVIEWED_ALREADY", _("This incident is reviewed already."))
    incident.reviewed_at, incident.reviewed_by = at, by
    incident.save(update_fields=["reviewed_at", "reviewed_by"])
    Interaction.objects.create(
        lead_id=lead_id, kind=InteractionKind.NOTE, direction=Direction.INTERNAL, at=at, by=by, text=text
    )
    due.mark_due(Lead.objects.filter(Q(pk=lead_id) | Q(merged_from=lead_id)), at=at)
    return incident
