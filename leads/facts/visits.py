"""Can a visit be had, does one stand, was one missed?"""

from __future__ import annotations

from datetime import datetime

from django.db.models import (
    BooleanField,
    DurationField,
    Exists,
    Expression,
    ExpressionWrapper,
    IntegerField,
    OuterRef,
    QuerySet,
)
from django.db.models.functions import Cast, Extract

from leads import capacity
from leads.facts.reading import counted
from leads.models import Appointment
from leads.vocabulary import AppointmentState


def days_until_slot(at: datetime) -> Expression:
    """Days from today, where the lead is, to the first open slot; unknown while none is open."""
    days = ExpressionWrapper(capacity.first_open_date(at=at) - capacity.today(at=at), output_field=DurationField())
    return Cast(Extract(days, "day"), IntegerField())


def visit_ahead(at: datetime) -> Expression:
    """Whether an appointment stands."""
    return ExpressionWrapper(Exists(_coming(at)), output_field=BooleanField())


def visit_for_service(at: datetime) -> Expression:
    """Whether an appointment stands for what the lead asks for now: another service is another visit."""
    return ExpressionWrapper(Exists(_coming(at).filter(service=OuterRef("service"))), output_field=BooleanField())


def _coming(at: datetime) -> QuerySet[Appointment]:
    return Appointment.objects.ahead(at).filter(lead=OuterRef("pk"))


def no_shows(at: datetime) -> Expression:
    return counted(Appointment.objects.filter(lead=OuterRef("pk"), status=AppointmentState.NO_SHOW))
