"""What do teams, handoffs, capacity, sequences and permissions do to leads? Reports over the rooms' own rows."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import Count, Exists, ExpressionWrapper, F, FloatField, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from consent.lifecycle import AttemptState
from consent.models import Attempt, ConsentEvent, Permission
from consent.models.ledger import PermissionState
from consent.vocabulary import Channel, EventKind
from leads.measures import DIMENSIONS
from leads.models import Inquiry, MissingItem
from medcrm.reports.ask import Ask
from medcrm.reports.people import Percentile, seconds_between
from medcrm.reports.table import Row, Section, number, share, span
from nurture.lifecycle import REACHED
from nurture.models import Enrollment, Message, Skip
from nurture.vocabulary import ExitCode
from routing.models import Clock, Handoff
from routing.vocabulary import Owed

ON_ITS_WAY = (AttemptState.HANDED_OVER, AttemptState.SENT, AttemptState.UNKNOWN)
WITHDRAWN = (EventKind.REVOKE, EventKind.INTERNAL_DNC, EventKind.EMAIL_UNSUB)


def _of(ask: Ask, path: str) -> Q:
    """The dimensions the reader chose, asked of rows whose lead's milestone is at `path`; tests are left out."""
    chosen = Q(**{f"{path}left_out": ""})
    for name, value in ask.narrowed.items():
        chosen &= Q(**{f"{path}{DIMENSIONS[name][1]}": value})
    return chosen


def goals(ask: Ask) -> list[Section]:
    """What was owed in the period, and was it done in time? By what was owed and by team."""
    clocks = Clock.objects.filter(ask.period.during("started_at"), _of(ask, "lead__milestone__")).filter(
        Q(met_at__isnull=False) | Q(breached_at__isnull=False) | Q(due_at__lt=ask.at, ended_at__isnull=True)
    )
    figures = {
        "n": Count("pk"),
        "in_time": Count("pk", filter=Q(met_at__lte=F("due_at"))),
        "late": Count("pk", filter=Q(met_at__gt=F("due_at"))),
    }
    names = dict(Owed.choices)
    sections = []
    for title, first, column, name_of in (
        (_("Goals, by what was owed"), _("Owed"), "owed", lambda key: str(names.get(key, key))),
        (_("Goals, by team"), _("Team"), "team_id", lambda key: ask.name_of("team", key)),
        (_("Goals, by source"), _("Source"), "lead__source_id", lambda key: ask.name_of("source", key)),
    ):
        groups = clocks.values(key=F(column)).annotate(**figures).order_by("-n")
        rows = [
            Row(
                name_of(g["key"]),
                [
                    number(g["n"]),
                    share(g["in_time"], g["n"]),
                    number(g["late"]),
                    number(g["n"] - g["in_time"] - g["late"]),
                ],
            )
            for g in groups
        ]
        columns = [_("Owed"), _("Done in time"), _("Done late"), _("Not done")]
        sections.append(Section(title, columns, rows, "", first, _("Nothing fell due in this period.")))
    return sections


def handoffs(ask: Ask) -> list[Section]:
    """Handoffs offered in the period: accepted how fast, returned why."""
    offered = Handoff.objects.filter(ask.period.during("offered_at"), _of(ask, "lead__milestone__"))
    gap = seconds_between("offered_at", "accepted_at")
    groups = offered.values("to_team_id").annotate(
        n=Count("pk"),
        accepted=Count("pk", filter=Q(accepted_at__isnull=False)),
        returned=Count("pk", filter=Q(returned_at__isnull=False)),
        half=Percentile(gap, 0.5, filter=Q(accepted_at__isnull=False)),
    )
    rows = [
        Row(
            ask.name_of("team", g["to_team_id"]),
            [number(g["n"]), share(g["accepted"], g["n"]), span(g["half"]), share(g["returned"], g["n"])],
        )
        for g in groups.order_by("-n")
    ]
    reasons = dict(Handoff._meta.get_field("return_reason").choices)
    back = offered.exclude(return_reason="").values("return_reason").annotate(n=Count("pk")).order_by("-n")
    columns = [_("Offered"), _("Accepted"), _("Half of them within"), _("Returned")]
    return [
        Section(_("Handoffs"), columns, rows, "", _("To"), _("Nothing was handed over in this period.")),
        Section(
            _("Returned, and why"),
            [_("Handoffs")],
            [Row(str(reasons.get(g["return_reason"], g["return_reason"])), [number(g["n"])]) for g in back],
            "",
            _("Reason"),
            _("No handoff was returned."),
        ),
    ]


def capacity(ask: Ask) -> list[Section]:
    """How long until a booking, by service; how long leads wait for which document."""
    days = ExpressionWrapper(seconds_between("captured_at", "booked_at"), output_field=FloatField())
    booked = ask.leads().filter(booked_at__isnull=False).values("service_id")
    groups = booked.annotate(n=Count("pk"), half=Percentile(days, 0.5), most=Percentile(days, 0.9)).order_by("-half")
    rows = [
        Row(
            ask.name_of("service", g["service_id"]),
            [number(g["n"], ask.link("booked", service=g["service_id"])), span(g["half"]), span(g["most"])],
        )
        for g in groups
    ]
    gap = seconds_between("opened_at", "settled_at")
    asked = MissingItem.objects.filter(ask.period.during("opened_at"), _of(ask, "lead__milestone__"))
    items = asked.values("kind__name", "lead__service_id").annotate(
        n=Count("pk"),
        settled=Count("pk", filter=Q(settled_at__isnull=False)),
        half=Percentile(gap, 0.5, filter=Q(settled_at__isnull=False)),
    )
    waits = [
        Row(
            f"{g['kind__name']} · {ask.name_of('service', g['lead__service_id'])}",
            [number(g["n"]), share(g["settled"], g["n"]), span(g["half"])],
        )
        for g in items.order_by("-n")
    ]
    return [
        Section(
            _("Days to book"),
            [_("Booked"), _("Half within"), _("Nine of ten within")],
            rows,
            "",
            _("Service"),
            _("Nothing was booked by leads of this period."),
        ),
        Section(
            _("Waiting for what is missing"),
            [_("Asked for"), _("Arrived"), _("Half of them within")],
            waits,
            "",
            _("What"),
            _("Nothing was missing."),
        ),
    ]


def nurture(ask: Ask) -> list[Section]:
    """What sequences did: who entered, replied, booked, left; what was sent, and what was skipped and why."""
    entered = Enrollment.objects.filter(ask.period.during("started_at"), _of(ask, "lead__milestone__"))
    groups = (
        entered.exclude(state="refused")
        .values("sequence__code")
        .annotate(
            n=Count("pk"),
            replied=Count("pk", filter=Q(exit_code=ExitCode.REPLIED)),
            booked=Count("pk", filter=Q(exit_code=ExitCode.BOOKED)),
            blocked=Count("pk", filter=Q(exit_code=ExitCode.NO_CHANNEL)),
            moved=Count("pk", filter=Q(exit_code=ExitCode.NO_LONGER_MATCHES)),
            finished=Count("pk", filter=Q(state="finished")),
        )
        .order_by("-n")
    )
    names = dict(Enrollment.objects.values_list("sequence__code", "sequence__name").distinct())
    rows = [
        Row(
            str(names.get(g["sequence__code"], g["sequence__code"])),
            [number(g["n"])]
            + [share(g[name], g["n"]) for name in ("replied", "booked", "blocked", "moved", "finished")],
        )
        for g in groups
    ]
    columns = [_("Entered"), _("Replied"), _("Booked"), _("No channel left"), _("Moved on"), _("To the end")]
    return [
        Section(_("Sequences"), columns, rows, "", _("Sequence"), _("Nobody entered a sequence in this period.")),
        _sent(ask),
        _skipped(ask),
    ]


def _sent(ask: Ask) -> Section:
    messages = Message.objects.filter(ask.period.during("reserved_at"), _of(ask, "enrollment__lead__milestone__"))
    groups = messages.values("attempt__channel", "state").annotate(n=Count("pk"))
    table: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for g in groups:
        table[g["attempt__channel"]][g["state"]] += g["n"]
    rows = [
        Row(
            str(Channel(channel).label),
            [
                number(sum(found.values())),
                number(sum(found[state] for state in REACHED)),
                *(number(found[state]) for state in ("bounced", "replied", "failed", "unknown", "cancelled")),
            ],
        )
        for channel, found in sorted(table.items())
    ]
    columns = [
        _("Reserved"), _("Left us"), _("Bounced"), _("Replied to"), _("Did not leave"), _("Uncertain"), _("Cancelled"),
    ]  # fmt: skip
    return Section(_("Messages"), columns, rows, "", _("Channel"), _("Nothing was sent in this period."))


def _skipped(ask: Ask) -> Section:
    skips = Skip.objects.filter(ask.period.during("at"), _of(ask, "enrollment__lead__milestone__"))
    groups = skips.values("code").annotate(
        skipped=Count("pk", filter=Q(kind="skipped")), held=Count("pk", filter=Q(kind="held"))
    )
    said = dict(skips.order_by("code", "pk").values_list("code", "sentence"))
    rows = [
        Row(said.get(g["code"], g["code"]), [number(g["skipped"]), number(g["held"])])
        for g in sorted(groups, key=lambda g: -(g["skipped"] + g["held"]))
    ]
    return Section(
        _("Skipped and held steps"), [_("Skipped"), _("Held")], rows, "", _("Why"), _("No step was skipped or held.")
    )


def permission(ask: Ask) -> list[Section]:
    """Contacts without permission must be none; how fast a withdrawal took effect; how many leads may be contacted."""
    made = Attempt.objects.filter(ask.period.during("at"))
    total = made.aggregate(
        n=Count("pk"),
        without=Count("pk", filter=Q(state__in=ON_ITS_WAY) & ~Q(kind="allow")),
        refused=Count("pk", filter=Q(state=AttemptState.REFUSED)),
        cancelled=Count("pk", filter=Q(state=AttemptState.CANCELLED)),
    )
    gap = seconds_between("occurred_at", "recorded_at")
    late = ConsentEvent.objects.filter(ask.period.during("recorded_at"), kind__in=[k.value for k in WITHDRAWN])
    wait = late.aggregate(n=Count("pk"), half=Percentile(gap, 0.5), most=Percentile(gap, 0.95))
    figures = [
        Row(str(_("Contacts decided")), [number(total["n"])]),
        Row(str(_("Made without permission")), [number(total["without"])]),
        Row(str(_("Refused by the gate")), [number(total["refused"])]),
        Row(str(_("Cancelled at the last check")), [number(total["cancelled"])]),
        Row(str(_("Withdrawals recorded")), [number(wait["n"])]),
        Row(str(_("Withdrawal to effect: half within")), [span(wait["half"])]),
        Row(str(_("Withdrawal to effect: 95 of 100 within")), [span(wait["most"])]),
    ]
    refusals = made.filter(state=AttemptState.REFUSED).values("code").annotate(n=Count("pk")).order_by("-n")
    said = dict(
        made.filter(state=AttemptState.REFUSED).values_list("code", "sentence").distinct("code").order_by("code")
    )
    return [
        Section(_("Permission"), [_("Figure")], figures, _("All contacts of the period, whatever is chosen above.")),
        Section(
            _("Refused, and why"),
            [_("Attempts")],
            [Row(said.get(g["code"], g["code"]), [number(g["n"])]) for g in refusals],
            "",
            _("Why"),
            _("Nothing was refused."),
        ),
        _coverage(ask),
    ]


def _coverage(ask: Ask) -> Section:
    granted = Permission.objects.filter(state=PermissionState.GRANTED)
    held = {
        "voice": Exists(granted.filter(channel="voice", address=OuterRef("lead__phone"))),
        "sms": Exists(granted.filter(channel="sms", address=OuterRef("lead__phone"))),
        "email": Exists(granted.filter(channel="email", address=OuterRef("lead__email"))),
    }
    groups = (
        ask.leads()
        .values("source_id")
        .annotate(n=Count("pk"), **{name: Count("pk", filter=condition) for name, condition in held.items()})
    )
    rows = [
        Row(ask.name_of("source", g["source_id"]), [number(g["n"]), *(share(g[name], g["n"]) for name in held)])
        for g in groups.order_by("-n")
    ]
    columns = [_("Captured"), _("May be called"), _("May be texted"), _("May be mailed")]
    return Section(_("Permission by source"), columns, rows, "", _("Source"), _("Nobody was captured."))


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
        _("Inquiries"), [_("Received"), _("To repair"), _("Repeats")], table, "", _("Source"), _("None in this period.")
    )
