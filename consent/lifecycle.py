"""Which states does an attempt go through? Reserved first; only what is sure never to have left us stops counting."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from medcrm.lib.errors import InvalidTransition


class AttemptState(TextChoices):
    REFUSED = "refused", _("Not permitted")
    RESERVED = "reserved", _("Reserved")
    HANDED_OVER = "handed_over", _("Being handed to the provider")
    SENT = "sent", _("Made")
    UNKNOWN = "unknown", _("Not known whether it left")
    FAILED = "failed", _("Did not leave")
    CANCELLED = "cancelled", _("Cancelled before it left")


TRANSITIONS: tuple[tuple[str, str], ...] = tuple(
    sorted(
        (old.value, new.value)
        for old, news in {
            AttemptState.RESERVED: (
                AttemptState.HANDED_OVER,
                AttemptState.SENT,
                AttemptState.UNKNOWN,
                AttemptState.FAILED,
                AttemptState.CANCELLED,
            ),
            AttemptState.HANDED_OVER: (AttemptState.SENT, AttemptState.UNKNOWN, AttemptState.FAILED),
            AttemptState.UNKNOWN: (AttemptState.SENT, AttemptState.FAILED),
        }.items()
        for new in news
    )
)

COUNTED = (AttemptState.RESERVED, AttemptState.HANDED_OVER, AttemptState.SENT, AttemptState.UNKNOWN)
"""States that count against a cap: whatever may have reached the person."""


def check(old: str, new: str) -> None:
    """Raise InvalidTransition unless an attempt may go from one state to the other."""
    if (old, new) not in TRANSITIONS:
        raise InvalidTransition(AttemptState(old).label, AttemptState(new).label)
