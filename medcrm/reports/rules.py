"""Which rules, thresholds, sources and services do the figures speak against? The review, as a report shows it.

A review reads every lead of its period, so a worker makes it, every night or when somebody asks, and keeps what it
found as codes, names and counts; the page shows the last one in the reader's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from leads import review
from leads.measures import Period
from leads.models import RuleReview, ScoringModel
from leads.review import GroupFinding, Says
from medcrm.lib.models import VersionStatus
from medcrm.lib.stats import Interval, Share
from medcrm.reports.ask import Ask
from medcrm.reports.table import Cell, Row, Section, number, share
from nurture import review as timing
from routing import review as order

USUAL_DAYS = 365  # leads must be old enough to be judged, so a month would show nothing

WORDS = {
    Says.WORKS: gettext_lazy("works"),
    Says.HARMFUL: gettext_lazy("points the wrong way"),
    Says.USELESS: gettext_lazy("makes no difference"),
    Says.NEVER: gettext_lazy("never fires"),
    Says.ALWAYS: gettext_lazy("always fires"),
    Says.TOO_FEW: gettext_lazy("too few cases"),
    Says.UNCLEAR: gettext_lazy("not clear yet"),
    Says.UNDER: gettext_lazy("falls short"),
    Says.OVER: gettext_lazy("better than expected"),
    Says.AS_EXPECTED: gettext_lazy("as expected"),
    Says.SLOW: gettext_lazy("slow to book"),
    Says.FAST: gettext_lazy("quick to book"),
    Says.TOO_LATE: gettext_lazy("asked too late"),
    Says.BETTER_ELSEWHERE: gettext_lazy("answered more then"),
}

# Making


def ask_for(period: Period, *, by: AbstractBaseUser | None, at: datetime) -> RuleReview:
    """Keep that a review of this period is wanted; one that waits for the same period is not asked for twice."""
    waiting = RuleReview.objects.filter(made_at=None, first=period.first, last=period.last).first()
    return waiting or RuleReview.objects.create(first=period.first, last=period.last, asked_by=by, asked_at=at)


def ask_as_usual(*, at: datetime) -> RuleReview:
    """Ask for the review of every night."""
    today = timezone.localtime(at).date()
    return ask_for(Period(today - timedelta(days=USUAL_DAYS - 1), today), by=None, at=at)


def make_waiting(*, at: datetime) -> int:
    """Make every review that was asked for and that nobody is at; return how many."""
    made = 0
    while _make_one(at=at):
        made += 1
    return made


@transaction.atomic
def _make_one(*, at: datetime) -> bool:
    row = RuleReview.objects.filter(made_at=None).order_by("pk").select_for_update(skip_locked=True).first()
    if row is None:
        return False
    row.found, row.made_at = find(since=Period(row.first, row.last).bounds()[0], at=at), at
    row.save(update_fields=["found", "made_at"])
    return True


def latest() -> RuleReview | None:
    return RuleReview.objects.exclude(made_at=None).order_by("-made_at", "-pk").first()


# Finding: codes, names and counts, as they are kept


def find(*, since: datetime, at: datetime) -> dict[str, object]:
    """Each published scoring model's rules and thresholds, sources, services, routing order and timing. Reads only."""
    models = ScoringModel.objects.filter(status=VersionStatus.PUBLISHED).order_by("lead_type")
    return {
        "models": [_model(model, since, at) for model in models],
        "sources": [_group(f) for f in review.judge_sources(since=since, at=at)],
        "services": [_group(f) for f in review.judge_services(since=since, at=at)],
        "order": [
            {
                "label": f"{f.first.name} → {f.second.name}", "both": _pair(f.both), "other": _pair(f.other),
                "went": f.went,
            } | _said(f)
            for f in order.judge_order(since=since, at=at)
        ],
        "timing": [
            {
                "label": f"{f.step.sequence.name} {f.step.position}: {f.step.template.name}", "what": f.what,
                "planned": f.planned, "usual": _pair(f.usual), "other": f.other, "best": _pair(f.best),
            } | _said(f)
            for f in timing.judge_timing(since=since, at=at)
            if f.usual.of or f.best.of
        ],
    }  # fmt: skip


def _model(model: ScoringModel, since: datetime, at: datetime) -> dict[str, object]:
    found = review.review(model, since=since, at=at)
    return {
        "title": str(model),
        "cases": found.cases,
        "rules": [
            {"label": f"{f.rule.name} ({f.rule.points:+d})", "fired": _pair(f.fired), "other": _pair(f.other)}
            | _said(f)
            for f in found.rules
        ],
        "pairs": [[f"{p.one.name} · {p.other.name}", p.together, p.agreement] for p in found.pairs],
        "cuts": [
            {"name": t.name, "at": t.at, "above": _pair(t.above), "below": _pair(t.below)} | _said(t)
            for t in found.thresholds
        ],
    }


def _group(found: GroupFinding) -> dict[str, object]:
    return {"label": found.name, "share": _pair(found.share), "expected": _pair(found.expected)} | _said(found)


def _pair(part: Share) -> list[int]:
    return [part.hits, part.of]


def _said(found: object) -> dict[str, object]:
    return {"gap": [found.gap.low, found.gap.high], "says": str(found.says), "missing": found.missing}


# Showing


def rules(ask: Ask) -> list[Section]:
    """What the last review found; a sentence where none was made yet."""
    row = latest()
    if row is None:
        empty = _("No review was made yet. One is made every night; ask for one above to have it now.")
        return [Section(_("The review of rules"), [], [], empty=empty)]
    return sections(row.found)


def sections(found: Mapping[str, Sequence[Mapping[str, object]]]) -> list[Section]:
    """What a review found, in the reader's words."""
    made = [section for model in found["models"] for section in _of_model(model)]
    sources = _("Sources against what their intent promises"), _("Source"), _("Converted")
    services = _("Services: booked within two weeks"), _("Service"), _("Within two weeks")
    return [
        *made,
        _groups(found["sources"], *sources),
        _groups(found["services"], *services),
        _order(found["order"]),
        _timing(found["timing"]),
    ]


def _order(found: Sequence[Mapping[str, object]]) -> Section:
    """Pairs of routing rules that mean the same leads, by what the first one's team sent back."""
    rows = [
        Row(f["label"], [number(f["both"][1]), share(*f["both"]), share(*f["other"]), number(f["went"]), *_verdict(f)])
        for f in found
    ]
    columns = [
        _("Leads that both mean"), _("Returned as another team's"), _("of its other leads"),
        _("then went to the second's team"), _("Difference in points"), _("So the second is"),
    ]  # fmt: skip
    note = _("Two rules mean the same lead and the first one asked takes it. Handoffs at least %(days)d days old.") % {
        "days": order.SETTLED_AFTER.days
    }
    empty = _("No two routing rules meant the same lead, so their order changes nothing.")
    return Section(_("Order of routing rules"), columns, rows, note, _("First, second"), empty)


def _timing(found: Sequence[Mapping[str, object]]) -> Section:
    """Each message of a sequence, on the day and at the hours planned and at the best others that were seen."""
    rows = [
        Row(
            f["label"],
            [
                _when(f["what"], f["planned"]), share(*f["usual"]), _when(f["what"], f["other"]), share(*f["best"]),
                *_verdict(f),
            ],
        )
        for f in found
    ]  # fmt: skip
    columns = [
        _("Planned"), _("Answered"), _("Otherwise"), _("Answered then"), _("Difference in points"), _("So it is"),
    ]  # fmt: skip
    note = _(
        "A reply or a booking within %(days)d days and before the next message. Days count from entry; some messages"
        " came on another day or at another hour because hours, limits or weekends held them back."
    ) % {"days": timing.ANSWERED_WITHIN.days}
    empty = _("No message of a sequence is old enough to be judged. Choose a longer period.")
    return Section(_("Timing of sequences"), columns, rows, note, _("Step"), empty)


def _when(what: str, value: str) -> Cell:
    if not value:
        return Cell("–")
    return Cell(_("day %(day)s") % {"day": value} if what == "delay" else value.replace("-", "–"), value=value)


def _of_model(found: Mapping[str, object]) -> list[Section]:
    if not found["cases"]:
        empty = _(
            "No lead that this version was the first to score is %(days)d days old yet. Each rule is judged once"
            " %(least)d leads with it and %(least)d without it are."
        ) % {"days": review.MATURE_AFTER.days, "least": review.LEAST_CASES}
        return [Section(found["title"], [], [], "", "", empty)]
    rows = [
        Row(
            f["label"],
            [
                share(f["fired"][1], found["cases"]), share(*f["fired"]), share(*f["other"]),
                _lift(Share(*f["fired"]), Share(*f["other"])), *_verdict(f),
            ],
        )
        for f in found["rules"]
    ]  # fmt: skip
    columns = [
        _("Fires"), _("Converted with it"), _("without it"), _("Times as often"), _("Difference in points"), _("So it"),
    ]  # fmt: skip
    note = _(
        "%(n)s leads that this version scored first, at least %(days)d days old. %(sure)d %% sure, all lines together;"
        " nothing is said of fewer than %(least)d cases."
    ) % {
        "n": f"{found['cases']:,}",
        "days": review.MATURE_AFTER.days,
        "sure": round(100 * review.CONFIDENCE),
        "least": review.LEAST_CASES,
    }
    pairs = [
        Row(label, [Cell(f"{together:,}", value=together), Cell(f"{agreement:.2f}")])
        for label, together, agreement in found["pairs"]
    ]
    cuts = [
        Row(
            f"{_('High from') if f['name'] == 'high_from' else _('Medium from')} {f['at']}",
            [share(*f["above"]), share(*f["below"]), *_verdict(f)],
        )
        for f in found["cuts"]
    ]
    made = [Section(found["title"], columns, rows, note, _("Rule"), _("This model has no rules."))]
    if pairs:
        made.append(Section(_("Rules that say the same"), [_("Together"), _("Agreement")], pairs, "", _("Rules")))
    above = [_("Converted just above"), _("just below"), _("Difference in points"), _("So it")]
    return [*made, Section(_("Thresholds of this model"), above, cuts, "", _("Threshold"))]


def _lift(fired: Share, other: Share) -> Cell:
    """How many times as often leads convert with the rule as without it."""
    if fired.rate is None or not other.rate:
        return Cell("–")
    return Cell(f"×{fired.rate / other.rate:.2f}", value=fired.rate / other.rate)


def _groups(found: Sequence[Mapping[str, object]], title: str, first: str, what: str) -> Section:
    rows = [Row(f["label"], [share(*f["share"]), share(*f["expected"]), *_verdict(f)]) for f in found]
    columns = [what, _("its peers"), _("Difference in points"), _("So it is")]
    empty = _("No lead of this period is old enough to be judged. Choose a longer one.")
    return Section(title, columns, rows, "", first, empty)


def _verdict(found: Mapping[str, object]) -> list[Cell]:
    """The interval of the gap, and what it says or how many cases are missing."""
    says, missing, gap = str(found["says"]), found["missing"], Interval(*found["gap"])
    if says == Says.TOO_FEW:
        apart = Cell("–")
    else:
        apart = Cell(f"{100 * gap.low:+.1f} … {100 * gap.high:+.1f}", value=f"{gap.low:.4f}..{gap.high:.4f}")
    words = str(WORDS[says])
    if missing:
        words = f"{words} ({_('%(n)s more needed') % {'n': f'{missing:,}'}})"
    return [apart, Cell(words, value=says)]
