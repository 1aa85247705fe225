"""What does the ledger leave open at the lead's addresses? Advice: the gate decides each contact."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, Exists, Expression, OuterRef, Q, Value, When

from consent.models import Permission
from consent.models.ledger import PermissionState


def has_grant(at: datetime) -> Expression:
    """Whether any address of the lead holds a permission in force; the gate still decides each contact."""
    granted = Permission.objects.filter(state=PermissionState.GRANTED)
    by_phone, by_email = (Exists(granted.filter(address=OuterRef(name))) for name in ("phone", "email"))
    return Case(When(by_phone | by_email, then=Value(True)), default=Value(False))


def ways_open(at: datetime) -> Expression:
    """How many of calls, texts and e-mail the person leaves open: an address we hold, and nothing withdrawn.

    No grant is asked for: a hand-dialled call needs none. The gate still decides each contact.
    """
    closed = Permission.objects.filter(state=PermissionState.BLOCKED)
    ways = (("voice", "phone"), ("sms", "phone"), ("email", "email"))
    return sum(
        (
            Case(
                When(
                    Q(**{f"{address}__isnull": False})
                    & ~Exists(closed.filter(address=OuterRef(address), channel=channel)),
                    then=1,
                ),
                default=0,
            )
            for channel, address in ways
        ),
        start=Value(0),
    )
