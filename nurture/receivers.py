"""What the consent room tells this one: the carrier must hear of a withdrawal too."""

from __future__ import annotations

from datetime import datetime

from django.dispatch import receiver

from consent.signals import permission_changed
from nurture import carrier


@receiver(permission_changed, dispatch_uid="nurture.permission_changed")
def on_permission_changed(sender: object, address_ids: list[int], at: datetime, **kwargs: object) -> None:
    carrier.note(address_ids, at=at)
