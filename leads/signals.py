"""What does the leads room tell the rooms above it, where data does not carry it?"""

from __future__ import annotations

from django.dispatch import Signal

incident_opened = Signal()
"""Sent inside the transaction that recorded the call; argument `at: datetime`."""
