"""Does an answer to a reminder confirm the visit? A plain yes does; whatever else it says, a person reads it."""

from __future__ import annotations

from datetime import datetime

from consent.wording import fold_text
from leads.lifecycle import OPEN, Stage
from leads.services import appointments
from leads.vocabulary import AppointmentState
from medcrm.lib.errors import RuleError
from nurture import visits
from nurture.models import Message, VisitNotice
from nurture.vocabulary import VisitNoticeKind

CONFIRMS = frozenset({"c", "y", "yes", "yes please", "confirm", "confirmed", "i confirm", "si", "confirmo"})


def confirm(message: Message, text: str, *, at: datetime) -> bool:
    """Confirm the visit that this message reminded of, where the answer says so and nothing else; say whether it does.

    Locks the lead. Of a closed lead, or a visit that was moved or called off, a person reads the answer, as
    wherever the visit cannot be confirmed.
    """
    if fold_text(text) not in CONFIRMS:
        return False
    reminders = VisitNotice.objects.filter(enrollment=message.enrollment_id, kind=VisitNoticeKind.REMINDER)
    row = reminders.select_related("appointment__lead__merged_into").first()
    if row is None or not row.appointment.is_live:
        return False
    if visits.whose(row.appointment).stage not in (*OPEN, Stage.CONVERTED):
        return False
    if row.appointment.status == AppointmentState.BOOKED:
        note = f"They answered the reminder: “{text.strip()[:60]}”."
        try:
            appointments.settle_appointment(row.appointment_id, AppointmentState.CONFIRMED, by=None, at=at, note=note)
        except RuleError:
            return False
    return True
