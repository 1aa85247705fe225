"""Which sequence is each of these leads in from now on? Plans outreach for many leads in a constant number of queries.

Called by the road after each change; a second run at the same moment writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from leads import criteria, timing
from leads.lifecycle import OPEN
from leads.models import Appointment, Interaction, Lead, Qualification
from leads.services import due, outreach
from leads.services.outreach import Change
from leads.vocabulary import Direction, InteractionKind
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionStatus
from medcrm.lib.writing import update_rows
from nurture import advice, calls, rules, windows
from nurture.lifecycle import EnrollmentState
from nurture.models import CallTask, Enrollment, MutedTopic
from nurture.models import Sequence as NurtureSequence
from nurture.rules import Current, Plan, Situation
from nurture.vocabulary import MAY_ENTER_AGAIN, NOTICES, ExitCode

REPLIES = (InteractionKind.EMAIL_REPLY, InteractionKind.SMS_REPLY, InteractionKind.INBOUND_CALL)
# Those whose criteria choose the lead; a notice is entered by what happened (nurture.notices).
PUBLISHED = Q(status=VersionStatus.PUBLISHED, is_active=True) & ~Q(code__in=NOTICES)
BATCH = 500  # one statement of this many rows stays well under PostgreSQL's parameter limit


@dataclass(frozen=True)
class PlanReport:
    """What planning changed."""

    entered: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()


@dataclass
class History:
    """What a lead did with sequences in its present cycle."""

    done: set[str] = field(default_factory=set)
    closed: dict[str, str] = field(default_factory=dict)  # sequence code → why it was refused, or left, unreachable
    refusals: dict[int, int] = field(default_factory=dict)  # sequence → the row of its refusal


@transaction.atomic
def plan(lead_ids: Sequence[int], *, at: datetime) -> PlanReport:
    """Enter, keep or end the sequences of these leads. The caller holds the locks of the leads."""
    leads = {
        lead.pk: lead for lead in Lead.objects.filter(pk__in=lead_ids).select_related("source__seller").order_by("pk")
    }
    active = {row.lead_id: row for row in Enrollment.objects.active().filter(lead__in=leads).lock()}
    calls.settle_many(leads, at=at)  # before a sequence ends: the call that ended it was made, and did not lapse
    known = _sequences(active.values())
    published = [s for s in known.values() if s.status == VersionStatus.PUBLISHED and s.is_active]
    histories = _histories(leads)
    situations = _situations(leads, active, known, histories, at)
    plans = {pk: rules.plan(situation, published, at=at) for pk, situation in situations.items()}
    left = _leave({active[pk]: plan.leave for pk, plan in plans.items() if plan.leave}, at=at)
    entered = _enter([(leads[pk], plan.enter) for pk, plan in plans.items() if plan.enter], at=at)
    refused = _refuse(leads, plans, histories, at=at)
    outreach.note_changes(list(_changes(plans, situations, set(refused))), at=at)
    return PlanReport(entered, left, refused)


def _changes(plans: Mapping[int, Plan], situations: Mapping[int, Situation], refused: set[int]) -> Iterator[Change]:
    """What the plans change, as the qualification keeps it."""
    for pk, plan in plans.items():
        current = situations[pk].current
        if plan.leave and current:
            code, why = plan.leave
            yield Change(pk, "left", current.sequence.name, code.value, why)
        if plan.enter:
            yield Change(pk, "entered", plan.enter.name)
        for sequence, why in plan.refused if pk in refused else ():
            yield Change(pk, "refused", sequence.name, ExitCode.NO_CHANNEL.value, why)


@transaction.atomic
def leave(enrollment_id: int, *, at: datetime, by: AbstractBaseUser | None = None, note: str = "") -> Enrollment:
    """Take a lead out of its sequence by hand. Locks the lead and the enrolment. Raise RuleError if it has ended."""
    Lead.objects.filter(enrollments=enrollment_id).lock().first()
    enrollment = Enrollment.objects.lock().select_related("lead", "sequence").get(pk=enrollment_id)
    if enrollment.state != EnrollmentState.ACTIVE:
        raise RuleError("ENROLLMENT_ENDED", _("This enrolment has ended already."))
    _leave({enrollment: (ExitCode.REMOVED, note)}, at=at, by=by)
    removed = Change(enrollment.lead_id, "left", enrollment.sequence.name, ExitCode.REMOVED.value, note)
    outreach.note_changes([removed], at=at)
    return enrollment


def end_many(ends: Mapping[Enrollment, ExitCode], *, at: datetime) -> None:
    """End locked enrolments, as dispatch does when it finds their reason gone."""
    _leave({enrollment: (code, "") for enrollment, code in ends.items()}, at=at)


def revisit(*, at: datetime) -> int:
    """Mark due the open leads in no sequence that one means by now: quiet for weeks, or a conversation is over."""
    sequences = NurtureSequence.objects.filter(PUBLISHED)
    meant = [_newly_meant(sequence, at) for sequence in sequences]
    if not meant:
        return 0
    idle = Lead.objects.open().filter(advance_due_at=None).exclude(enrollments__state=EnrollmentState.ACTIVE)
    fresh = idle.filter(reduce(or_, meant)).order_by().values("pk")
    return due.mark_due(Lead.objects.filter(pk__in=fresh), at=at)


def _newly_meant(sequence: NurtureSequence, at: datetime) -> Q:
    """Leads whom the sequence means, who are not through with it in this cycle and not in conversation."""
    tried = Enrollment.objects.filter(lead=OuterRef("pk"), cycle=OuterRef("cycle"), sequence__code=sequence.code)
    through = tried.filter(Q(exit_code=ExitCode.NO_CHANNEL) | ~Q(exit_code__in=MAY_ENTER_AGAIN))
    since = at - timedelta(days=sequence.pause_after_reply_days)
    talking = _said().filter(UNSETTLED, lead=OuterRef("pk"), at__gt=since)
    holders = Q(address=OuterRef("phone")) | Q(address=OuterRef("email"))
    unwanted = MutedTopic.objects.filter(holders, topic=sequence.code)
    meant = criteria.condition(sequence.criteria, at=at) & ~Q(Exists(through)) & ~Q(Exists(unwanted))
    return meant & ~Q(Exists(talking)) if sequence.exits_on_reply else meant


def _sequences(active: Iterable[Enrollment]) -> dict[int, NurtureSequence]:
    """The published sequences in their order, and older versions that these leads are still in."""
    held = {row.sequence_id for row in active}
    rows = NurtureSequence.objects.filter(PUBLISHED | Q(pk__in=held))
    return {row.pk: row for row in rows.prefetch_related("steps__template") if row.steps.all()}


def _situations(
    leads: Mapping[int, Lead],
    active: Mapping[int, Enrollment],
    known: Mapping[int, NurtureSequence],
    histories: Mapping[int, History],
    at: datetime,
) -> dict[int, Situation]:
    matching, staying = _matches(leads, known, at)
    replies, booked, muted = _replies(leads), _booked(leads, at), _muted(leads)
    nothing = (None, None)
    current = {pk: Current(row.pk, known[row.sequence_id], row.started_at) for pk, row in active.items()}
    wanted = [
        (leads[pk], known[sequence])
        for pk in leads
        for sequence in _concerned(leads[pk], current.get(pk), matching[pk])
    ]
    closed = advice.closed_channels(wanted, at=at)
    return {
        pk: Situation(
            is_open=_is_open(lead),
            zone=timing.zone_of(lead),
            current=current.get(pk),
            matching=frozenset(matching[pk]),
            staying=frozenset(staying[pk]),
            done=frozenset(histories[pk].done),
            replied_at=replies.get(pk, nothing)[0],
            talking_since=replies.get(pk, nothing)[1],
            is_booked=pk in booked,
            muted=muted[pk],
            closed_channels={s: closed[pk, s] for s in known if (pk, s) in closed},
        )
        for pk, lead in leads.items()
    }


def _concerned(lead: Lead, current: Current | None, matching: set[int]) -> set[int]:
    """The sequences whose channels matter: the present one, and those that could be entered."""
    return ({current.sequence.pk} if current else set()) | (matching if _is_open(lead) else set())


def _is_open(lead: Lead) -> bool:
    return lead.stage in OPEN and lead.merged_into_id is None


def _matches(
    leads: Iterable[int], known: Mapping[int, NurtureSequence], at: datetime
) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """For each lead the sequences it may enter and those it may stay in, in one query."""
    rules = [
        rule
        for sequence in known.values()
        for rule in (sequence.criteria, sequence.criteria if sequence.stay_criteria is None else sequence.stay_criteria)
    ]
    matching: dict[int, set[int]] = defaultdict(set)
    staying: dict[int, set[int]] = defaultdict(set)
    if rules:
        for pk, answers in criteria.holding(Lead.objects.filter(pk__in=leads), rules, at=at).items():
            pairs = list(zip(known, answers[::2], answers[1::2], strict=True))
            matching[pk] = {sequence for sequence, enters, _stays in pairs if enters}
            staying[pk] = {sequence for sequence, _enters, stays in pairs if stays}
    return matching, staying


def _histories(leads: Mapping[int, Lead]) -> dict[int, History]:
    """What each lead already did in its present cycle."""
    found = {pk: History() for pk in leads}
    rows = Enrollment.objects.filter(lead__in=leads).exclude(state=EnrollmentState.ACTIVE).order_by("pk")
    for row in rows.select_related("sequence"):
        history, code = found[row.lead_id], row.sequence.code
        if row.cycle != leads[row.lead_id].cycle:
            continue
        if row.state == EnrollmentState.REFUSED:
            history.refusals[row.sequence_id] = row.pk
        if row.exit_code == ExitCode.NO_CHANNEL:
            history.closed[code] = row.exit_note
        elif row.exit_code not in MAY_ENTER_AGAIN:
            history.done.add(code)
    return found


def _said() -> QuerySet[Interaction]:
    """What people answered us; the call that brought a lead in is an inquiry, and answers nothing."""
    return Interaction.objects.filter(kind__in=REPLIES, direction=Direction.INBOUND, inquiry=None).order_by()


# What nobody's decision has followed: the conversation goes on.
UNSETTLED = ~Q(
    Exists(Qualification.objects.filter(lead=OuterRef("lead"), decided_at__gte=OuterRef("at")).exclude(outcome=""))
)


def _replies(leads: Iterable[int]) -> dict[int, tuple[datetime, datetime | None]]:
    """When each lead answered last, and when the last time that is still talked about."""
    rows = _said().filter(lead__in=leads).values("lead_id")
    last = rows.annotate(last=Max("at"), open=Max("at", filter=UNSETTLED))
    return {pk: (at, open_at) for pk, at, open_at in last.values_list("lead_id", "last", "open")}


def _booked(leads: Iterable[int], at: datetime) -> set[int]:
    return set(Appointment.objects.ahead(at).filter(lead__in=leads).values_list("lead_id", flat=True))


def _muted(leads: Mapping[int, Lead]) -> dict[int, frozenset[str]]:
    """What each person does not want to hear about, said for either of the lead's addresses."""
    held = {pk: {lead.phone_id, lead.email_id} for pk, lead in leads.items()}
    rows = MutedTopic.objects.filter(address__in=set().union(*held.values()) - {None}).order_by()
    said: dict[int, set[str]] = defaultdict(set)
    for address_id, topic in rows.values_list("address_id", "topic"):
        said[address_id].add(topic)
    return {pk: frozenset().union(*(said[address] for address in mine)) for pk, mine in held.items()}


def _leave(
    ends: Mapping[Enrollment, tuple[ExitCode, str]], *, at: datetime, by: AbstractBaseUser | None = None
) -> tuple[int, ...]:
    """End these locked enrolments; calls they asked for lapse with them."""
    for enrollment, (code, note) in ends.items():
        enrollment.state, enrollment.exit_code, enrollment.exit_note = EnrollmentState.EXITED, code, note
        enrollment.step, enrollment.next_due_at, enrollment.claimed_at = None, None, None
        enrollment.ended_at, enrollment.by = at, by or enrollment.by
    columns = ["state", "exit_code", "exit_note", "step", "next_due_at", "claimed_at", "ended_at", "by"]
    update_rows(list(ends), columns, batch_size=BATCH)
    if ends:
        CallTask.objects.filter(enrollment__in=list(ends), settled_at=None).update(settled_at=at)
    return tuple(enrollment.lead_id for enrollment in ends)


def _enter(entries: Sequence[tuple[Lead, NurtureSequence]], *, at: datetime) -> tuple[int, ...]:
    rows = []
    for lead, sequence in entries:
        step = sequence.steps.all()[0]
        first = windows.due_at(step, entered_at=at, not_before=at, zone=timing.zone_of(lead))
        rows.append(
            Enrollment(lead=lead, sequence=sequence, cycle=lead.cycle, step=step, next_due_at=first, started_at=at)
        )
    Enrollment.objects.bulk_create(rows, batch_size=BATCH)
    return tuple(row.lead_id for row in rows)


def _refuse(
    leads: Mapping[int, Lead], plans: Mapping[int, Plan], histories: Mapping[int, History], *, at: datetime
) -> tuple[int, ...]:
    """Keep why a sequence was not entered: one row per sequence and cycle, with the newest reason."""
    changed = []
    for pk, plan in plans.items():
        for sequence, why in plan.refused:
            history = histories[pk]
            if history.closed.get(sequence.code) != why:
                changed.append(_refusal(leads[pk], sequence, why, history.refusals.get(sequence.pk), at))
    Enrollment.objects.bulk_create([row for row in changed if row.pk is None], batch_size=BATCH)
    update_rows([row for row in changed if row.pk], ["exit_note", "ended_at"], batch_size=BATCH)
    return tuple(row.lead_id for row in changed)


def _refusal(lead: Lead, sequence: NurtureSequence, why: str, pk: int | None, at: datetime) -> Enrollment:
    return Enrollment(
        pk=pk,
        lead=lead,
        sequence=sequence,
        cycle=lead.cycle,
        state=EnrollmentState.REFUSED,
        started_at=at,
        ended_at=at,
        exit_code=ExitCode.NO_CHANNEL,
        exit_note=why,
    )
