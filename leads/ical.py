"""What does a visit look like in a calendar? One iCalendar file for the person, one for the clinic [RFC 5545].

The person's file names place and time but not the service: a shared calendar is read by others. It is in the person's
language. The clinic's names who comes and for what, because only the clinic opens it.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import override
from icalendar import Calendar, Event

from leads.models import Appointment
from leads.vocabulary import AppointmentState

PRODUCT = "-//MedCRM//Appointments//EN"
LENGTH = timedelta(hours=1)  # how much of the day to keep free; the clinic's own system knows better


class Reader(StrEnum):
    PERSON = "person"
    CLINIC = "clinic"


def calendar_file(row: Appointment, reader: Reader) -> bytes:
    """Write the visit as a file that adds, moves or removes its entry. Reads clinic, service, lead and source."""
    is_off = row.status in (AppointmentState.CANCELLED, AppointmentState.RESCHEDULED)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if is_off else "PUBLISH")
    event = Event()
    event.add("uid", f"{row.calendar_uid}@medcrm")
    event.add("sequence", row.revision)
    event.add("dtstamp", row.changed_at.astimezone(UTC))
    event.add("status", "CANCELLED" if is_off else "CONFIRMED")
    _add_time(event, row)
    event.add("summary", _summary(row, reader))
    event.add("location", row.clinic.place)
    event.add("transp", "OPAQUE")
    event.add("class", "PRIVATE")
    calendar.add_component(event)
    calendar.add_missing_timezones()
    return calendar.to_ical()


def file_name(row: Appointment, reader: Reader) -> str:
    return f"visit-{row.date.isoformat()}-{reader}.ics"


def _add_time(event: Event, row: Appointment) -> None:
    """At its time on the clinic's clock, or the whole day while no time was agreed."""
    if row.starts_at is None:
        event.add("dtstart", row.date)
        event.add("dtend", row.date + timedelta(days=1))
        return
    starts_at = row.starts_at.astimezone(ZoneInfo(row.clinic.timezone))
    event.add("dtstart", starts_at)
    event.add("dtend", starts_at + LENGTH)


def _summary(row: Appointment, reader: Reader) -> str:
    if reader == Reader.PERSON:
        with override(row.lead.language or None):
            return _("Visit at %(clinic)s") % {"clinic": row.clinic.name}
    return f"{row.service.name}: {row.lead.name or row.lead_id}"
