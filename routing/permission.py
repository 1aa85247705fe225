"""By which channels may these leads be contacted, as the handoff tells it?

Advice for the reader of a packet; the consent gate decides again when a contact is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from leads.models import Lead


def channels(leads: Sequence[Lead], *, at: datetime) -> dict[int, dict[str, bool]]:
    return {}
