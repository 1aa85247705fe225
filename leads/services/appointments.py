"""What became of an appointment that staff has before them?"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from leads.models import Appointment
from leads.services import events
from leads.vocabulary import AppointmentState
from medcrm.lib.errors import InvalidTransition

LIVE = (AppointmentState.BOOKED, AppointmentState.CONFIRMED)


@transaction.atomic
def settle_appointment(appointment_id: int, status: str, *, by: AbstractBaseUser, at: datetime) -> Appointment:
    """Confirm a live appointment or note how it ended. Raise InvalidTransition when it had ended before."""
    row = Appointment.objects.select_related("lead").get(pk=appointment_id)
    if row.status not in LIVE:
        raise InvalidTransition(row.get_status_display(), AppointmentState(status).label)
    return events.record_appointment(
        row.lead_id, service=row.service_id, clinic=row.clinic_id, on=row.date, status=status, at=at, by=by
    )
