"""What the consent room tells this one: a change of permission puts every lead with that address back on the road."""

from __future__ import annotations

from datetime import datetime

from django.dispatch import receiver

from consent.signals import permission_changed
from leads.services import due


@receiver(permission_changed, dispatch_uid="leads.permission_changed")
def on_permission_changed(sender: object, address_ids: list[int], at: datetime, **kwargs: object) -> None:
    due.mark_addresses_due(address_ids, at=at)
