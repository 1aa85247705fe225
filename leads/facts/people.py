"""Whom can we reach, and how much of them do we know?"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, Exists, Expression, OuterRef, Q, Value, When

from leads.models import Stakeholder
from leads.vocabulary import ContactRole


def contact_points(at: datetime) -> Expression:
    """How many of phone and e-mail we hold."""
    return Case(When(phone__isnull=False, then=1), default=0) + Case(When(email__isnull=False, then=1), default=0)


def complete_fields(at: datetime) -> Expression:
    """How many of phone, e-mail, service and location are given (0 to 4)."""
    located = Case(When(latitude__isnull=False, then=1), default=0)
    served = Case(When(service__isnull=False, then=1), default=0)
    return contact_points(at) + located + served


def scheduler_named(at: datetime) -> Expression:
    """Whether somebody is known who arranges visits or referrals [R20]."""
    has_role = Q(role=ContactRole.SCHEDULER) | Q(other_roles__contains=[ContactRole.SCHEDULER])
    people = Stakeholder.objects.filter(has_role, lead=OuterRef("pk"))
    return Case(When(Q(contact_role=ContactRole.SCHEDULER) | Exists(people), then=Value(True)), default=Value(False))
