"""Who hears what of a booked visit, and when? That it is booked, moved or cancelled at once, and reminders before it.

The road plans it whenever a lead changed: `VisitNotice` rows that are due, and those that will never be, with their
reason. The worker sends them as it sends any notice. The words name day, time and clinic, and nothing of what the visit
is for [H20]; they rest on the person's permission, not on the exemption for patients, which a lead may not have [H03].
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from leads import criteria
from leads.lifecycle import OPEN, Stage
from leads.models import Appointment, Incident, Interaction, Lead
from leads.querysets import LIVE_VISIT
from leads.requalification import EMERGENCY_WAITS
from leads.services import due
from leads.timing import start_of
from leads.vocabulary import AppointmentState, InteractionKind
from medcrm.lib import bell
from medcrm.lib.moments import said_day
from medcrm.lib.writing import update_rows
from nurture import notices, obstacles
from nurture.lifecycle import MessageState
from nurture.models import Enrollment, Message, VisitNotice, VisitReminder
from nurture.models import Sequence as NurtureSequence
from nurture.obstacles import Obstacle
from nurture.rendering import Occasion
from nurture.vocabulary import SkipCode, VisitNoticeKind

AUTOMATION = "nurture.visits"
FRESH = timedelta(hours=12)  # “at once”, also after a night without a worker; who booked longer ago knows it
APART = timedelta(hours=4)  # nobody is reminded of what they heard so short a while before
IN_TIME = timedelta(hours=1)  # before it begins: later a reminder reminds nobody
TALKED_WITHIN = timedelta(hours=1)  # of a cancellation: it was said on that call
NOON = time(12)

ENDED = {
    AppointmentState.RESCHEDULED: SkipCode.VISIT_MOVED,
    AppointmentState.CANCELLED: SkipCode.VISIT_CANCELLED,
    AppointmentState.ATTENDED: SkipCode.VISIT_OVER,
    AppointmentState.NO_SHOW: SkipCode.VISIT_OVER,
}
MAY_PASS = (SkipCode.LEAD_CLOSED, SkipCode.EMERGENCY_WAITS, SkipCode.SWITCHED_OFF)
"""Reasons after which the same is planned again, once they are gone and there is still time."""
SAID = {
    VisitNoticeKind.BOOKED: "Confirmation of their visit",
    VisitNoticeKind.MOVED: "New time of their visit",
    VisitNoticeKind.CANCELLED: "Cancellation of their visit",
    VisitNoticeKind.REMINDER: "Reminder of their visit",
}
TELLS_THE_TIME = (VisitNoticeKind.BOOKED, VisitNoticeKind.MOVED)


# When


def begins_at(visit: Appointment) -> datetime:
    """What reminders count back from: its beginning, or noon on the clinic's clock while no time was agreed."""
    return visit.starts_at or datetime.combine(visit.date, NOON, ZoneInfo(visit.clinic.timezone))


def latest(kind: str, visit: Appointment) -> datetime:
    """The last instant at which it may be told: never once the visit began; a reminder a little sooner."""
    zone = visit.clinic.timezone
    if kind == VisitNoticeKind.REMINDER:
        return visit.starts_at - IN_TIME if visit.starts_at else start_of(visit.date, zone)
    return visit.starts_at or start_of(visit.date + timedelta(days=1), zone)


# The plan


@transaction.atomic
def plan(lead_ids: Sequence[int], *, at: datetime) -> list[int]:
    """Plan what is told of these leads' visits, and end what is planned of those that changed; return whose it is.

    The caller holds the locks of the leads. A second walk at the same moment writes nothing.
    """
    visits = _concerned(lead_ids, at)
    if not visits:
        return []
    planning = Planning(_told(visits), _stops(visits, at), *_rules(), at)
    for visit in visits:
        planning.plan(visit)
    return planning.write()


def replan(*, at: datetime) -> int:
    """Put every lead with a visit ahead on the road again, because the rows of reminders changed."""
    ahead = Appointment.objects.ahead(at).order_by().values(pk_=Coalesce("lead__merged_into", "lead"))
    return due.mark_due(Lead.objects.filter(pk__in=ahead), at=at)


def _concerned(lead_ids: Sequence[int], at: datetime) -> list[Appointment]:
    """Visits of these people that are ahead, were just cancelled, or of which something is still planned.

    Locked, because one of a merged lead is planned with that lead and with the one that stays.
    """
    ahead = Q(status__in=LIVE_VISIT, date__gte=at.date() - timedelta(days=1))
    cancelled = Q(status=AppointmentState.CANCELLED, changed_at__gt=at - FRESH)
    planned = Exists(VisitNotice.objects.filter(appointment=OuterRef("pk"), due_at__isnull=False))
    rows = Appointment.objects.filter(ahead | cancelled | planned, lead__in=_family(lead_ids))
    locked = rows.select_for_update(of=("self",), no_key=True).order_by("pk")
    return list(locked.select_related("clinic", "lead__merged_into"))


def _family(lead_ids: Iterable[int]) -> QuerySet:
    """These leads and those that were merged into them: the same people."""
    ids = list(lead_ids)
    return Lead.objects.filter(Q(pk__in=ids) | Q(merged_into__in=ids)).order_by().values("pk")


def _told(visits: Sequence[Appointment]) -> Mapping[int, list[VisitNotice]]:
    """Visit → what was planned of it so far, the oldest first; locked, so that what a worker has in hand is settled."""
    found: dict[int, list[VisitNotice]] = defaultdict(list)
    rows = VisitNotice.objects.filter(appointment__in=visits).order_by("pk")
    for row in rows.select_for_update(of=("self",), no_key=True):
        found[row.appointment_id].append(row)
    return found


def _stops(visits: Sequence[Appointment], at: datetime) -> Mapping[int, SkipCode]:
    """Leads of which nobody is told anything now. A visit of a lead that converted is care, and is told of."""
    leads = {lead.pk: lead for lead in map(whose, visits)}
    rows = Lead.objects.filter(pk__in=leads)
    waits = {pk for pk, [holds] in criteria.holding(rows, [EMERGENCY_WAITS], at=at).items() if holds}
    waits |= set(rows.filter(Exists(Incident.objects.holding(OuterRef("pk")))).values_list("pk", flat=True))
    closed = [pk for pk, lead in leads.items() if lead.stage not in (*OPEN, Stage.CONVERTED)]
    return dict.fromkeys(waits, SkipCode.EMERGENCY_WAITS) | dict.fromkeys(closed, SkipCode.LEAD_CLOSED)


def _rules() -> tuple[frozenset[str], tuple[int, ...]]:
    """The kinds that are told at all, and how long before a visit people are reminded of it."""
    in_force = notices.sequences(kind.sequence for kind in VisitNoticeKind)
    kinds = frozenset(kind.value for kind in VisitNoticeKind if kind.sequence in in_force)
    reminders = VisitReminder.objects.filter(is_active=True).order_by("-hours_before")
    return kinds, tuple(reminders.values_list("hours_before", flat=True))


def whose(visit: Appointment) -> Lead:
    """The lead that hears of it: whose it is, or the one that stays for it."""
    return visit.lead.merged_into or visit.lead


@dataclass
class Planning:
    """What is told of some visits, worked out one by one and written at the end."""

    told: Mapping[int, list[VisitNotice]]
    stops: Mapping[int, SkipCode]
    kinds: frozenset[str]
    reminders: Sequence[int]
    at: datetime
    fresh: list[VisitNotice] = field(default_factory=list)
    changed: dict[int, VisitNotice] = field(default_factory=dict)

    def plan(self, visit: Appointment) -> None:
        """End what does not hold any more, then add what is missing."""
        stop = self.stops.get(whose(visit).pk)
        for row in self.told[visit.pk]:
            if row.due_at is not None:
                self._look_again(row, visit, stop)
        if visit.status == AppointmentState.CANCELLED:
            self._plan_cancellation(visit, stop)
        elif visit.is_live:
            told = self._plan_confirmation(visit, stop)
            for hours in self.reminders if stop is None else ():
                self._plan_reminder(visit, hours, told)

    def _look_again(self, row: VisitNotice, visit: Appointment, stop: SkipCode | None) -> None:
        """End a planned one where its reason is gone; let it go to the lead that stays."""
        row.appointment = visit
        if reason := _gone(row) or stop:
            row.end(reason)
        elif row.kind not in self.kinds or row.hours_before not in (None, *self.reminders):
            row.end(SkipCode.SWITCHED_OFF)
        elif row.lead_id != whose(visit).pk:
            row.lead = whose(visit)
        else:
            return
        self.changed[row.pk] = row

    def _plan_cancellation(self, visit: Appointment, stop: SkipCode | None) -> None:
        is_fresh = visit.changed_at > self.at - FRESH and self.at < latest(VisitNoticeKind.CANCELLED, visit)
        before = [row for row in self.told[visit.pk] if row.kind == VisitNoticeKind.CANCELLED]
        if is_fresh:
            self._add(visit, VisitNoticeKind.CANCELLED, before[-1:], self.at, stop)

    def _plan_confirmation(self, visit: Appointment, stop: SkipCode | None) -> VisitNotice:
        """That it is booked, or where and when it is now; the row that stands for it."""
        before = [row for row in self.told[visit.pk] if row.kind in TELLS_THE_TIME]
        last = [row for row in before[-1:] if _is_of(row, visit)]
        is_first = not visit.replaces_id and all(_is_of(row, visit) for row in before)
        since = visit.created_at if is_first else visit.changed_at
        is_late = since <= self.at - FRESH or self.at >= latest(VisitNoticeKind.BOOKED, visit)
        kind = VisitNoticeKind.BOOKED if is_first else VisitNoticeKind.MOVED
        return self._add(visit, kind, last, self.at, stop or (SkipCode.TOO_LATE if is_late else None))

    def _plan_reminder(self, visit: Appointment, hours: int, told: VisitNotice) -> None:
        before = [row for row in self.told[visit.pk] if row.hours_before == hours and _is_of(row, visit)]
        due_at, reason = begins_at(visit) - timedelta(hours=hours), None
        if not told.code and due_at < told.planned_at + APART:
            reason = SkipCode.TOLD_JUST_NOW
        elif due_at < self.at - APART or self.at > latest(VisitNoticeKind.REMINDER, visit):
            reason = SkipCode.TOO_LATE
        self._add(visit, VisitNoticeKind.REMINDER, before[-1:], due_at, reason, hours)

    def _add(
        self,
        visit: Appointment,
        kind: VisitNoticeKind,
        last: Sequence[VisitNotice],
        due_at: datetime,
        reason: SkipCode | None,
        hours: int | None = None,
    ) -> VisitNotice:
        """Plan it, or keep the reason why not; nothing where the last word on it still holds."""
        if reason is None and kind.value not in self.kinds:
            reason = SkipCode.SWITCHED_OFF
        if last and (last[0].code not in MAY_PASS or last[0].code == reason):
            return last[0]
        row = VisitNotice(
            lead=whose(visit),
            appointment=visit,
            kind=kind,
            hours_before=hours,
            starts_at=visit.starts_at,
            clinic=visit.clinic,
            planned_at=self.at,
            due_at=due_at,
        )
        if reason is not None:
            row.end(reason)
        self.fresh.append(row)
        return row

    def write(self) -> list[int]:
        """Write what changed, then what is new; the bell rings for what is due at once."""
        update_rows(self.changed.values(), ("lead", *VisitNotice.WRITTEN))
        VisitNotice.objects.bulk_create(self.fresh)
        if any(row.due_at is not None and row.due_at <= self.at for row in self.fresh):
            bell.ring(notices.TASK)
        return sorted({row.lead_id for row in (*self.changed.values(), *self.fresh)})


def _gone(row: VisitNotice) -> SkipCode | None:
    """Why it does not hold any more; what failed to leave comes back here after its visit changed."""
    visit = row.appointment
    if row.kind == VisitNoticeKind.CANCELLED:
        return None
    if not visit.is_live:
        return ENDED[AppointmentState(visit.status)]
    return None if _is_of(row, visit) else SkipCode.VISIT_MOVED


def _is_of(row: VisitNotice, visit: Appointment) -> bool:
    """Whether it tells of the visit as it stands."""
    return (row.starts_at, row.clinic_id) == (visit.starts_at, visit.clinic_id)


# The way out


def send_due(*, clock: Callable[[], datetime], batch: int) -> Iterator[Counter[str]]:
    """Take what is due, batch by batch; count after each how the messages ended."""
    return notices.send_due(Taking, claim_due, clock=clock, batch=batch)


@transaction.atomic
def claim_due(*, at: datetime, limit: int) -> list[int]:
    """Mark up to `limit` due notices as ours and enter their leads into what they say. Not of a visit whose own lead,
    merged away since, is still to walk the road."""
    rows = notices.due(VisitNotice, "lead", at=at).filter(notices.settled("appointment__lead", at=at))
    ids = notices.claim(rows, at=at, limit=limit)
    claimed = list(VisitNotice.objects.filter(pk__in=ids).select_related("lead", "enrollment").order_by("pk"))
    in_force = notices.sequences(VisitNoticeKind(row.kind).sequence for row in claimed)
    for row, reason in _not_meant(claimed, in_force, at).items():
        row.end(reason)
    update_rows([row for row in claimed if row.code], VisitNotice.WRITTEN)
    meant = [row for row in claimed if not row.code]
    _enter([row for row in meant if row.enrollment is None or row.enrollment.lead_id != row.lead_id], in_force, at)
    return [row.pk for row in meant]


def _not_meant(
    claimed: Sequence[VisitNotice], in_force: Mapping[str, NurtureSequence], at: datetime
) -> Mapping[VisitNotice, SkipCode]:
    """Those who hear nothing of the kind by now, and why: it was switched off, or its criteria mean others."""
    saying = {row: in_force.get(VisitNoticeKind(row.kind).sequence) for row in claimed}
    reasons = dict.fromkeys((row for row, sequence in saying.items() if sequence is None), SkipCode.SWITCHED_OFF)
    for sequence in in_force.values():
        narrowed = [row for row, mine in saying.items() if mine is sequence and sequence.criteria]
        reasons |= dict.fromkeys(_outside(narrowed, sequence, at), SkipCode.CONDITION_NOT_MET)
    return reasons


def _enter(rows: Sequence[VisitNotice], in_force: Mapping[str, NurtureSequence], at: datetime) -> None:
    """Enter the lead of each, as it is now, into what it says; what waits since before a merge enters anew."""
    entered = [notices.enter(row.lead, in_force[VisitNoticeKind(row.kind).sequence], at=at) for row in rows]
    for row, enrollment in zip(rows, Enrollment.objects.bulk_create(entered), strict=True):
        row.enrollment = enrollment
    update_rows(rows, ("enrollment",))


def _outside(rows: Iterable[VisitNotice], sequence: NurtureSequence, at: datetime) -> list[VisitNotice]:
    """Those of leads that the sequence does not mean."""
    rows = list(rows)
    if not rows:
        return []
    leads = Lead.objects.filter(pk__in=[row.lead_id for row in rows])
    holding = criteria.holding(leads, [sequence.criteria], at=at)
    return [row for row in rows if holding[row.lead_id] != [True]]


class Taking(notices.Taking):
    """Notices of visits being decided."""

    model = VisitNotice
    automation = AUTOMATION
    reads = ("appointment__clinic", "appointment__lead")
    mine: Mapping[int, VisitNotice]

    def needless(self, rows: Sequence[Enrollment]) -> Mapping[Enrollment, Obstacle]:
        heard, said = self._heard(), self._said_on_a_call()
        found: dict[Enrollment, Obstacle] = {}
        for row in rows:
            own = self.mine[row.pk]
            own.enrollment = row  # and the other way round: its mail carries a file of the visit
            if reason := _gone(own):
                found[row] = obstacles.own(reason)
            elif self.at > self.latest(row):
                found[row] = obstacles.own(SkipCode.TOO_LATE)
            elif own.kind == VisitNoticeKind.REMINDER and own.appointment_id in heard:
                found[row] = obstacles.own(SkipCode.TOLD_JUST_NOW)
            elif own.pk in said:
                found[row] = obstacles.own(SkipCode.ANSWERED)
            heard.add(own.appointment_id)
        return found

    def occasion(self, row: Enrollment) -> Occasion:
        return Occasion(visit=self.mine[row.pk].appointment)

    def latest(self, row: Enrollment) -> datetime:
        own = self.mine[row.pk]
        return latest(own.kind, own.appointment)

    def entry(self, message: Message) -> str:
        medium = message.step.template.get_medium_display().lower()
        return f"{self._title(message.enrollment)}, by {medium}."

    def facts(self, message: Message) -> dict[str, object]:
        return {"told_of_visit": self.mine[message.enrollment_id].kind}

    def silence(self, row: Enrollment, reason: Obstacle) -> Interaction | None:
        """Said where nobody told them; not where they had just heard it."""
        if reason.code in (SkipCode.TOLD_JUST_NOW, SkipCode.ANSWERED):
            return None
        return Interaction(
            lead_id=row.lead_id,
            kind=InteractionKind.SYSTEM,
            at=self.at,
            text=f"{self._title(row)} did not go out: {reason.sentence}",
            facts={"not_told_of_visit": self.mine[row.pk].kind},
        )

    def _title(self, row: Enrollment) -> str:
        own = self.mine[row.pk]
        return f"{SAID[VisitNoticeKind(own.kind)]} on {said_day(own.appointment.date)}"

    def _heard(self) -> set[int]:
        """Visits of which somebody was told a short while before."""
        visits = [own.appointment_id for own in self.mine.values()]
        sent = Message.objects.filter(
            enrollment__visitnotice__appointment__in=visits, reserved_at__gt=self.at - APART
        ).exclude(state__in=[MessageState.FAILED, MessageState.CANCELLED])
        return set(sent.order_by().values_list("enrollment__visitnotice__appointment", flat=True))

    def _said_on_a_call(self) -> set[int]:
        """Cancellations shortly before which somebody of ours had the person on the line."""
        rows = [own for own in self.mine.values() if own.kind == VisitNoticeKind.CANCELLED]
        if not rows:
            return set()
        calls = Q(kind=InteractionKind.INBOUND_CALL) | Q(kind=InteractionKind.CALL, disposition__makes_contact=True)
        first = min(row.appointment.changed_at for row in rows)
        theirs = _family(row.lead_id for row in rows)
        talks = Interaction.objects.filter(calls, lead__in=theirs, at__gt=first - TALKED_WITHIN)
        spoken: dict[int, list[datetime]] = defaultdict(list)
        for person, when in talks.order_by().values_list(Coalesce("lead__merged_into", "lead"), "at"):
            spoken[person].append(when)
        return {
            row.pk
            for row in rows
            if any(when > row.appointment.changed_at - TALKED_WITHIN for when in spoken[row.lead_id])
        }
