"""How many leads of a period got how far, by one dimension, among those of some others? Added up ahead, day by day.

Days are those of UTC, and a few cuts are kept: no, one or two dimensions at a time. What lies on the edges of a
reader's period, days that something happened to since they were added up, and whatever asks for another cut is counted
from the milestones themselves, so an answer is never out of date; it only takes longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from itertools import combinations
from operator import or_

from django.contrib.postgres.fields import ArrayField
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import (
    Aggregate,
    BooleanField,
    Count,
    DateTimeField,
    Expression,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    TextField,
    Value,
)
from django.db.models.functions import Cast, Coalesce, ExtractHour, TruncDate, TruncDay, TruncWeek

from leads.measures import DIMENSIONS, MEASURES, Period, is_value
from leads.models import Milestone, StaleDay, Summary
from leads.models.review import STEPS

Counts = Mapping[str, object]
"""`key`, and `n_…` for each tally: a number, or for a wait how many there were within each step but not the last."""

HOUR = "hour"  # of UTC; read in the reader's hours, days and weeks
MOMENTS = {"hour": ExtractHour, "day": TruncDay, "week": TruncWeek}
COMMON = ("source", "service", "clinic", "team", "type")
JUDGED = ("band", "fit", "readiness", "fit_check", "capacity_check")
Cut = tuple[str, ...]
# With waits. An agent has few enough leads to count them from the rows; agents of a team or kind of lead are many.
TIMED: Sequence[Cut] = (
    (), *((name,) for name in (*COMMON, "owner", HOUR)),
    *combinations(COMMON, 2), *((HOUR, name) for name in COMMON), ("team", "owner"), ("type", "owner"),
)  # fmt: skip
PLAIN: Sequence[Cut] = tuple((name, *other) for name in JUDGED for other in ((), *((common,) for common in COMMON)))
CUTS = {frozenset(cut): cut for cut in (*TIMED, *PLAIN)}

# The order in which tallies are kept; whoever changes it notes every day as stale in a migration.
COUNTED = (
    "captured", "attempted", "attempted_twice", "attempted_thrice", "reached", "qualified", "booked", "attended",
    "converted", "woken", "woken_converted", "overridden", "overridden_converted", "no_phone", "no_email", "no_zip",
    "no_service", "may_call", "may_text", "may_mail",
)  # fmt: skip
TRIES = "attempts"  # added up, not counted
WAITS = {"attempt": "attempt_step", "contact": "contact_step", "booking": "booking_step"}
TALLIES = (*COUNTED, TRIES, *((wait, step) for wait in WAITS for step in range(len(STEPS))))
PLACES = {tally: place for place, tally in enumerate(TALLIES)}
LOCK = 0x5A33  # advisory: one at a time adds up
DAYS = 8  # added up in one transaction
MEMORY = "64MB"  # some thousand cells with all their tallies at once, without a file


# Reading


def count(period: Period, narrowed: Mapping[str, str], names: Sequence[str], *, by: str = "") -> list[Counts]:
    """The tallies of the leads captured in a period, one group for each value of a dimension, hour, day or week."""
    start, end = period.bounds()
    first, last = _whole_days(start, end)
    cut = _kept(narrowed, by, start, end)
    if cut is None or first >= last:
        return _merged(names, _live(Milestone.objects.filter(_during([(start, end)])), narrowed, names, by))
    stale = StaleDay.objects.filter(day__gte=first, day__lt=last)
    days = sorted(stale.values_list("day", flat=True).distinct())
    rows = Summary.objects.filter(cut=_code(cut), day__gte=first, day__lt=last).exclude(day__in=days)
    left = [(start, _midnight(first)), (_midnight(last), end)]
    left += [(_midnight(day), _midnight(day + timedelta(days=1))) for day in days]
    late = [(since, until) for since, until in left if since < until]
    live = _live(Milestone.objects.filter(_during(late)), narrowed, names, by) if late else []
    return _merged(names, [*_added_up(rows, cut, narrowed, names, by), *live])


def total(groups: Sequence[Counts], names: Sequence[str]) -> Counts:
    """The groups as one."""
    whole = _merged(names, [{**group, "key": ""} for group in groups])
    return whole[0] if whole else {"key": "", **{f"n_{n}": [0] * len(STEPS) if n in WAITS else 0 for n in names}}


def within(waits: Sequence[int], percent: int) -> int | None:
    """The first step, in seconds, within which this part of those had happened that did; None of none."""
    happened, passed = sum(waits), 0
    for step, n in zip(STEPS, waits, strict=True):
        passed += n
        if happened and 100 * passed >= percent * happened:
            return step
    return None


def _kept(narrowed: Mapping[str, str], by: str, start: datetime, end: datetime) -> Cut | None:
    """The cut that answers, if it is kept; hours of UTC are not those of every zone."""
    asked = {*narrowed, *([HOUR] if by in MOMENTS else [by] if by else [])}
    is_apart = by in MOMENTS and any(moment.utcoffset() % timedelta(hours=1) for moment in (start, end))
    return None if is_apart else CUTS.get(frozenset(asked))


def _whole_days(start: datetime, end: datetime) -> tuple[date, date]:
    """The first day of UTC that lies in it from its beginning, and the first one after it that does not to its end."""
    first = start.astimezone(UTC)
    return first.date() + timedelta(days=bool(first.time() > time.min)), end.astimezone(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _during(ranges: Sequence[tuple[datetime, datetime]]) -> Q:
    """The condition that a lead was captured in any of them."""
    joined: list[tuple[datetime, datetime]] = []
    for since, until in sorted(ranges):
        if joined and joined[-1][1] == since:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((since, until))
    return reduce(or_, (Q(captured_at__gte=since, captured_at__lt=until) for since, until in joined))


def _live(rows: QuerySet, narrowed: Mapping[str, str], names: Sequence[str], by: str) -> list[Counts]:
    """The tallies from the milestones themselves."""
    rows = rows.filter(*(is_value(name, value) for name, value in narrowed.items()), left_out="").order_by()
    key = MOMENTS[by]("captured_at") if by in MOMENTS else _text(DIMENSIONS[by][1]) if by else Value("")
    return list(rows.annotate(key=key).values("key").annotate(**{f"n_{name}": _counted(name) for name in names}))


def _added_up(rows: QuerySet, cut: Cut, narrowed: Mapping[str, str], names: Sequence[str], by: str) -> list[Counts]:
    """The tallies from the days added up."""
    column = dict(zip(cut, ("one", "two"), strict=False))
    rows = rows.filter(**{column[name]: value for name, value in narrowed.items()}).order_by()
    key = MOMENTS[by](INSTANT) if by in MOMENTS else F(column[by]) if by else Value("")
    return list(rows.annotate(key=key).values("key").annotate(**{f"n_{name}": _summed(name) for name in names}))


INSTANT = Func(
    F("day"), Cast("one", IntegerField()), output_field=DateTimeField(), arg_joiner=" + interval '1 hour' * ",
    template="((%(expressions)s) AT TIME ZONE 'UTC')",
)  # fmt: skip


def _text(column: str) -> Expression:
    """A dimension's value as it is kept and linked."""
    return Coalesce(Cast(F(column), TextField()), Value(""), output_field=TextField())


def _counted(name: str) -> Expression:
    if name in WAITS:
        # The column says how many steps it lies within, so the longest wait says one.
        return _array(WAITS[name], [f"count(*) FILTER (WHERE %(expressions)s = {n})" for n in range(len(STEPS), 0, -1)])
    return Sum("attempts", default=0) if name == TRIES else Count("pk", filter=MEASURES[name][1] or None)


def _summed(name: str) -> Expression:
    if name in WAITS:
        places = [PLACES[name, step] + 1 for step in range(len(STEPS))]
        return _array("tallies", [f"coalesce(sum(%(expressions)s[{place}]), 0)" for place in places])
    return Sum(f"tallies__{PLACES[name]}", default=0)


def _array(column: str, parts: Sequence[str]) -> Aggregate:
    """One expression for all steps: as many of Django's would take longer to write than to count."""
    return Aggregate(column, template=f"ARRAY[{', '.join(parts)}]", output_field=ArrayField(IntegerField()))


def _merged(names: Sequence[str], groups: Sequence[Counts]) -> list[Counts]:
    """One group for each key."""
    found: dict[object, dict[str, object]] = {}
    for group in groups:
        kept = found.setdefault(group["key"], {})
        for name in names:
            new, old = group[f"n_{name}"], kept.get(f"n_{name}")
            kept[f"n_{name}"] = new if old is None else _add(old, new)
    return [{"key": key, **counts} for key, counts in found.items()]


def _add(old: object, new: object) -> object:
    return [a + b for a, b in zip(old, new, strict=True)] if isinstance(old, list) else old + new


def _code(cut: Cut) -> str:
    return "+".join(cut)


# Adding up

FOLD = """
WITH leads AS MATERIALIZED ({leads}), fresh AS (
  SELECT day, cut, one, two, ARRAY[{tallies}]::int[] AS tallies
    FROM leads CROSS JOIN LATERAL (VALUES {cuts}) AS kept (cut, one, two)
   GROUP BY day, cut, one, two
), gone AS (
  DELETE FROM leads_summary AS old WHERE old.day = ANY(%s) AND old.cut = ANY(%s) AND NOT EXISTS (
    SELECT FROM fresh WHERE (fresh.cut, fresh.day, fresh.one, fresh.two) = (old.cut, old.day, old.one, old.two))
)
INSERT INTO leads_summary AS old (day, cut, one, two, tallies) SELECT * FROM fresh ORDER BY day, cut
ON CONFLICT (cut, day, one, two) DO UPDATE SET tallies = excluded.tallies
 WHERE old.tallies IS DISTINCT FROM excluded.tallies
"""


@transaction.atomic
def refresh(*, days: int = DAYS) -> int:
    """Add up the days that changed longest ago; return how many, none where another process is at it.

    Notes are taken away before anything is read, so what is written meanwhile is read or keeps its own note.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT day FROM leads_staleday GROUP BY day ORDER BY min(id) LIMIT %s", [days])
        stale = [day for (day,) in cursor.fetchall()]
        if stale:
            cursor.execute("SELECT set_config('work_mem', %s, TRUE)", [MEMORY])
            StaleDay.objects.filter(day__in=stale).delete()
            _fold(cursor, stale, TIMED, TALLIES)
            _fold(cursor, stale, PLAIN, (*COUNTED, TRIES))
    return len(stale)


def refresh_all() -> int:
    """Add up the days that have changed until now, however often they go on changing; return how many."""
    waiting, done = StaleDay.objects.values("day").distinct().count(), 0
    while done < waiting and (made := refresh()):
        done += made
    return done


def _fold(cursor: CursorWrapper, days: Sequence[date], cuts: Sequence[Cut], tallies: Sequence[object]) -> None:
    leads, params = _leads(days).query.sql_with_params()
    values = ", ".join(f"('{_code(cut)}', {_column(cut, 0)}, {_column(cut, 1)})" for cut in cuts)
    query = FOLD.format(leads=leads, tallies=", ".join(map(_tally_sql, tallies)), cuts=values)
    cursor.execute(query, [*params, list(days), [_code(cut) for cut in cuts]])


def _leads(days: Sequence[date]) -> QuerySet:
    """The counted leads of these days with whatever is added up of them."""
    ranges = [(_midnight(day), _midnight(day + timedelta(days=1))) for day in days]
    dimensions = {name: _text(DIMENSIONS[name][1]) for name in (*COMMON, "owner", *JUDGED)}
    dimensions[HOUR] = Cast(ExtractHour("captured_at", tzinfo=UTC), TextField())
    did = {f"did_{name}": ExpressionWrapper(MEASURES[name][1], BooleanField()) for name in COUNTED[1:]}
    return (
        Milestone.objects.filter(_during(ranges), left_out="")
        .order_by()
        .annotate(day=TruncDate("captured_at", tzinfo=UTC), **did)
        .annotate(**{f"by_{name}": value for name, value in dimensions.items()})
        .values("day", TRIES, *WAITS.values(), *did, *(f"by_{name}" for name in dimensions))
    )


def _tally_sql(tally: object) -> str:
    if isinstance(tally, tuple):
        wait, step = tally
        return f"count(*) FILTER (WHERE {WAITS[wait]} = {len(STEPS) - step})"
    if tally == TRIES:
        return f"sum({TRIES})"
    return "count(*)" if tally == "captured" else f"count(*) FILTER (WHERE did_{tally})"


def _column(cut: Cut, place: int) -> str:
    return f"by_{cut[place]}" if place < len(cut) else "''"
