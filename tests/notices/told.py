"""What was told of visits, and what is planned: how the tests of notices book, answer and look."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from leads.models import Appointment, Availability, Interaction, Offering
from leads.services.appointments import Booking
from medcrm import journey
from nurture import dispatch, inbound
from nurture.inbound import Reply
from nurture.models import Message, Skip, VisitNotice

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AUSTIN = ZoneInfo("America/Chicago")
ON = date(2026, 12, 10)  # a Thursday; the reference organisation has orthopedic slots in Austin then
BEGINS = datetime(2026, 12, 10, 9, 30, tzinfo=AUSTIN)
NIGHT = datetime(2026, 12, 2, 4, tzinfo=UTC)  # 22:00 on Tuesday in Austin
MORNING = datetime(2026, 12, 2, 14, tzinfo=UTC)  # 8:00: texts may go out


def slot(on: date = ON, clock: time | None = time(9, 30), clinic: str = "aus") -> Booking:
    offering = Offering.objects.get(service="ortho", clinic=clinic)
    Availability.objects.update_or_create(offering=offering, date=on, defaults={"open_slots": 30})
    return Booking(offering.pk, on, clock)


def run(at: datetime) -> dispatch.DispatchReport:
    journey.advance_due(at=at)
    return dispatch.dispatch_due(at=at)


def told(**among: object) -> list[tuple[str, int | None, str]]:
    """What was planned of visits, in order, and why it came to nothing; blank: it went out or is still to come."""
    return list(VisitNotice.objects.filter(**among).order_by("pk").values_list("kind", "hours_before", "code"))


def planned() -> dict[int | None, datetime]:
    return dict(VisitNotice.objects.filter(due_at__isnull=False).values_list("hours_before", "due_at"))


def templates() -> list[str]:
    about_visits = Message.objects.filter(step__sequence__code__startswith="visit_")
    return list(about_visits.order_by("pk").values_list("step__template", flat=True))


def codes() -> list[tuple[str, str]]:
    about_visits = Skip.objects.filter(enrollment__sequence__code__startswith="visit_")
    return list(about_visits.order_by("pk").values_list("kind", "code"))


def entries(row: Appointment) -> list[dict[str, str]]:
    rows = Interaction.objects.filter(lead=row.lead, facts__has_key="told_of_visit").order_by("pk")
    return list(rows.values_list("facts", flat=True))


def reply(text: str, row: Appointment, *, at: datetime, key: str = "1", **named: str) -> None:
    by_mail = named.get("channel") == "email"
    sender = row.lead.email.value if by_mail else row.lead.phone.value
    named = {"provider": "sandbox", "channel": "sms", **named}
    inbound.receive_reply(Reply(key=key, sender=sender, text=text, **named), at=at)
