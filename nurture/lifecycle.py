"""Which states do enrolments and messages go through? One table each for services, admin and database triggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from medcrm.lib.errors import InvalidTransition


class EnrollmentState(TextChoices):
    ACTIVE = "active", _("Active")
    FINISHED = "finished", _("Finished")
    EXITED = "exited", _("Left early")
    REFUSED = "refused", _("Not entered")


class MessageState(TextChoices):
    """A message exists from its reservation on; what is only planned is computed (nurture.plan), never stored."""

    RESERVED = "reserved", _("Reserved")
    SENT = "sent", _("Sent")
    UNKNOWN = "unknown", _("Not known whether it left")
    FAILED = "failed", _("Did not leave")
    CANCELLED = "cancelled", _("Cancelled before it left")
    DELIVERED = "delivered", _("Delivered")
    BOUNCED = "bounced", _("Bounced")
    REPLIED = "replied", _("Replied to")


_S = MessageState
MESSAGE_MOVES: Mapping[MessageState, Sequence[MessageState]] = {
    _S.RESERVED: (_S.SENT, _S.DELIVERED, _S.UNKNOWN, _S.FAILED, _S.CANCELLED),
    # What the provider tells later settles an uncertain send; nothing ever sends it again.
    _S.UNKNOWN: (_S.SENT, _S.DELIVERED, _S.FAILED, _S.BOUNCED, _S.REPLIED),
    _S.SENT: (_S.DELIVERED, _S.FAILED, _S.BOUNCED, _S.REPLIED),
    _S.DELIVERED: (_S.BOUNCED, _S.REPLIED),
}
ENROLLMENT_MOVES: Mapping[EnrollmentState, Sequence[EnrollmentState]] = {
    EnrollmentState.ACTIVE: (EnrollmentState.FINISHED, EnrollmentState.EXITED),
}
REACHED = (_S.SENT, _S.DELIVERED, _S.BOUNCED, _S.REPLIED)
"""States of a message that certainly left us."""


def pairs(moves: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """All allowed moves, sorted, as the database trigger wants them."""
    return sorted((str(old), str(new)) for old, news in moves.items() for new in news)


def check(old: str, new: str) -> None:
    """Raise InvalidTransition unless a message may go from one state to the other."""
    if old != new and new not in MESSAGE_MOVES.get(MessageState(old), ()):
        raise InvalidTransition(MessageState(old).label, MessageState(new).label)
