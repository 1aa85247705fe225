"""What do sequences and permissions do to leads? Who was written to, who left how, what was refused and why."""

from __future__ import annotations

from datetime import datetime

from django.db.models import BooleanField, Count, Exists, F, Func, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from consent.lifecycle import AttemptState
from consent.models import Attempt, ConsentEvent
from consent.vocabulary import AUTOMATED_VOICE, REPLIES, WITHDRAWN, Channel
from leads.measures import MEASURES, Beside, register
from leads.models import Inquiry, Lead
from medcrm.reports.ask import Ask
from medcrm.reports.counting import Percentiles, counts, seconds_between
from medcrm.reports.people import NOBODY, of_sources
from medcrm.reports.table import Row, Section, number, share, span
from nurture.lifecycle import REACHED
from nurture.models import Enrollment, Message, Skip
from nurture.models import Sequence as NurtureSequence
from nurture.vocabulary import ExitCode, Medium

ON_ITS_WAY = (AttemptState.HANDED_OVER, AttemptState.SENT, AttemptState.UNKNOWN)


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


class IsOutsideHours(Func):
    """Whether a frozen decision names a zone where it was before 8 am, or 9 pm or later."""

    template = (
        "EXISTS (SELECT FROM jsonb_array_elements_text(%(expressions)s #> '{decision,local_times}') AS local (moment)"
        " WHERE substr(moment, 12, 5) NOT BETWEEN '08:00' AND '20:59')"
    )
    output_field = BooleanField()


# The basis is read of calls alone, which are few among the contacts.
CALLED = Q(state__in=ON_ITS_WAY, channel__in=[Channel.VOICE_MANUAL, *sorted(AUTOMATED_VOICE)]) & ~Q(purpose__in=REPLIES)
CONTACTS = {
    "n": Count("pk"),
    "without": Count("pk", filter=Q(state__in=ON_ITS_WAY) & ~Q(kind="allow")),
    "outside": Count("pk", filter=CALLED & Q(IsOutsideHours("basis"))),
    "refused": Count("pk", filter=Q(state=AttemptState.REFUSED)),
    "cancelled": Count("pk", filter=Q(state=AttemptState.CANCELLED)),
}


def contacts(ask: Ask) -> dict[str, int]:
    """All contacts that the gate decided in the period, and how."""
    return _decided(ask).aggregate(**CONTACTS)


def permission(ask: Ask) -> list[Section]:
    """Contacts without permission and calls outside the hours must be none; how fast a withdrawal took effect; how
    many leads may be contacted."""
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
        Row(str(_("Calls outside 8 am to 9 pm where the person is")), [number(total["outside"])]),
        Row(str(_("Not permitted")), [number(total["refused"])]),
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
