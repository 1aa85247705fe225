"""What do the services of the lead ask of whoever takes it?"""

from __future__ import annotations

from datetime import datetime

from django.db.models import (
    Case,
    CharField,
    Expression,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, NullIf

from leads.models import Lead, ServiceLine


def service_training(at: datetime) -> Expression:
    """The training that the service asks for, or else one of the other services that the lead's story speaks of."""
    first = Subquery(other_trainings(OuterRef("other_services"))[:1])
    other = Case(When(~Q(other_services=[]), then=first), default=None, output_field=CharField())
    return Coalesce(NullIf(F("service__required_training"), Value("")), other)


def other_trainings(services: Expression) -> QuerySet:
    """The trainings that these services of a lead, an array of codes, ask for."""
    told = ExpressionWrapper(services, output_field=Lead._meta.get_field("other_services"))
    rows = ServiceLine.objects.alias(told=told).filter(told__contains=[F("pk")]).exclude(required_training="")
    return rows.order_by("pk").values("required_training")
