"""What do teams, handoffs, capacity, sequences and permissions do to leads? Reports over the rooms' own rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Aggregate,
    Count,
    DurationField,
    Exists,
    Expression,
    ExpressionWrapper,
    F,
    FloatField,
    Max,
    OuterRef,
    Q,
    QuerySet,
)
from django.db.models.functions import Coalesce, Extract
from django.utils.translation import gettext_lazy as _

from consent.lifecycle import AttemptState
from consent.models import Attempt, ConsentEvent
from consent.vocabulary import WITHDRAWN
from leads.measures import MEASURES, Beside, register
from leads.models import Inquiry, Lead, MissingItem
from leads.summaries import within
from medcrm.reports.ask import Ask
from medcrm.reports.people import NOBODY, PARTS, STEPS_NOTE, hour_name, of_sources
from medcrm.reports.table import Cell, Row, Section, number, share, span
from nurture.lifecycle import REACHED
from nurture.models import Enrollment, Message, Skip
from nurture.models import Sequence as NurtureSequence
from nurture.vocabulary import ExitCode, Medium
from routing.models import Clock, Handoff
from routing.vocabulary import Owed

ON_ITS_WAY = (AttemptState.HANDED_OVER, AttemptState.SENT, AttemptState.UNKNOWN)


class Percentiles(Aggregate):
    """The values below which these parts of the rows lie, in their order, from one sort; None of no rows."""

    function = "percentile_cont"
    template = "%(function)s(ARRAY[%(parts)s]) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = ArrayField(FloatField())

    def __init__(self, expression: Expression, *parts: float, **extra: object) -> None:
        super().__init__(expression, parts=", ".join(map(str, parts)), **extra)


def seconds_between(start: str, end: str) -> Expression:
    gap = ExpressionWrapper(F(end) - F(start), output_field=DurationField())
    return Extract(gap, "epoch")


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
        {"owed": "owed", "by": "team_id", "start": "started_at__hour"},
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
MISSING = register(
    "missing",
    Beside(
        _("What was missing"), MissingItem, "opened_at",
        {"asked": lambda at: Q(), "arrived": lambda at: Q(settled_at__isnull=False)},
        {"kind": "kind_id", "for": "lead__milestone__service_id"},
    ),
)  # fmt: skip


def opted_out(at: datetime) -> Q:
    """The condition that the person withdrew a permission, or did not want to hear about it, while in the sequence.

    Those who ever did are few and looked up first; only their enrollments are compared with when.
    """
    ever = ConsentEvent.objects.filter(kind__in=WITHDRAWN)
    leads = [Lead.objects.filter(**{f"{name}__in": ever.values("address")}).values("pk") for name in ("phone", "email")]
    then = ever.filter(
        Q(address=OuterRef("phone")) | Q(address=OuterRef("email")),
        occurred_at__gte=OuterRef(OuterRef("started_at")),
        occurred_at__lte=Coalesce(OuterRef(OuterRef("ended_at")), at),
    )
    mine = Lead.objects.filter(Exists(then), pk=OuterRef("lead_id"))
    return Q(exit_code=ExitCode.UNWANTED) | (Q(lead__in=leads[0]) | Q(lead__in=leads[1])) & Q(Exists(mine))


ENTRIES = register(
    "entries",
    Beside(
        _("Who entered a sequence"), Enrollment, "started_at",
        {
            "entered": lambda at: Q(),
            "replied": lambda at: Q(exit_code=ExitCode.REPLIED),
            "booked": lambda at: Q(exit_code=ExitCode.BOOKED),
            "opted_out": opted_out,
            "blocked": lambda at: Q(exit_code=ExitCode.NO_CHANNEL),
            "moved": lambda at: Q(exit_code=ExitCode.NO_LONGER_MATCHES),
            "finished": lambda at: Q(state="finished"),
        },
        {"sequence": "sequence__code"}, whole=lambda at: ~Q(state="refused"),
    ),
)  # fmt: skip
MESSAGES = register(
    "messages",
    Beside(
        _("Messages of sequences"), Message, "reserved_at",
        {
            "reserved": lambda at: Q(),
            "left": lambda at: Q(state__in=REACHED),
            "bounced": lambda at: Q(state="bounced"),
            "replied": lambda at: Q(state="replied"),
            "failed": lambda at: Q(state="failed"),
            "unknown": lambda at: Q(state="unknown"),
            "cancelled": lambda at: Q(state="cancelled"),
        },
        {"channel": "step__template__medium"}, lead="enrollment__lead",
    ),
)  # fmt: skip
SKIPS = register(
    "skips",
    Beside(
        _("Skipped and held steps"), Skip, "at",
        {"skipped": lambda at: Q(kind="skipped"), "held": lambda at: Q(kind="held")}, {"code": "code"},
        lead="enrollment__lead",
    ),
)  # fmt: skip


def counts(ask: Ask, beside: Beside) -> dict[str, Count]:
    """One conditional count for each part of the rows."""
    return {part: Count("pk", filter=condition(ask.at) or None) for part, condition in beside.parts.items()}


GOALS_NOTE = _("Goals that began in this period and were met or missed, whenever the lead came in.")


def _span(percentiles: list[float] | None) -> Cell:
    """The one that was asked for, of rows or of none."""
    return span(percentiles[0] if percentiles else None)


def goals(ask: Ask) -> list[Section]:
    """What was owed in the period, and was it done in time? By what was owed, by team, source and hour."""
    names = dict(Owed.choices)
    columns = [_("Owed"), _("Done in time"), _("Done late"), _("Not done")]
    cut = {name: F(CLOCKS.keys.get(name, "lead__milestone__source_id")) for name in ("owed", "by", "source", "start")}
    # Once over the rows for all four tables: each of them is a sum of these small groups.
    found = list(
        ask.beside(CLOCKS).values(**{f"by_{n}": column for n, column in cut.items()}).annotate(**counts(ask, CLOCKS))
    )
    sections = []
    for title, first, name, name_of in (
        (_("Goals, by what was owed"), _("Owed"), "owed", lambda key: str(names.get(key, key))),
        (_("Goals, by team"), _("Team"), "by", lambda key: ask.name_of("team", key)),
        (_("Goals, by source"), _("Source"), "source", lambda key: ask.name_of("source", key)),
        (_("Goals, by the hour they began"), _("Your time"), "start", hour_name),
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
    """Handoffs offered in the period: accepted how fast, returned why."""
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
    ]  # fmt: skip


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


LEFT_BY = ("replied", "booked", "opted_out", "blocked", "moved", "finished")


def nurture(ask: Ask) -> list[Section]:
    """What sequences did: who entered, replied, booked, left; what was sent, and what was skipped and why."""
    groups = ask.beside(ENTRIES).values("sequence__code").annotate(**counts(ask, ENTRIES)).order_by("-entered")
    names = dict(NurtureSequence.objects.order_by("version").values_list("code", "name"))
    rows = []
    for g in groups:
        code = g["sequence__code"]
        cells = [number(g["entered"], ask.link("entries.entered", sequence=code))]
        cells += [share(g[part], g["entered"], ask.link(f"entries.{part}", sequence=code)) for part in LEFT_BY]
        rows.append(Row(str(names.get(code, code)), cells))
    columns = [
        _("Entered"), _("Replied"), _("Booked"), _("Opted out"), _("No channel left"), _("Moved on"), _("To the end"),
    ]  # fmt: skip
    return [
        Section(
            _("Sequences"),
            columns,
            rows,
            _("Who entered in this period, whenever the lead came in."),
            _("Sequence"),
            _("Nobody entered a sequence in this period."),
        ),
        _sent(ask),
        _skipped(ask),
    ]


def _sent(ask: Ask) -> Section:
    groups = ask.beside(MESSAGES).values(medium=F("step__template__medium")).annotate(**counts(ask, MESSAGES))
    names = dict(Medium.choices)
    rows = [
        Row(
            str(names.get(g["medium"], g["medium"])),
            [number(g[part], ask.link(f"messages.{part}", channel=g["medium"])) for part in MESSAGES.parts],
        )
        for g in groups.order_by("medium")
    ]
    columns = [
        _("Reserved"), _("Left us"), _("Bounced"), _("Replied to"), _("Did not leave"), _("Uncertain"), _("Cancelled"),
    ]  # fmt: skip
    note = _("Of sequences, reserved in this period, whenever the lead came in.")
    return Section(_("Messages"), columns, rows, note, _("Channel"), _("Nothing was sent in this period."))


def _skipped(ask: Ask) -> Section:
    groups = ask.beside(SKIPS).values("code").annotate(**counts(ask, SKIPS), said=Max("sentence"))
    rows = [
        Row(
            g["said"] or g["code"],
            [number(g[part], ask.link(f"skips.{part}", code=g["code"])) for part in ("skipped", "held")],
        )
        for g in sorted(groups, key=lambda g: -(g["skipped"] + g["held"]))
    ]
    return Section(
        _("Skipped and held steps"),
        [_("Skipped"), _("Held")],
        rows,
        "",
        _("Why"),
        _("No step was skipped or held in this period."),
    )


def _decided(ask: Ask) -> QuerySet[Attempt]:
    return Attempt.objects.filter(ask.period.during("at"))


CONTACTS = {
    "n": Count("pk"),
    "without": Count("pk", filter=Q(state__in=ON_ITS_WAY) & ~Q(kind="allow")),
    "refused": Count("pk", filter=Q(state=AttemptState.REFUSED)),
    "cancelled": Count("pk", filter=Q(state=AttemptState.CANCELLED)),
}


def contacts(ask: Ask) -> dict[str, int]:
    """All contacts that the gate decided in the period, and how."""
    return _decided(ask).aggregate(**CONTACTS)


def permission(ask: Ask) -> list[Section]:
    """Contacts without permission must be none; how fast a withdrawal took effect; how many leads may be contacted."""
    said = Max("sentence", filter=Q(state=AttemptState.REFUSED))
    codes = list(_decided(ask).values("code").annotate(**CONTACTS, said=said))
    total = {part: sum(g[part] for g in codes) for part in CONTACTS}
    gap = seconds_between("occurred_at", "recorded_at")
    late = ConsentEvent.objects.filter(ask.period.during("recorded_at"), kind__in=WITHDRAWN)
    wait = late.aggregate(n=Count("pk"), waits=Percentiles(gap, 0.5, 0.95))
    half, most = wait["waits"] or (None, None)
    figures = [
        Row(str(_("Contacts decided")), [number(total["n"])]),
        Row(str(_("Made without permission")), [number(total["without"])]),
        Row(str(_("Refused by the gate")), [number(total["refused"])]),
        Row(str(_("Cancelled at the last check")), [number(total["cancelled"])]),
        Row(str(_("Withdrawals recorded")), [number(wait["n"])]),
        Row(str(_("Withdrawal to effect: half within")), [span(half)]),
        Row(str(_("Withdrawal to effect: 95 of 100 within")), [span(most)]),
    ]
    refusals = sorted((g for g in codes if g["refused"]), key=lambda g: -g["refused"])
    return [
        Section(_("Permission"), [_("Figure")], figures, _("All contacts of the period, whatever is chosen above.")),
        Section(
            _("Refused, and why"),
            [_("Attempts")],
            [Row(g["said"] or g["code"], [number(g["refused"])]) for g in refusals],
            "",
            _("Why"),
            _("Nothing was refused in this period."),
        ),
        _coverage(ask),
    ]


def _coverage(ask: Ask) -> Section:
    permits = ("may_call", "may_text", "may_mail")
    rows = of_sources(ask, permits)
    columns = [_("Captured"), *(MEASURES[name][0] for name in permits)]
    return Section(_("Permission by source"), columns, rows, "", _("Source"), NOBODY)


def inquiries(ask: Ask) -> Section:
    """Submissions of the period by source: taken in, refused, repeated."""
    rows = (
        Inquiry.objects.filter(ask.period.during("received_at"))
        .values("source_id")
        .annotate(
            n=Count("pk"),
            refused=Count("pk", filter=Q(status=Inquiry.Status.REFUSED)),
            repeat=Count("pk", filter=Q(is_repeat=True)),
        )
    )
    table = [
        Row(
            ask.name_of("source", g["source_id"]),
            [number(g["n"]), share(g["refused"], g["n"]), share(g["repeat"], g["n"])],
        )
        for g in rows.order_by("-n")
    ]
    return Section(
        _("Inquiries"),
        [_("Received"), _("To repair"), _("Repeats")],
        table,
        "",
        _("Source"),
        _("Nothing was received in this period."),
    )
