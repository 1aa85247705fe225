"""What do teams, handoffs and capacity do to leads? Reports over the rooms' own rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Count, F, Q
from django.utils.translation import gettext_lazy as _

from leads.measures import Beside, register
from leads.models import MissingItem
from leads.summaries import within
from medcrm.reports.ask import Ask
from medcrm.reports.counting import Percentiles, counts, seconds_between
from medcrm.reports.people import PARTS, STEPS_NOTE, hour_name
from medcrm.reports.table import Cell, Row, Section, number, share, span
from routing.models import Assignment, Clock, Handoff
from routing.vocabulary import AssignedBecause, Owed

CLOCKS = register(
    "clocks",
    Beside(
        _("What was owed"), Clock, "started_at",
        {
            "all": lambda at: Q(),
            "in_time": lambda at: Q(met_at__lte=F("due_at")),
            "late": lambda at: Q(met_at__gt=F("due_at")),
            "undone": lambda at: Q(met_at=None),
        },
        {"owed": "owed", "by": "team_id", "start": "started_at__hour", "agent": "owner_id"},
        whole=lambda at: (
            Q(met_at__isnull=False) | Q(breached_at__isnull=False) | Q(due_at__lt=at, ended_at__isnull=True)
        ),
    ),
)  # fmt: skip
HANDOFFS = register(
    "handoffs",
    Beside(
        _("Handoffs"), Handoff, "offered_at",
        {
            "offered": lambda at: Q(),
            "accepted": lambda at: Q(accepted_at__isnull=False),
            "returned": lambda at: Q(returned_at__isnull=False),
        },
        {"taker": "to_team_id", "why": "return_reason"},
    ),
)  # fmt: skip
# Given once more though nothing else was owed: by a person, an absence, a return, or because it was not done in time.
AGAIN = (AssignedBecause.REASSIGNED, AssignedBecause.ABSENCE, AssignedBecause.RETURNED, AssignedBecause.BREACH)
MOVES = register(
    "moves",
    Beside(
        _("Given once more"), Assignment, "at",
        {"moved": lambda at: Q(), "to_other_team": lambda at: ~Q(to_team=F("from_team"))},
        {"left": "from_team_id", "moved_for": "because"},
        whole=lambda at: Q(because__in=AGAIN, from_team__isnull=False),
    ),
)  # fmt: skip
MISSING = register(
    "missing",
    Beside(
        _("What was missing"), MissingItem, "opened_at",
        {"asked": lambda at: Q(), "arrived": lambda at: Q(settled_at__isnull=False)},
        {"kind": "kind_id", "for": "lead__milestone__service_id"},
    ),
)  # fmt: skip


CUTS = ("owed", "by", "source", "start", "agent")
GOALS_NOTE = _("Goals that began in this period and were met or missed, whenever the lead came in.")


def _span(percentiles: list[float] | None) -> Cell:
    """The one that was asked for, of rows or of none."""
    return span(percentiles[0] if percentiles else None)


def goals(ask: Ask) -> list[Section]:
    """What was owed in the period, and was it done in time? By what was owed, by team, source, hour and agent."""
    names = dict(Owed.choices)
    columns = [_("Owed"), _("Done in time"), _("Done late"), _("Not done")]
    cut = {name: F(CLOCKS.keys.get(name, "lead__milestone__source_id")) for name in CUTS}
    # Once over the rows for all tables: each of them is a sum of these small groups.
    found = list(
        ask.beside(CLOCKS).values(**{f"by_{n}": column for n, column in cut.items()}).annotate(**counts(ask, CLOCKS))
    )
    sections = []
    for title, first, name, name_of in (
        (_("Goals, by what was owed"), _("Owed"), "owed", lambda key: str(names.get(key, key))),
        (_("Goals, by team"), _("Team"), "by", lambda key: ask.name_of("team", key)),
        (_("Goals, by source"), _("Source"), "source", lambda key: ask.name_of("source", key)),
        (_("Goals, by the hour they began"), _("Your time"), "start", hour_name),
        (_("Goals, by agent"), _("Agent"), "agent", lambda key: ask.name_of("owner", key)),
    ):
        groups = _summed(found, f"by_{name}", CLOCKS.parts)
        rows = [
            Row(
                name_of(g["key"]),
                [
                    number(g["all"], ask.link("clocks.all", **{name: g["key"]})),
                    share(g["in_time"], g["all"], ask.link("clocks.in_time", **{name: g["key"]})),
                    number(g["late"], ask.link("clocks.late", **{name: g["key"]})),
                    number(g["undone"], ask.link("clocks.undone", **{name: g["key"]})),
                ],
            )
            for g in sorted(groups, key=lambda g: g["key"] if name == "start" else -g["all"])
        ]
        empty = _("No goal that began in this period was met or missed yet.")
        sections.append(Section(title, columns, rows, GOALS_NOTE, first, empty))
    return sections


def _summed(groups: Sequence[Mapping[str, object]], name: str, parts: Iterable[str]) -> list[dict[str, object]]:
    """These groups by one of their keys."""
    found: dict[object, Counter[str]] = defaultdict(Counter)
    for group in groups:
        found[group[name]].update({part: group[part] for part in parts})
    return [{"key": key, **{part: sums[part] for part in parts}} for key, sums in found.items()]


def handoffs(ask: Ask) -> list[Section]:
    """Handoffs offered in the period: accepted how fast, returned why; and who was given once more."""
    offered = ask.beside(HANDOFFS)
    gap = seconds_between("offered_at", "accepted_at")
    groups = offered.values("to_team_id").annotate(
        **counts(ask, HANDOFFS), half=Percentiles(gap, 0.5, filter=Q(accepted_at__isnull=False))
    )
    rows = [
        Row(
            ask.name_of("team", g["to_team_id"]),
            [
                number(g["offered"], ask.link("handoffs.offered", taker=g["to_team_id"])),
                share(g["accepted"], g["offered"], ask.link("handoffs.accepted", taker=g["to_team_id"])),
                _span(g["half"]),
                share(g["returned"], g["offered"], ask.link("handoffs.returned", taker=g["to_team_id"])),
            ],
        )
        for g in groups.order_by("-offered")
    ]
    reasons = dict(Handoff._meta.get_field("return_reason").choices)
    back = offered.exclude(return_reason="").values("return_reason").annotate(n=Count("pk")).order_by("-n")
    returned = [
        Row(
            str(reasons.get(g["return_reason"], g["return_reason"])),
            [number(g["n"], ask.link("handoffs.returned", why=g["return_reason"]))],
        )
        for g in back
    ]
    columns = [_("Offered"), _("Accepted"), _("Half of them within"), _("Returned")]
    return [
        Section(
            _("Handoffs"), columns, rows, _("Offered in this period, whenever the lead came in."), _("To"),
            _("Nothing was handed over in this period."),
        ),
        Section(
            _("Returned, and why"), [_("Handoffs")], returned, "", _("Reason"),
            _("No handoff of this period was returned."),
        ),
        *_moves(ask),
    ]  # fmt: skip


def _moves(ask: Ask) -> list[Section]:
    """Leads that were given once more in the period: by the team they left, and why."""
    found = list(ask.beside(MOVES).values(left=F("from_team_id"), why=F("because")).annotate(**counts(ask, MOVES)))
    words = dict(AssignedBecause.choices)
    sections = []
    for title, first, name, key, name_of in (
        (_("Given once more, by team"), _("From"), "left", "left", lambda key: ask.name_of("team", key)),
        (_("Given once more, and why"), _("Why"), "why", "moved_for", lambda key: str(words[key])),
    ):
        rows = [
            Row(
                name_of(g["key"]),
                [
                    number(g["moved"], ask.link("moves.moved", **{key: g["key"]})),
                    share(g["to_other_team"], g["moved"], ask.link("moves.to_other_team", **{key: g["key"]})),
                ],
            )
            for g in sorted(_summed(found, name, MOVES.parts), key=lambda g: -g["moved"])
        ]
        columns = [_("Given once more"), _("to another team")]
        note = _(
            "In this period, whenever the lead came in; not counted is who goes on because the next step is another."
        )
        sections.append(Section(title, columns, rows, note, first, _("No lead was given once more in this period.")))
    return sections


def capacity(ask: Ask) -> list[Section]:
    """How long until a booking, by service; how long leads wait for which document."""
    rows = []
    groups = [g for g in ask.count(("booked", "booking"), by="service") if g["n_booked"]]
    for g in sorted(groups, key=lambda g: -within(g["n_booking"], 50)):
        cells = [number(g["n_booked"], ask.link("booked", service=g["key"]))]
        cells += [span(within(g["n_booking"], part)) for part in PARTS]
        rows.append(Row(ask.name_of("service", g["key"]), cells))
    gap = seconds_between("opened_at", "settled_at")
    items = (
        ask.beside(MISSING)
        .values("kind_id", "kind__name", service=F("lead__milestone__service_id"))
        .annotate(**counts(ask, MISSING), half=Percentiles(gap, 0.5, filter=Q(settled_at__isnull=False)))
    )
    waits = []
    for g in items.order_by("-asked"):
        which = {"kind": g["kind_id"], "for": g["service"]}
        cells = [
            number(g["asked"], ask.link("missing.asked", **which)),
            share(g["arrived"], g["asked"], ask.link("missing.arrived", **which)),
            _span(g["half"]),
        ]
        waits.append(Row(f"{g['kind__name']} · {ask.name_of('service', g['service'])}", cells))
    return [
        Section(
            _("Days to book"),
            [_("Booked"), _("Half within"), _("Nine of ten within")],
            rows,
            STEPS_NOTE,
            _("Service"),
            _("Nothing was booked by leads of this period."),
        ),
        Section(
            _("Waiting for what is missing"),
            [_("Asked for"), _("Arrived"), _("Half of them within")],
            waits,
            _("Asked for in this period, whenever the lead came in."),
            _("What"),
            _("Nothing was asked for in this period."),
        ),
    ]
