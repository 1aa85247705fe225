"""How is an appointment made, moved, called off, kept or missed by the people who schedule?

Each of these changes what the lead is owed, so each marks it due; a no-show or a cancellation opens the next cycle, an
attended visit converts. Numbers of open slots are locked first, then the lead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from operator import itemgetter
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.translation import gettext as _

from leads import capacity, outcomes, timing
from leads.lifecycle import OPEN
from leads.models import Appointment, Lead, Offering, Qualification
from leads.outcomes import CallReport
from leads.services import calls, due, events, expiry, slots
from leads.services.slots import NoSlot
from leads.vocabulary import AppointmentState, Outcome
from medcrm.lib.errors import InvalidTransition, RuleError
from medcrm.lib.moments import said_day

__all__ = ["Booking", "NoSlot", "book", "reschedule", "settle_appointment"]

ENDS_ON_ITS_DAY = (AppointmentState.ATTENDED, AppointmentState.NO_SHOW)


@dataclass(frozen=True)
class Booking:
    """A day at an offering, and the time of day on the clinic's clock where it is known."""

    offering_id: int
    on: date
    time: time | None = None


@transaction.atomic
def book(lead_id: int, booking: Booking, *, by: AbstractBaseUser, at: datetime, reason: str = "") -> Appointment:
    """Take a slot for this lead and keep “appointment set” as its outcome. Locks the day, then the lead.

    Raise NoSlot when the last slot is gone, RuleError when the lead is closed, booked already, or moves on without a
    reason against a failed check, to a clinic it is not offered, or with what runs out before the visit.
    """
    day = slots.lock([(booking.offering_id, booking.on)]).get((booking.offering_id, booking.on))
    lead = Lead.objects.lock().get(pk=lead_id)
    offering = _offering(booking)
    _refuse(lead, offering, booking, at)
    if outcomes.contradicts(lead, Outcome.APPOINTMENT_SET) and not reason.strip():
        raise RuleError(
            "REASON_MISSING", _("A check failed. Say why the visit is booked all the same."), field="reason"
        )
    is_override = _refuse_elsewhere(lead, offering, reason)
    is_override |= _refuse_what_runs_out(lead, offering, booking, reason, at)
    slots.take(day, booking.on)
    row = _create(lead, offering, booking, by, at)
    calls.decide(lead, Outcome.APPOINTMENT_SET, CallReport("appointment_set", reason=reason), by=by, at=at)
    lead.save()
    if is_override:
        _keep_override(lead, reason)
    events.note_appointment(row, by=by, at=at, note=reason)
    due.mark_due(Lead.objects.filter(pk=lead.pk), at=at)
    return row


@transaction.atomic
def reschedule(
    appointment_id: int, booking: Booking, *, by: AbstractBaseUser, at: datetime, reason: str = ""
) -> Appointment:
    """Move a live appointment to another day or time: the old slot is free again, the cycle goes on. Locks both days,
    then the lead. Raise NoSlot, or InvalidTransition when it had ended before."""
    old = Appointment.objects.get(pk=appointment_id)
    was, will = (old.offering_id, old.date), (booking.offering_id, booking.on)
    days = slots.lock({was, will} if old.offering_id else {will})
    lead = Lead.objects.lock().get(pk=old.lead_id)
    old.refresh_from_db()
    _refuse_ended(old, AppointmentState.RESCHEDULED)
    offering = _offering(booking)
    if offering.service_id != old.service_id:
        raise RuleError("OTHER_SERVICE", _("Choose a day of the same service."), field="slot")
    _refuse_day(offering, booking, at)
    is_override = offering.pk != old.offering_id and _refuse_elsewhere(lead, offering, reason)
    is_override |= _refuse_what_runs_out(lead, offering, booking, reason, at)
    if old.holds_slot:
        slots.put_back(days.get(was))
    slots.take(days.get(will), booking.on)
    old.status, old.changed_at, old.note = AppointmentState.RESCHEDULED, at, reason[:300]
    old.save(update_fields=["status", "changed_at", "note"])
    row = _create(lead, offering, booking, by, at, replaces=old)
    if is_override:
        _keep_override(lead, reason)
    events.note_appointment(row, by=by, at=at, note=reason, moved_from=old.date)
    due.mark_due(Lead.objects.filter(pk=lead.pk), at=at)
    if old.holds_slot and was != will:
        slots.wake(days.get(was), at=at)
    return row


@transaction.atomic
def settle_appointment(
    appointment_id: int, status: str, *, by: AbstractBaseUser | None, at: datetime, note: str = ""
) -> Appointment:
    """Confirm a live appointment or note how it ended. Locks the day, where its slot may come back, then the lead.

    Raise InvalidTransition when it had ended before, RuleError for a visit that is said to have been kept or missed
    before its day.
    """
    row = Appointment.objects.select_related("clinic").get(pk=appointment_id)
    if status == AppointmentState.CANCELLED:
        slots.held_by(row.lead_id, row.service_id, row.date)
    Lead.objects.lock().get(pk=row.lead_id)
    row.refresh_from_db()
    _refuse_ended(row, AppointmentState(status))
    if status in ENDS_ON_ITS_DAY and row.date > timing.day_at(row.clinic.timezone, at):
        told = _("The visit is on %(day)s; say how it went after it.") % {"day": said_day(row.date)}
        raise RuleError("NOT_YET", told)
    return events.record_appointment(
        row.lead_id, service=row.service_id, clinic=row.clinic_id, on=row.date, status=status, at=at, by=by, note=note
    )


def _offering(booking: Booking) -> Offering:
    return Offering.objects.select_related("service", "clinic").get(pk=booking.offering_id)


def _refuse(lead: Lead, offering: Offering, booking: Booking, at: datetime) -> None:
    if lead.merged_into_id or lead.stage not in OPEN:
        raise RuleError("LEAD_CLOSED", _("This lead is closed. Re-open it before you book."))
    if lead.service_id != offering.service_id:
        raise RuleError("OTHER_SERVICE", _("The lead asks for another service. Correct its facts first."), field="slot")
    if not offering.accepts_new_patients and not lead.is_existing_patient:
        raise RuleError(
            "CLOSED_TO_NEW", _("%(clinic)s takes no new patients for it.") % {"clinic": offering.clinic}, field="slot"
        )
    if Appointment.objects.live().filter(lead=lead, service=offering.service_id).exists():
        raise RuleError("ALREADY_BOOKED", _("A visit is booked already. Move it instead."), field="slot")
    _refuse_day(offering, booking, at)


def _refuse_day(offering: Offering, booking: Booking, at: datetime) -> None:
    if booking.on < timing.day_at(offering.clinic.timezone, at):
        raise RuleError("DAY_IS_OVER", _("That day is over. Choose one that is to come."), field="slot")


def _refuse_elsewhere(lead: Lead, offering: Offering, reason: str) -> bool:
    """Say whether the lead is not offered this clinic. Raise without a reason [R16, R27]."""
    is_elsewhere = offering.pk not in capacity.offered_to(lead.pk)
    if is_elsewhere and not reason.strip():
        sentence = _("%(clinic)s is out of reach, or not on terms with the payer. Choose another, or say why.")
        raise RuleError("NOT_OFFERED", sentence % {"clinic": offering.clinic}, field="reason")
    return is_elsewhere


def _refuse_what_runs_out(lead: Lead, offering: Offering, booking: Booking, reason: str, at: datetime) -> bool:
    """Say whether something held now will have run out on the day of the visit. Raise without a reason [R16]."""
    found = expiry.runs_out(lead, offering.service_id, on=booking.on, at=at)
    name, until = min(found, key=itemgetter(1), default=("", None))
    if until is not None and not reason.strip():
        sentence = _("%(what)s: valid until %(day)s only. Choose a day before, or say why the visit is booked.")
        told = sentence % {"what": name, "day": said_day(until)}
        raise RuleError("RUNS_OUT", told, field="reason")
    return until is not None


def _keep_override(lead: Lead, reason: str) -> None:
    """Let a supervisor look at why it was booked all the same; a reason kept before is not lost [R5]."""
    Qualification.objects.filter(lead=lead, closed_at=None, override_reason="").update(override_reason=reason[:300])


def _refuse_ended(row: Appointment, new: AppointmentState) -> None:
    if not row.is_live:
        raise InvalidTransition(str(row.get_status_display()), str(new.label))


def _create(
    lead: Lead,
    offering: Offering,
    booking: Booking,
    by: AbstractBaseUser,
    at: datetime,
    *,
    replaces: Appointment | None = None,
) -> Appointment:
    zone = ZoneInfo(offering.clinic.timezone)
    values = {"calendar_uid": replaces.calendar_uid, "revision": replaces.revision + 1} if replaces else {}
    return Appointment.objects.create(
        lead=lead,
        service=offering.service,
        clinic=offering.clinic,
        offering=offering,
        date=booking.on,
        starts_at=datetime.combine(booking.on, booking.time, zone) if booking.time else None,
        cycle=lead.cycle,
        holds_slot=True,
        replaces=replaces,
        by=by,
        created_at=at,
        changed_at=at,
        **values,
    )
