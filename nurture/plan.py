"""What will this lead get in the next weeks, and what is held or blocked, and why? Nobody is contacted by asking.

The same obstacles, limits and gate as in a dispatch, asked at the instants to come. Facts that change later (a reply,
a booking, an opt-out) change the plan; that is why it is computed and never stored.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from consent import gate
from leads import criteria
from leads.models import Lead
from nurture import batch as batches
from nurture import caps, composing, enrollment, obstacles, windows
from nurture.batch import Batch
from nurture.caps import Contact
from nurture.models import Enrollment, Step
from nurture.models import Sequence as NurtureSequence
from nurture.obstacles import Obstacle
from nurture.rendering import NotRendered
from nurture.vocabulary import ExitCode, Medium, SkipCode

DAYS = 30
MAX_HOLDS = 5  # one step is held by its own hours and by the law's; more would be a loop


class Fate(StrEnum):
    SENT = "sent"
    CALLED = "called"
    HELD = "held"
    SKIPPED = "skipped"
    ENDS = "ends"


@dataclass(frozen=True)
class Planned:
    """One step to come: when, on which channel, and what will become of it."""

    at: datetime
    step: Step
    fate: Fate
    code: str = ""
    sentence: str = ""

    @property
    def medium(self) -> str:
        return self.step.template.medium


@dataclass(frozen=True)
class Calendar:
    """What a sequence would do: leads it means, how many were simulated, and the steps per local day."""

    meant: int
    simulated: int
    days: dict[date, dict[str, int]]  # “sms sent”, “email skipped FREQUENCY_LIMIT” → how many


def for_lead(lead_id: int, *, at: datetime, days: int = DAYS) -> list[Planned]:
    """The steps of the lead's present sequence within the days to come."""
    row = batches.with_lead(Enrollment.objects.active().filter(lead=lead_id)).first()
    return list(_walk(row, at=at, until=at + timedelta(days=days))) if row else []


def for_sequence(sequence_id: int, *, at: datetime, days: int = DAYS, sample: int = 50) -> Calendar:
    """Run a sequence, also an unpublished one, over a sample of the leads it means as if they entered now."""
    sequence = NurtureSequence.objects.prefetch_related("steps__template").get(pk=sequence_id)
    meant = Lead.objects.open().filter(criteria.condition(sequence.criteria, at=at))
    related = ("source__seller", "service", "preferred_clinic", "phone", "email")
    leads = list(
        Lead.objects.filter(pk__in=list(meant.order_by("pk").values_list("pk", flat=True)[:sample])).select_related(
            *related
        )
    )
    found: dict[date, Counter[str]] = {}
    for lead in leads:
        zone = ZoneInfo(enrollment.zone_of(lead))
        for planned in _walk(_imagine(lead, sequence, at), at=at, until=at + timedelta(days=days)):
            words = " ".join(part for part in (planned.medium, planned.fate.value, planned.code) if part)
            found.setdefault(planned.at.astimezone(zone).date(), Counter())[words] += 1
    return Calendar(meant.count(), len(leads), {day: dict(counts) for day, counts in sorted(found.items())})


def _imagine(lead: Lead, sequence: NurtureSequence, at: datetime) -> Enrollment:
    """An enrolment that is never saved."""
    steps = sequence.steps.all()
    step = steps[0] if steps else None
    first = windows.due_at(step, entered_at=at, not_before=at, zone=enrollment.zone_of(lead)) if step else None
    return Enrollment(
        lead=lead, sequence=sequence, cycle=lead.cycle, step=step, next_due_at=first, started_at=at, pk=-lead.pk
    )


def _walk(row: Enrollment, *, at: datetime, until: datetime) -> Iterator[Planned]:
    """Go through the steps with a clock that moves from one due instant to the next."""
    row = copy.copy(row)
    addresses = [pk for pk in (row.lead.phone_id, row.lead.email_id) if pk]
    past = caps.past_contacts(addresses, batches.gather([row], at=at).caps, at=at)
    moment = max(row.next_due_at, at) if row.step else until
    while row.step is not None and moment < until:
        for planned in _step(row, past, moment):
            yield planned
            moment = planned.at
            if planned.fate == Fate.ENDS:
                return
        row.step = next((s for s in row.sequence.steps.all() if s.position > row.step.position), None)
        if row.step is not None:
            zone = enrollment.zone_of(row.lead)
            moment = windows.due_at(row.step, entered_at=row.started_at, not_before=moment, zone=zone)


def _step(row: Enrollment, past: list[Contact], moment: datetime) -> Iterator[Planned]:
    """What becomes of one step that falls due at `moment`: held any number of times, then decided."""
    for _ in range(MAX_HOLDS):
        batch = batches.gather([row], at=moment)
        if code := obstacles.reason_to_end(row, batch, at=moment):
            yield Planned(moment, row.step, Fate.ENDS, code.value, str(ExitCode(code).label))
            return
        obstacle = _obstacle(row, batch, past, moment)
        if obstacle is None:
            break
        if obstacle.until is None or obstacle.until > obstacles.latest(row):
            yield Planned(moment, row.step, Fate.SKIPPED, obstacle.code, obstacle.sentence)
            return
        yield Planned(moment, row.step, Fate.HELD, obstacle.code, obstacle.sentence)
        moment = windows.next_open(row.step, obstacle.until, zone=enrollment.zone_of(row.lead))
    is_call = row.step.template.medium == Medium.CALL
    if not is_call:
        past.append(Contact(moment, row.step.template.purpose, row.step.template.medium))
    yield Planned(moment, row.step, Fate.CALLED if is_call else Fate.SENT)


def _obstacle(row: Enrollment, batch: Batch, past: Sequence[Contact], moment: datetime) -> Obstacle | None:
    """The first thing in the way, our own or the gate's, as dispatch would find it."""
    found = obstacles.timing(row, batch, at=moment)
    if found is not None or row.step.template.medium == Medium.CALL:
        return found
    if found := obstacles.sending(row, batch, past, at=moment):
        return found
    try:
        _words, request = composing.compose(row, batch.wording(row))
    except NotRendered as reason:
        return Obstacle(SkipCode.NOT_RENDERED, str(reason))
    decision = gate.decide(request, at=moment)
    if decision.allowed:
        return None
    return Obstacle(decision.code, decision.sentence, decision.next_allowed_at if decision.kind == "hold" else None)
