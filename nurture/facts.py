"""The facts that sequences ask for beyond those of the leads room."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, Expression, OuterRef, Subquery, TextField

from leads.criteria import Fact, Kind, register
from leads.models import Appointment, Qualification
from leads.vocabulary import AppointmentState


def last_appointment(at: datetime) -> Expression:
    """What became of the last appointment in the present cycle; unknown without one.

    A visit that was missed or cancelled opens a cycle, so it belongs to that one: who is woken for another reason
    months later is not told again that we missed them.
    """
    present = Qualification.objects.filter(lead=OuterRef("lead"), closed_at=None, opened_at__lte=OuterRef("changed_at"))
    last = Appointment.objects.filter(Exists(present), lead=OuterRef("pk")).order_by("-changed_at", "-pk")
    return Subquery(last.values("status")[:1], output_field=TextField())


register(
    Fact(
        "last_appointment",
        "last appointment of this cycle",
        Kind.CODE,
        last_appointment,
        lambda: AppointmentState.choices,
    ),
)
