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
from django.db.models.functions import Cast, Coalesce, ExtractHour, Greatest, TruncDate, TruncDay, TruncWeek

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
TRIES = "attempts"
LAST_TRY = 6  # it, and any later one
ON_TRY: Mapping[str, Q] = {  # who got a try, and who was reached on it
    **{
        f"try_{n}": Q(reached_on_try__gte=n) | Q(reached_on_try__isnull=True, attempts__gte=n)
        for n in range(1, LAST_TRY)
    },
    **{f"reached_on_{n}": Q(reached_on_try=n) for n in range(1, LAST_TRY)},
    f"reached_on_{LAST_TRY}": Q(reached_on_try__gte=LAST_TRY),
}
ADDED: Mapping[str, Expression] = {  # added up, not counted
    TRIES: F("attempts"),
    f"try_{LAST_TRY}": Greatest(Coalesce("reached_on_try", "attempts") - (LAST_TRY - 1), 0),
}
WAITS = {"attempt": "attempt_step", "contact": "contact_step", "booking": "booking_step"}
CONDITIONS: Mapping[str, Q] = {**{name: MEASURES[name][1] for name in COUNTED}, **ON_TRY}
EVERYWHERE = (*COUNTED, TRIES)  # what cuts without waits have
TALLIES = (
    *EVERYWHERE, *((wait, step) for wait in WAITS for step in range(len(STEPS))), *ON_TRY, f"try_{LAST_TRY}",
)  # fmt: skip
PLACES = {tally: place for place, tally in enumerate(TALLIES)}
LOCK = 0x5A33  # advisory: one at a time adds up
DAYS = 8  # added up in one transaction
MEMORY = "64MB"  # some thousand cells with all their tallies at once, without a file


# Reading


def count(period: Period, narrowed: Mapping[str, str], names: Sequence[str], *, by: str = "") -> list[Counts]:
    """The tallies of the leads captured in a period, one group for each value of a dimension, hour, day or week."""
    return count_each(period, narrowed, names, [by])[by]


def count_each(
    period: Period, narrowed: Mapping[str, str], names: Sequence[str], bys: Sequence[str]
) -> dict[str, list[Counts]]:
    """The same by each of several; whatever has to be counted from the leads is counted in one pass over them."""
    start, end = period.bounds()
    first, last = _whole_days(start, end)
    cuts = {by: _kept(narrowed, by, names, start, end) for by in bys} if first < last else dict.fromkeys(bys)
    found: dict[str, list[Counts]] = {}
    if apart := [by for by, cut in cuts.items() if cut is None]:
        found |= _live([(start, end)], narrowed, names, apart)
    kept = {by: cut for by, cut in cuts.items() if cut is not None}
    if not kept:
        return found
    stale = StaleDay.objects.filter(day__gte=first, day__lt=last)
    days = sorted(stale.values_list("day", flat=True).distinct())
    rows = Summary.objects.filter(day__gte=first, day__lt=last).exclude(day__in=days)
    left = [(start, _midnight(first)), (_midnight(last), end)]
    left += [(_midnight(day), _midnight(day + timedelta(days=1))) for day in days]
    late = [(since, until) for since, until in left if since < until]
    live = _live(late, narrowed, names, list(kept)) if late else {}
    for by, cut in kept.items():
        found[by] = _merged(names, [*_added_up(rows, cut, narrowed, names, by), *live.get(by, ())])
    return found


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


def _kept(narrowed: Mapping[str, str], by: str, names: Sequence[str], start: datetime, end: datetime) -> Cut | None:
    """The cut that answers, if it is kept with these tallies; hours of UTC are not those of every zone."""
    asked = {*narrowed, *([HOUR] if by in MOMENTS else [by] if by else [])}
    is_apart = by in MOMENTS and any(moment.utcoffset() % timedelta(hours=1) for moment in (start, end))
    cut = None if is_apart else CUTS.get(frozenset(asked))
    return None if cut in PLAIN and not set(names) <= set(EVERYWHERE) else cut


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


def _live(
    ranges: Sequence[tuple[datetime, datetime]], narrowed: Mapping[str, str], names: Sequence[str], bys: Sequence[str]
) -> dict[str, list[Counts]]:
    """The tallies from the milestones themselves."""
    rows = Milestone.objects.filter(_during(ranges), *(is_value(*pair) for pair in narrowed.items()), left_out="")
    keys = {f"key_{place}": _key(by) for place, by in enumerate(bys)}
    groups = rows.order_by().annotate(**keys).values(*keys)
    found: dict[tuple[object, ...], dict[str, object]] = {}
    plain = {f"n_{name}": _counted(name) for name in names if name not in WAITS}
    for group in groups.annotate(leads=Count("pk"), **plain):
        found[tuple(map(group.pop, keys))] = group
    if waits := [name for name in names if name in WAITS]:
        for group in found.values():
            group |= {f"n_{wait}": [0] * len(STEPS) for wait in waits}
        for *values, place, n in groups.annotate(place=_place(waits), n=Count("pk")).values_list(*keys, "place", "n"):
            if place is not None and (group := found.get(tuple(values))):  # none where its first lead just came
                wait, step = waits[place // len(STEPS)], place % len(STEPS)
                group[f"n_{wait}"][step] = n
    return {
        by: _merged(names, [{"key": values[place], **group} for values, group in found.items()])
        for place, by in enumerate(bys)
    }


def _key(by: str) -> Expression:
    return MOMENTS[by]("captured_at") if by in MOMENTS else _text(DIMENSIONS[by][1]) if by else Value("")


def _place(waits: Sequence[str]) -> Expression:
    """One row for each wait of a lead: its place among the steps of all of them. Counting the groups of such rows takes
    far less than asking each lead about each step."""
    # The column says how many steps it lies within, so the longest wait says one.
    places = [Value((n + 1) * len(STEPS)) - F(WAITS[wait]) for n, wait in enumerate(waits)]
    return Func(*places, template="unnest(ARRAY[%(expressions)s])", output_field=IntegerField())


def _added_up(rows: QuerySet, cut: Cut, narrowed: Mapping[str, str], names: Sequence[str], by: str) -> list[Counts]:
    """The tallies from the days added up."""
    column = dict(zip(cut, ("one", "two"), strict=False))
    rows = rows.filter(cut=_code(cut), **{column[name]: value for name, value in narrowed.items()}).order_by()
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
    return Sum(ADDED[name], default=0) if name in ADDED else Count("pk", filter=CONDITIONS[name] or None)


def _summed(name: str) -> Expression:
    if name not in WAITS:
        return Sum(f"tallies__{PLACES[name]}", default=0)
    # One expression for all steps: as many of Django's would take longer to write than to count.
    sums = [f"coalesce(sum(%(expressions)s[{PLACES[name, step] + 1}]), 0)" for step in range(len(STEPS))]
    return Aggregate("tallies", template=f"ARRAY[{', '.join(sums)}]", output_field=ArrayField(IntegerField()))


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
            _fold(cursor, stale, PLAIN, EVERYWHERE)
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
    did = {
        f"did_{name}": ExpressionWrapper(condition, BooleanField())
        for name, condition in CONDITIONS.items()
        if condition
    }
    added = {f"added_{name}": value for name, value in ADDED.items()}
    return (
        Milestone.objects.filter(_during(ranges), left_out="")
        .order_by()
        .annotate(day=TruncDate("captured_at", tzinfo=UTC), **did, **added)
        .annotate(**{f"by_{name}": value for name, value in dimensions.items()})
        .values("day", *WAITS.values(), *did, *added, *(f"by_{name}" for name in dimensions))
    )


def _tally_sql(tally: object) -> str:
    if isinstance(tally, tuple):
        wait, step = tally
        return f"count(*) FILTER (WHERE {WAITS[wait]} = {len(STEPS) - step})"
    if tally in ADDED:
        return f"sum(added_{tally})"
    return "count(*)" if tally == "captured" else f"count(*) FILTER (WHERE did_{tally})"


def _column(cut: Cut, place: int) -> str:
    return f"by_{cut[place]}" if place < len(cut) else "''"
