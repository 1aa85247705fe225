"""What does the consent room tell the rooms above it?"""

from __future__ import annotations

from django.dispatch import Signal

permission_changed = Signal()
"""Sent inside the transaction that recorded the events; arguments `address_ids: list[int]` and `at: datetime`."""
