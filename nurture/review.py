"""Do the steps of sequences come when people answer? By the day after entry and by the hour of the lead's own clock.

Steps do not only go out when they were planned: hours, limits and weekends hold some back, and earlier versions planned
otherwise. So each step was received on several days and at several hours, and the answers can be compared. An answer is
a reply or a booking after the message, before the next one and within two weeks [R58].
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext as _

from leads.models import Proposal
from leads.review import CONFIDENCE, LEAST_CASES, SMALL, Says
from leads.services import proposals
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionStatus
from medcrm.lib.stats import Interval, Share, cases_needed, difference, holm, p_value
from medcrm.lib.versions import open_draft
from nurture.lifecycle import REACHED
from nurture.models import Sequence as Outreach
from nurture.models import Step
from nurture.vocabulary import NOTICES, Medium

ANSWERED_WITHIN = timedelta(days=14)
PARTS = ((0, 12), (12, 16), (16, 24))  # morning, afternoon, late day
DAY = timedelta(days=1)


@dataclass(frozen=True)
class TimingFinding:
    """One step: answers when it came as planned, and at the best other time that was really seen."""

    step: Step
    what: str  # “delay” or “hours”
    planned: str
    usual: Share
    other: str  # the other time, as `planned` is written; blank where none was seen
    best: Share
    gap: Interval
    says: str
    missing: int = 0


@dataclass(frozen=True)
class Compared:
    """Two times at which a step was received."""

    step: Step
    what: str
    planned: str
    usual: Share
    other: str
    best: Share


def judge_timing(*, since: datetime, at: datetime) -> list[TimingFinding]:
    """Every message step of the sequences in force, by what went out since then. Reads only."""
    steps = Step.objects.filter(sequence__status=VersionStatus.PUBLISHED).exclude(template__medium=Medium.CALL)
    steps = list(
        steps.exclude(sequence__code__in=NOTICES)  # what happened says when they go out
        .select_related("sequence", "template")
        .prefetch_related("sequence__steps")
        .order_by("sequence__position", "sequence", "position")
    )
    seen = _received(steps, since, at - ANSWERED_WITHIN)
    pairs = [pair for step in steps for pair in (*_by_day(step, seen[step.pk]), *_by_part(step, seen[step.pk]))]
    testable = [pair for pair in pairs if min(pair.usual.of, pair.best.of) >= LEAST_CASES]
    tests = holm([p_value(pair.best, pair.usual) for pair in testable], CONFIDENCE)
    stands = {id(pair) for pair, stood in zip(testable, tests, strict=True) if stood}
    judged: dict[tuple[int, str], list[TimingFinding]] = defaultdict(list)
    for pair in pairs:
        judged[pair.step.pk, pair.what].append(_judge(pair, id(pair) in stands))
    return [_strongest(found) for found in judged.values()]


def _strongest(found: Sequence[TimingFinding]) -> TimingFinding:
    """Of several other times of one step: the one that is better, else the one with most to say."""
    return max(
        found, key=lambda f: (f.says == Says.BETTER_ELSEWHERE, f.best.rate or 0 if not f.missing else 0, f.best.of)
    )


def _judge(pair: Compared, stands: bool) -> TimingFinding:
    base, smaller = pair.usual.rate or 0.0, min(pair.usual.of, pair.best.of)
    gap = difference(pair.best, pair.usual, CONFIDENCE)
    needed = cases_needed(base, max(base * SMALL, 0.02), CONFIDENCE)
    says, missing = Says.AS_EXPECTED, 0
    if smaller < LEAST_CASES:
        says, missing = Says.TOO_FEW, max(needed - smaller, 1)
    elif stands and gap.low > 0:
        says = Says.BETTER_ELSEWHERE
    elif smaller < needed and gap.high > max(base * SMALL, 0.02):
        says, missing = Says.UNCLEAR, needed - smaller
    return TimingFinding(pair.step, pair.what, pair.planned, pair.usual, pair.other, pair.best, gap, says, missing)


RECEIVED = """
WITH sent AS (
  SELECT q.code, s.position, s.template_id, m.state, m.sent_at, e.started_at, e.ended_at, e.exit_code, e.lead_id,
         lead(m.sent_at) OVER (PARTITION BY m.enrollment_id ORDER BY m.sent_at, m.id) AS next_at
    FROM nurture_message AS m JOIN nurture_enrollment AS e ON e.id = m.enrollment_id
    JOIN nurture_step AS s ON s.id = m.step_id JOIN nurture_sequence AS q ON q.id = s.sequence_id
   WHERE m.state = ANY(%s) AND m.sent_at >= %s AND q.code = ANY(%s)
)
SELECT sent.code, sent.position, template_id, floor(extract(epoch FROM sent_at - started_at) / 86400)::int,
       extract(hour FROM sent_at AT TIME ZONE COALESCE(NULLIF(l.timezone, ''), seller.timezone))::int,
       count(*) FILTER (WHERE sent.state = 'replied' OR (exit_code IN ('replied', 'booked') AND ended_at > sent_at
                          AND ended_at <= sent_at + %s AND (next_at IS NULL OR ended_at < next_at))), count(*)
  FROM sent JOIN leads_lead AS l ON l.id = sent.lead_id
  JOIN leads_source AS source ON source.code = l.source_id
  JOIN consent_seller AS seller ON seller.code = source.seller_id
  JOIN leads_milestone AS milestone ON milestone.lead_id = l.id AND milestone.left_out = ''
 WHERE sent_at < %s
 GROUP BY 1, 2, 3, 4, 5
"""

Seen = Mapping[tuple[int, int], Share]
"""Day after entry and hour of the lead's clock → answers."""


def _received(steps: Sequence[Step], since: datetime, until: datetime) -> Mapping[int, Seen]:
    """When each step was received, in any version of its sequence, and how often it was answered."""
    keys = {(step.sequence.code, step.position, step.template_id): step.pk for step in steps}
    codes = sorted({step.sequence.code for step in steps})
    found: dict[int, dict[tuple[int, int], Share]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(RECEIVED, [[str(state) for state in REACHED], since, codes, ANSWERED_WITHIN, until])
        for code, position, template, day, hour, hits, of in cursor.fetchall():
            if key := keys.get((code, position, template)):
                found[key][day, hour] = Share(hits, of)
    return found


def _by_day(step: Step, seen: Seen) -> list[Compared]:
    """The planned day against each other day that lies between the steps before and after."""
    planned = step.delay // DAY
    low, high = _room(step)
    usual = _sum(share for (day, _hour), share in seen.items() if day == planned)
    days = sorted({day for day, _hour in seen} - {planned})
    return [
        Compared(step, "delay", str(planned), usual, str(day), _sum(s for (d, _h), s in seen.items() if d == day))
        for day in days
        if low <= day <= high
    ] or [Compared(step, "delay", str(planned), usual, "", Share(0, 0))]


def _room(step: Step) -> tuple[int, int]:
    """The days between the steps before and after it."""
    others = sorted(step.sequence.steps.all(), key=lambda other: other.position)
    before = [other.delay // DAY for other in others if other.position < step.position]
    after = [other.delay // DAY for other in others if other.position > step.position]
    return (before[-1] if before else 0), (after[0] if after else 10**4)


def _by_part(step: Step, seen: Seen) -> list[Compared]:
    """Each part of the day within the step's own hours against the rest of them."""
    first, last = _hours(step)
    parts = [(max(first, low), min(last, high)) for low, high in PARTS if max(first, low) < min(last, high)]
    if len(parts) < 2:
        return []
    found = []
    for low, high in parts:
        inside = _sum(share for (_day, hour), share in seen.items() if low <= hour < high)
        rest = _sum(share for (_day, hour), share in seen.items() if first <= hour < last and not low <= hour < high)
        found.append(Compared(step, "hours", _words(first, last), rest, _words(low, high), inside))
    return found


def _hours(step: Step) -> tuple[int, int]:
    if step.window_start is None or step.window_end is None:
        return 0, 24
    return step.window_start.hour, step.window_end.hour + bool(step.window_end.minute)


def _words(low: int, high: int) -> str:
    return f"{low:02d}:00-{high % 24:02d}:00" if high < 24 else f"{low:02d}:00-23:59"


def _sum(shares: Iterable[Share]) -> Share:
    shares = list(shares)
    return Share(sum(share.hits for share in shares), sum(share.of for share in shares))


# Proposals


def propose_timing(since: datetime, at: datetime) -> list[Proposal]:
    """Another day or other hours for each step that is answered more often then."""
    return [_proposal(f, at) for f in judge_timing(since=since, at=at) if f.says == Says.BETTER_ELSEWHERE]


def _proposal(found: TimingFinding, at: datetime) -> Proposal:
    when, instead = (
        (f"on day {found.other}", f"on day {found.planned}")
        if found.what == "delay"
        else (f"between {found.other.replace('-', ' and ')}", "at the other hours")
    )
    best, usual = (f"{100 * (share.rate or 0):.1f} %" for share in (found.best, found.usual))
    evidence = (
        f"{best} of {found.best.of:,} people answered when it came {when}, {usual} of {found.usual.of:,} {instead}"
        f" ({CONFIDENCE:.0%} sure that the gap is between {100 * found.gap.low:+.1f} and {100 * found.gap.high:+.1f}"
        " points)."
    )
    title = f"{found.step.sequence.name}: “{found.step.template.name}” {when}"
    return Proposal(
        kind=Proposal.Kind.TIMING, about=f"{found.step.pk}:{found.what}", title=title[:200], evidence=evidence,
        old_value=found.planned, new_value=found.other, made_at=at,
    )  # fmt: skip


def change_timing(row: Proposal, value: str, by: AbstractBaseUser, at: datetime) -> None:
    """Write the day or the hours into a draft of the sequence. Raise RuleError where that cannot be done any more."""
    pk, _sep, what = row.about.partition(":")
    step = Step.objects.get(pk=int(pk))
    draft = open_draft(Outreach, step.sequence_id, note=proposals.NOTE)
    copy = draft.steps.filter(position=step.position, template=step.template_id).first()
    if copy is None:
        raise RuleError("NOT_IN_DRAFT", _("The open draft has no such step any more; change it there by hand."))
    if what == "delay":
        low, high = _room(copy)
        copy.delay = proposals.whole_number(value, least=low, most=high) * DAY + step.delay % DAY
    else:
        copy.window_start, copy.window_end = _window(value)
    try:
        copy.full_clean()
    except ValidationError as error:
        raise RuleError("UNFIT_VALUE", " ".join(error.messages), field="value") from error
    copy.save()


def _window(value: str) -> tuple[time, time]:
    try:
        start, end = (time.fromisoformat(part.strip()) for part in value.split("-"))
    except ValueError:
        raise RuleError("UNFIT_VALUE", _("Write the hours like 09:00-12:00."), field="value") from None
    return start, end


proposals.register(Proposal.Kind.TIMING, "nurture.add_sequence", propose_timing, change_timing)
