"""How far do leads get, how fast, with how much effort, and why do they end? Reports over the milestones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db.models import Count, F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads import summaries
from leads.measures import DIMENSIONS, FUNNEL, MEASURES, Beside, register
from leads.models import Interaction
from leads.summaries import Counts
from leads.vocabulary import Direction, InteractionKind
from medcrm.reports.ask import Ask
from medcrm.reports.table import Cell, Row, Section, change, number, share, span

SPOKEN = (InteractionKind.CALL, InteractionKind.VOICEMAIL)
HOLD_AGES = ((7, _("up to a week")), (30, _("up to a month")), (90, _("up to three months")), (None, _("longer")))
DAYS_IN_LINE = 92  # longer periods are drawn by week


NOBODY = _("Nobody was captured in this period. Choose a longer one, or clear what narrows it.")
PARTS = (50, 90)  # of a hundred
WAITED = tuple((wait, part) for wait in summaries.WAITS for part in PARTS)
STEPS_NOTE = _(
    "Times are rounded up to 1, 2, 3, 4, 5, 6, 8, 10, 12, 15 … minutes, 1, 1.5, 2 … hours, 2, 2.5, 3 … days. “Half"
    " within” and “9 of 10 within” look only at the leads to which it happened."
)


def counted(measures: Sequence[str]) -> dict[str, Count]:
    """One conditional count per measure, so that one pass over the rows answers a table."""
    return {
        f"n_{name}": Count("pk", filter=MEASURES[name][1]) if MEASURES[name][1] else Count("pk") for name in measures
    }


def funnel(ask: Ask) -> list[Section]:
    """Captured → reached → qualified → booked → attended → converted, by one dimension, and over time."""
    groups = ask.count(FUNNEL, by=ask.by)
    now, before = summaries.total(groups, FUNNEL), ask.whole(FUNNEL, ask.period.before)
    rows = [_funnel_row(ask, ask.name_of(ask.by, g["key"]), g, {ask.by: g["key"]}) for g in groups]
    if groups:
        rows.append(_funnel_row(ask, str(_("All")), now, {}, is_total=True))
        rows.append(_before_row(now, before))
    table = Section(
        _("From capture to conversion"),
        [MEASURES[name][0] for name in FUNNEL],
        rows,
        note=_("Each share is of the captured leads. Tests, duplicates and invalid leads are left out; see Data."),
        first=DIMENSIONS[ask.by][0],
        empty=NOBODY,
    )
    return [table, *_trend(ask)]


def _funnel_row(ask: Ask, label: str, counts: Counts, more: dict[str, object], *, is_total: bool = False) -> Row:
    captured = counts["n_captured"]
    cells = [number(captured, ask.link("captured", **more))]
    cells += [share(counts[f"n_{name}"], captured, ask.link(name, **more)) for name in FUNNEL[1:]]
    return Row(label, cells, is_total)


def _before_row(now: Counts, before: Counts) -> Row:
    """What changed against the period before, in percentage points."""
    pairs = [((now[f"n_{n}"], now["n_captured"]), (before[f"n_{n}"], before["n_captured"])) for n in FUNNEL[1:]]
    captured = Cell(f"{before['n_captured']:,}", value=before["n_captured"])
    return Row(str(_("Period before, and change since")), [captured, *(change(*pair) for pair in pairs)], True)


def _trend(ask: Ask) -> list[Section]:
    is_by_day = ask.period.days <= DAYS_IN_LINE
    groups = ask.count(("captured",), by="day" if is_by_day else "week")
    found = {group["key"].date(): group["n_captured"] for group in groups}
    if not found:
        return []
    width = timedelta(days=1 if is_by_day else 7)
    first = ask.period.first - timedelta(days=0 if is_by_day else ask.period.first.weekday())
    days = [first + place * width for place in range((ask.period.last - first) // width + 1)]
    line = [(f"{day:%b %-d}", found.get(day, 0)) for day in days]
    title = _("Captured per day") if is_by_day else _("Captured per week")
    return [Section(title, [], [], line=line)]


def speed(ask: Ask) -> list[Section]:
    """How long until the first human attempt, the first contact, the booking: half of the leads, nine of ten."""
    names = ("captured", *summaries.WAITS)
    groups = ask.count(names, by=ask.by)
    columns = [
        _("First attempt: half within"), _("9 of 10 within"),
        _("First contact: half within"), _("9 of 10 within"),
        _("Booking: half within"), _("9 of 10 within"),
    ]  # fmt: skip
    rows = [Row(ask.name_of(ask.by, g["key"]), _spans(g)) for g in groups]
    if groups:
        rows.append(Row(str(_("All")), _spans(summaries.total(groups, names)), True))
    first = DIMENSIONS[ask.by][0]
    by_hour = [
        Row(hour_name(h["key"]), [number(h["n_captured"], ask.link("captured", hour=h["key"])), *_spans(h)])
        for h in sorted(ask.count(names, by="hour"), key=lambda h: h["key"])
    ]
    note = _("From the inquiry's arrival to a person's first action, around the clock; goals count working time only.")
    return [
        Section(_("How fast"), columns, rows, note=f"{note} {STEPS_NOTE}", first=first,
                empty=NOBODY),
        Section(_("By hour of arrival"), [_("Captured"), *columns], by_hour, first=_("Your time"), empty=NOBODY),
    ]  # fmt: skip


def _spans(counts: Counts) -> list[Cell]:
    return [span(summaries.within(counts[f"n_{wait}"], part)) for wait, part in WAITED]


def effort(ask: Ask) -> list[Section]:
    """How many tries a lead gets, on which try people are reached, and at which hour."""
    return [_attempts(ask), _by_try(ask), _by_hour(ask)]


ATTEMPTED = ("attempted", "attempted_twice", "attempted_thrice")


def hour_name(hour: int) -> str:
    return f"{hour:02d}–{(hour + 1) % 24:02d}"


def _attempts(ask: Ask) -> Section:
    rows = []
    for g in ask.count(("captured", summaries.TRIES, *ATTEMPTED), by=ask.by):
        n, which, mean = g["n_captured"], {ask.by: g["key"]}, g["n_attempts"] / g["n_captured"]
        cells = [number(n, ask.link("captured", **which))]
        cells += [share(g[f"n_{name}"], n, ask.link(name, **which)) for name in ATTEMPTED]
        rows.append(Row(ask.name_of(ask.by, g["key"]), [*cells, Cell(f"{mean:.1f}", value=round(mean, 4))]))
    columns = [_("Captured"), _("Tried"), _("Tried twice or more"), _("three times or more"), _("Tries per lead")]
    return Section(_("Tries"), columns, rows, first=DIMENSIONS[ask.by][0], empty=NOBODY)


def _by_try(ask: Ask) -> Section:
    """Of the leads that got a k-th try, how many were reached on it."""
    tries, last = range(1, summaries.LAST_TRY + 1), summaries.LAST_TRY
    whole = ask.whole([*(f"try_{k}" for k in tries), *(f"reached_on_{k}" for k in tries)])
    rows = []
    for k in tries:
        tried, reached = whole[f"n_try_{k}"], whole[f"n_reached_on_{k}"]
        if tried:
            link = ask.link("reached", **{"try": k}) if k < last else ""
            label = str(k) if k < last else str(_("%(n)d or later") % {"n": last})
            rows.append(Row(label, [number(tried), share(reached, tried, link)]))
    return Section(
        _("Reached on which try"),
        [_("Tries"), _("Reached")],
        rows,
        first=_("Try"),
        empty=_("No lead of this period was called yet."),
    )


CALLS = register(
    "calls",
    Beside(
        _("Calls by people"), Interaction, "at",
        {"made": lambda at: Q(), "reached": lambda at: Q(disposition__makes_contact=True)}, {"at": "at__hour"},
        whole=lambda at: Q(kind__in=SPOKEN, direction=Direction.OUTBOUND),
    ),
)  # fmt: skip


def _by_hour(ask: Ask) -> Section:
    calls = ask.beside(CALLS)
    hours = calls.values(hour=F("at__hour")).annotate(
        n=Count("pk"), reached=Count("pk", filter=CALLS.parts["reached"](ask.at))
    )
    rows = [
        Row(
            hour_name(h["hour"]),
            [
                number(h["n"], ask.link("calls.made", at=h["hour"])),
                share(h["reached"], h["n"], ask.link("calls.reached", at=h["hour"])),
            ],
        )
        for h in hours.order_by("hour")
    ]
    note = _("Calls made in this period, whenever the lead came in; without tests, duplicates and invalid leads.")
    return Section(
        _("Reached at which hour"),
        [_("Calls"), _("Reached")],
        rows,
        note,
        _("Your time"),
        _("No calls in this period."),
    )


def reasons(ask: Ask) -> list[Section]:
    """Why leads were stopped, by source; what leads wait for and since when; what became of those opened again."""
    stops = (
        ask.leads(also_left_out=True)
        .filter(stop_reason__isnull=False)
        .values("stop_reason_id", "stop_reason__name", "stop_reason__reporting_class", "source_id")
        .annotate(n=Count("*"))  # of nothing but what the index holds
    )
    return [_stops(ask, list(stops)), *_holds(ask), _woken(ask)]


def _stops(ask: Ask, found: Sequence[dict[str, object]]) -> Section:
    sources = sorted({row["source_id"] for row in found}, key=lambda code: ask.name_of("source", code))
    table: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in found:
        key = (row["stop_reason__name"], row["stop_reason__reporting_class"], row["stop_reason_id"])
        table[key][row["source_id"]] += row["n"]
    rows = [
        Row(
            f"{name} ({kind})",
            [
                number(sum(counts.values()), "" if _is_out(kind) else ask.link("stopped", stop=code)),
                *(
                    number(counts[s], "" if _is_out(kind) else ask.link("stopped", stop=code, source=s))
                    if counts[s]
                    else Cell("")
                    for s in sources
                ),
            ],
        )
        for (name, kind, code), counts in sorted(table.items(), key=lambda item: -sum(item[1].values()))
    ]
    columns: list[str | Promise] = [_("All"), *(ask.name_of("source", code) for code in sources)]
    note = _("Duplicate and invalid leads are shown here and left out of every share.")
    return Section(_("Stopped, and why"), columns, rows, note, _("Reason"), _("No lead of this period was stopped."))


def _is_out(kind: str) -> bool:
    return kind in ("duplicate", "invalid")


def _holds(ask: Ask) -> list[Section]:
    """Leads of the period that are on hold now, by reason: by age of the hold, and from which source they came."""
    ages, floor = {}, None
    for place, (days, _label) in enumerate(HOLD_AGES):
        younger = Q() if days is None else Q(held_since__gt=ask.at - timedelta(days=days))
        older = Q() if floor is None else Q(held_since__lte=ask.at - timedelta(days=floor))
        ages[f"age_{place}"] = Count("held_since", filter=younger & older or None)
        floor = days
    held = ask.leads().filter(held_since__isnull=False)
    groups = held.values("hold_reason_id", "hold_reason__name", "source_id").annotate(n=Count("*"), **ages)
    by_age: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    by_source: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for group in groups:
        reason = (group["hold_reason__name"], group["hold_reason_id"])
        by_age[reason].update({name: group[name] for name in ("n", *ages)})
        by_source[reason][group["source_id"]] += group["n"]
    reasons = sorted(by_age, key=lambda reason: -by_age[reason]["n"])
    sources = sorted({s for counts in by_source.values() for s in counts}, key=lambda code: ask.name_of("source", code))
    waiting = [
        Row(
            reason[0],
            [
                number(by_age[reason]["n"], ask.link("held", hold=reason[1])),
                *(number(by_age[reason][name]) for name in ages),
            ],
        )
        for reason in reasons
    ]
    origins = [
        Row(
            name, [number(counts[s], ask.link("held", hold=code, source=s)) if counts[s] else Cell("") for s in sources]
        )
        for (name, code), counts in ((reason, by_source[reason]) for reason in reasons)
    ]
    empty = _("No lead of this period waits for anything.")
    return [
        Section(
            _("Waiting, and since when"), [_("On hold"), *(label for _days, label in HOLD_AGES)], waiting, "",
            _("Reason"), empty,
        ),
        Section(
            _("Waiting, by source"), [ask.name_of("source", code) for code in sources], origins, "", _("Reason"), empty
        ),
    ]  # fmt: skip


def _woken(ask: Ask) -> Section:
    groups = ask.count(("captured", "woken", "woken_converted"), by="source")
    rows = [
        Row(
            ask.name_of("source", g["key"]),
            [
                number(g["n_woken"], ask.link("woken", source=g["key"])),
                share(g["n_woken_converted"], g["n_woken"], ask.link("woken_converted", source=g["key"])),
            ],
        )
        for g in groups
        if g["n_woken"]
    ]
    return Section(
        _("Opened again"),
        [_("Opened again"), _("then converted")],
        rows,
        "",
        _("Source"),
        _("No lead of this period was opened again."),
    )


def outcome(ask: Ask) -> list[Section]:
    """Were score, bands and verdicts right about what became of the leads? Were those who overruled them?"""
    names = (*REACHED_TO_CONVERTED, "overridden", "overridden_converted")
    groups = ask.count_each(names, [*JUDGED, ""])
    sections = [_against(ask, dimension, title, groups[dimension]) for dimension, title in JUDGED.items()]
    made = summaries.total(groups[""], names)
    others = made["n_captured"] - made["n_overridden"], made["n_converted"] - made["n_overridden_converted"]
    rows = [
        Row(
            str(_("Decided against the checks")),
            [
                number(made["n_overridden"], ask.link("overridden")),
                share(made["n_overridden_converted"], made["n_overridden"], ask.link("overridden_converted")),
            ],
        ),
        Row(str(_("All others")), [number(others[0]), share(others[1], others[0])]),
    ]
    note = _("An override was right if the lead converted anyway.")
    sections.append(Section(_("Overrides"), [_("Leads"), _("Converted")], rows, note))
    return sections


ORDER = {"high": 0, "medium": 1, "low": 2, "pass": 0, "unknown": 1, "fail": 2, "": 3}


REACHED_TO_CONVERTED = ("captured", "reached", "booked", "converted")
JUDGED: Mapping[str, Promise] = {
    "band": _("First score against what came of it"),
    "fit": _("Fit against what came of it"),
    "readiness": _("Readiness against what came of it"),
    "fit_check": _("Fit check against what came of it"),
    "capacity_check": _("Capacity check against what came of it"),
}


def _against(ask: Ask, dimension: str, title: str | Promise, groups: Sequence[Counts]) -> Section:
    rows = [
        Row(
            ask.name_of(dimension, g["key"]),
            [
                number(g["n_captured"], ask.link("captured", **{dimension: g["key"]})),
                *(
                    share(g[f"n_{name}"], g["n_captured"], ask.link(name, **{dimension: g["key"]}))
                    for name in ("reached", "booked", "converted")
                ),
            ],
        )
        for g in sorted(groups, key=lambda g: ORDER.get(g["key"], 9))
    ]
    columns = [MEASURES[name][0] for name in REACHED_TO_CONVERTED]
    return Section(title, columns, rows, first=DIMENSIONS[dimension][0], empty=NOBODY)


def of_sources(ask: Ask, names: Sequence[str]) -> list[Row]:
    """Of the leads of each source, how many are so."""
    return [
        Row(
            ask.name_of("source", g["key"]),
            [
                number(g["n_captured"], ask.link("captured", source=g["key"])),
                *(share(g[f"n_{name}"], g["n_captured"], ask.link(name, source=g["key"])) for name in names),
            ],
        )
        for g in ask.count(("captured", *names), by="source")
    ]


def data_quality(ask: Ask) -> list[Section]:
    """What is missing from the inquiries of each source, and what no denominator counts."""
    gaps = ("no_phone", "no_email", "no_zip", "no_service")
    rows = of_sources(ask, gaps)
    columns = [_("Captured"), *(MEASURES[gap][0] for gap in gaps)]
    out = ask.leads(also_left_out=True).exclude(left_out="").values("left_out").annotate(n=Count("pk")).order_by("-n")
    left = [Row(ask.name_of("left_out", g["left_out"]), [number(g["n"])]) for g in out]
    return [
        Section(_("What is missing"), columns, rows, first=_("Source"), empty=NOBODY),
        Section(
            _("Left out of every share"), [_("Leads")], left, "", _("Why"), _("Every lead of this period is counted.")
        ),
    ]
