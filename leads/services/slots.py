"""How many appointments of a day are left, and who has one of them? Whoever takes or gives back one locks the day.

Order of locks: the day, then the lead, as when slots are added and wake who waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from leads import requalification, timing
from leads.models import Appointment, Availability
from medcrm.lib.errors import RuleError
from medcrm.lib.moments import said_day

Day = tuple[int, date]  # offering and date


class NoSlot(RuleError):
    """Nothing is left on that day, or somebody was quicker."""

    def __init__(self, on: date) -> None:
        super().__init__(
            "NO_CAPACITY", _("Nothing is left on %(day)s. Choose another day.") % {"day": said_day(on)}, field="slot"
        )


def lock(days: Iterable[Day]) -> dict[Day, Availability]:
    """The rows of these days, locked in key order; a day without a row has no slots."""
    wanted = Q(pk__in=())
    for offering, on in days:
        wanted |= Q(offering=offering, date=on)
    rows = Availability.objects.filter(wanted).select_for_update(of=("self",)).select_related("offering__clinic")
    return {(row.offering_id, row.date): row for row in rows.order_by("pk")}


def take(day: Availability | None, on: date) -> None:
    """Use one slot of a locked day. Raise NoSlot when none is left."""
    if day is None or day.open_slots == 0:
        raise NoSlot(on)
    day.open_slots -= 1
    day.save(update_fields=["open_slots", "updated_at"])


def put_back(day: Availability | None) -> None:
    """Return one slot to a locked day."""
    if day is not None:
        day.open_slots += 1
        day.save(update_fields=["open_slots", "updated_at"])


def wake(day: Availability | None, *, at: datetime) -> None:
    """Tell who waits for a slot that one of this day is free again, unless the day is over."""
    if day is not None and day.date >= timing.day_at(day.offering.clinic.timezone, at):
        requalification.slots_opened(day.offering, on=day.date, slots=1, at=at)


def held_by(lead_id: int, service: str, on: date) -> Availability | None:
    """The locked day from which a live appointment of this lead took its slot; none when it took none."""
    row = Appointment.objects.live().filter(lead=lead_id, service=service, date=on, holds_slot=True).first()
    return lock([(row.offering_id, row.date)]).get((row.offering_id, row.date)) if row else None
