"""What will these leads get in the next weeks, and what is held or blocked, and why? Nobody is contacted by asking.

The same obstacles, limits and gate as in a dispatch, asked at the instants to come; leads whose steps fall due at the
same instant are asked about together. Facts that change later (a reply, a booking, an opt-out) change the plan; that is
why it is computed and never stored.
"""

from __future__ import annotations

import copy
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import count
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from consent import gate
from consent.request import ContactRequest
from leads import criteria, previews, timing
from leads.effects import Tell
from leads.models import Lead
from nurture import batch as batches
from nurture import caps, composing, obstacles, windows
from nurture.batch import Batch
from nurture.caps import Contact
from nurture.models import Enrollment, Step
from nurture.models import Sequence as NurtureSequence
from nurture.obstacles import Obstacle
from nurture.rendering import NotRendered
from nurture.vocabulary import ExitCode, Medium, SkipCode

DAYS = 30
MAX_HOLDS = 5  # one step is held by its own hours and by the law's; more would be a loop
SAMPLE = 200


class Fate(StrEnum):
    SENT = "sent"
    CALLED = "called"
    HELD = "held"
    SKIPPED = "skipped"
    ENDS = "ends"


WORDS = {
    Fate.SENT: _("Goes out"),
    Fate.CALLED: _("Staff are asked to call"),
    Fate.HELD: _("Waits"),
    Fate.SKIPPED: _("Is skipped"),
    Fate.ENDS: _("The sequence ends"),
}


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

    @property
    def label(self) -> str:
        return str(WORDS[self.fate])


@dataclass(frozen=True)
class Effect:
    """What one rule does to the sequence: how many steps it moves or drops."""

    fate: Fate
    code: str
    sentence: str
    steps: int

    @property
    def label(self) -> str:
        return str(WORDS[self.fate])


@dataclass(frozen=True)
class Calendar:
    """What a sequence would do to the leads it means: contacts per local day and channel, and what rules do to it."""

    meant: int
    simulated: int
    days: Mapping[date, Mapping[str, int]]  # day → medium → messages sent or calls asked for
    effects: Sequence[Effect]

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "days": {day.isoformat(): counts for day, counts in self.days.items()}}

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Calendar:
        days = {date.fromisoformat(day): counts for day, counts in stored["days"].items()}
        effects = [Effect(**{**effect, "fate": Fate(effect["fate"])}) for effect in stored["effects"]]
        return cls(stored["meant"], stored["simulated"], days, effects)

    def weeks(self, first: date, days: int = DAYS) -> list[list[tuple[date, Mapping[str, int]]]]:
        """The days as weeks from Monday, the empty ones too, as a wall calendar shows them."""
        monday = first - timedelta(days=first.weekday())
        last = first + timedelta(days=days)
        every = [monday + timedelta(days=n) for n in range(7 * -(-((last - monday).days + 1) // 7))]
        return [[(day, self.days.get(day, {})) for day in every[n : n + 7]] for n in range(0, len(every), 7)]


def for_lead(lead_id: int, *, at: datetime, days: int = DAYS) -> list[Planned]:
    """The steps of the lead's present sequence within the days to come."""
    rows = batches.with_lead(Enrollment.objects.active().filter(lead=lead_id))
    return [planned for _row, planned in _walk(list(rows), at=at, until=at + timedelta(days=days))]


def for_sequence(sequence_id: int, *, at: datetime, days: int = DAYS, sample: int = SAMPLE) -> Calendar:
    """Run a sequence, also an unpublished one, over a sample of the leads it means as if they entered now."""
    sequence = NurtureSequence.objects.prefetch_related("steps__template").get(pk=sequence_id)
    meant = Lead.objects.open().filter(criteria.condition(sequence.criteria, at=at))
    ids = list(meant.order_by("pk").values_list("pk", flat=True)[:sample])
    leads = Lead.objects.filter(pk__in=ids).select_related(
        "source__seller", "service", "preferred_clinic", "phone", "email"
    )
    rows = [row for lead in leads if (row := _imagine(lead, sequence, at))]
    found: dict[date, Counter[str]] = defaultdict(Counter)
    effects: Counter[tuple[Fate, str, str]] = Counter()
    for row, planned in _walk(rows, at=at, until=at + timedelta(days=days)):
        if planned.fate in (Fate.SENT, Fate.CALLED):
            found[planned.at.astimezone(ZoneInfo(timing.zone_of(row.lead))).date()][planned.medium] += 1
        else:
            effects[planned.fate, planned.code, planned.sentence] += 1
    return Calendar(
        meant.count(),
        len(rows),
        {day: dict(counts) for day, counts in sorted(found.items())},
        [Effect(*why, steps) for why, steps in effects.most_common()],
    )


def _look(sequence_id: int, at: datetime, tell: Tell) -> dict[str, object]:
    found = for_sequence(sequence_id, at=at)
    tell(1, 1)
    return found.as_json()


previews.register(NurtureSequence, _look)


def _imagine(lead: Lead, sequence: NurtureSequence, at: datetime) -> Enrollment | None:
    """An enrolment that is never saved; None for a sequence without steps."""
    step = next(iter(sequence.steps.all()), None)
    if step is None:
        return None
    first = windows.due_at(step, entered_at=at, not_before=at, zone=timing.zone_of(lead))
    return Enrollment(
        lead=lead, sequence=sequence, cycle=lead.cycle, step=step, next_due_at=first, started_at=at, pk=-lead.pk
    )


def _walk(rows: Iterable[Enrollment], *, at: datetime, until: datetime) -> Iterator[tuple[Enrollment, Planned]]:
    """Go through the steps of all with a clock that moves from one due instant to the next."""
    walk = Walk([copy.copy(row) for row in rows if row.step is not None], at=at)
    while walk.queue and (moment := walk.queue[0][0]) < until:
        yield from walk.take(walk.due(moment), moment)


@dataclass
class Walk:
    """The state of a simulation: who is due when, and what each address got so far."""

    rows: Sequence[Enrollment]
    at: datetime
    queue: list[tuple[datetime, int, Enrollment]] = field(default_factory=list)
    past: dict[int, list[Contact]] = field(default_factory=dict)
    holds: Counter[int] = field(default_factory=Counter)
    turns: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.past = caps.past_by_address(
            {pk for row in self.rows for pk in _addresses(row)}, batches.gather(self.rows, at=self.at).caps, at=self.at
        )
        for row in self.rows:
            self.put(row, max(row.next_due_at, self.at))

    def put(self, row: Enrollment, moment: datetime) -> None:
        heapq.heappush(self.queue, (moment, next(self.turns), row))

    def due(self, moment: datetime) -> list[Enrollment]:
        """Take everybody who is due at this instant off the queue."""
        found = []
        while self.queue and self.queue[0][0] == moment:
            found.append(heapq.heappop(self.queue)[2])
        return found

    def take(self, rows: Sequence[Enrollment], moment: datetime) -> Iterator[tuple[Enrollment, Planned]]:
        """Decide these steps as dispatch would, and put their rows where they go next."""
        batch = batches.gather(rows, at=moment)
        verdicts = {row.pk: self.judge(row, batch, moment) for row in rows}
        asked = {pk: verdict for pk, verdict in verdicts.items() if isinstance(verdict, ContactRequest)}
        decided = dict(zip(asked, gate.decide_many(list(asked.values()), at=moment), strict=True))
        for row in rows:
            verdict = verdicts[row.pk]
            if decision := decided.get(row.pk):
                held_until = decision.next_allowed_at if decision.kind == "hold" else None
                verdict = None if decision.allowed else Obstacle(decision.code, decision.sentence, held_until)
            yield row, self.settle(row, verdict, moment)

    def judge(self, row: Enrollment, batch: Batch, moment: datetime) -> Obstacle | ExitCode | ContactRequest | None:
        """Our own reasons first; a request is for the gate, None is a call that staff are asked to make."""
        if code := obstacles.reason_to_end(row, batch, at=moment):
            return code
        found = obstacles.timing(row, batch, at=moment)
        if found is not None or row.step.template.medium == Medium.CALL:
            return found
        past = [contact for pk in _addresses(row) for contact in self.past.get(pk, ())]
        words = obstacles.sending(row, batch, past, at=moment)
        if isinstance(words, Obstacle):
            return words
        try:
            return composing.compose(row, words)[1]
        except NotRendered as reason:
            return Obstacle(SkipCode.NOT_RENDERED, str(reason))

    def settle(self, row: Enrollment, verdict: Obstacle | ExitCode | None, moment: datetime) -> Planned:
        """Say what becomes of the step, and move its row on."""
        step = row.step
        if isinstance(verdict, ExitCode):
            return Planned(moment, step, Fate.ENDS, verdict.value, str(verdict.label))
        if verdict is None:
            self.move_on(row, moment)
            if step.template.medium == Medium.CALL:
                return Planned(moment, step, Fate.CALLED)
            made = Contact(moment, step.template.purpose, step.template.medium)
            self.past.setdefault(obstacles.address_in(row, step), []).append(made)
            return Planned(moment, step, Fate.SENT)
        is_held = verdict.until is not None and verdict.until <= obstacles.latest(row)
        if is_held and self.holds[row.pk] < MAX_HOLDS:
            self.holds[row.pk] += 1
            self.put(row, windows.next_open(step, verdict.until, zone=timing.zone_of(row.lead)))
            return Planned(moment, step, Fate.HELD, verdict.code, verdict.sentence)
        self.move_on(row, moment)
        return Planned(moment, step, Fate.SKIPPED, verdict.code, verdict.sentence)

    def move_on(self, row: Enrollment, moment: datetime) -> None:
        """Go to the next step; after the last one the row is out of the queue."""
        self.holds[row.pk] = 0
        following = next((step for step in row.sequence.steps.all() if step.position > row.step.position), None)
        if following is not None:
            row.step = following
            zone = timing.zone_of(row.lead)
            self.put(row, windows.due_at(following, entered_at=row.started_at, not_before=moment, zone=zone))


def _addresses(row: Enrollment) -> list[int]:
    return [pk for pk in (row.lead.phone_id, row.lead.email_id) if pk]
