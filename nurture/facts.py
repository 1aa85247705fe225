"""The facts that sequences ask for beyond those of the leads room."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Expression, OuterRef, Subquery, TextField

from leads.criteria import Fact, Kind, register
from leads.models import Appointment
from leads.vocabulary import AppointmentState


def last_appointment(at: datetime) -> Expression:
    """What became of the last appointment; unknown without one."""
    last = Appointment.objects.filter(lead=OuterRef("pk")).order_by("-changed_at", "-pk").values("status")[:1]
    return Subquery(last, output_field=TextField())


register(
    Fact("last_appointment", "last appointment", Kind.CODE, last_appointment, lambda: AppointmentState.choices),
)
