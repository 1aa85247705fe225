"""What the leads room tells this one: an incident is told to who reviews it."""

from __future__ import annotations

from datetime import datetime

from django.dispatch import receiver

from leads.signals import incident_opened
from routing import notices
from routing.models import Notice


@receiver(incident_opened, dispatch_uid="routing.incident_opened")
def on_incident_opened(sender: object, at: datetime, **kwargs: object) -> None:
    notices.tell(dict.fromkeys(notices.holders("leads.review_incident"), 1), Notice.Kind.INCIDENT, at=at)
