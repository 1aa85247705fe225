"""Which rules, thresholds, sources and services do the figures speak against? The review, as a report shows it."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from leads import review
from leads.models import ScoringModel
from leads.review import GroupFinding, Says
from medcrm.lib.models import VersionStatus
from medcrm.lib.stats import Interval
from medcrm.reports.ask import Ask
from medcrm.reports.table import Cell, Row, Section, number, share
from nurture import review as timing
from routing import review as order

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


def rules(ask: Ask) -> list[Section]:
    """Each published scoring model's rules and thresholds, each source, each service, by what became of the leads."""
    since = ask.period.bounds()[0]
    sections: list[Section] = []
    for model in ScoringModel.objects.filter(status=VersionStatus.PUBLISHED).order_by("lead_type"):
        sections += _of_model(model, ask)
    sections.append(
        _groups(
            review.judge_sources(since=since, at=ask.at),
            _("Sources against what their intent promises"),
            _("Source"),
            _("Converted"),
        )
    )
    sections.append(
        _groups(
            review.judge_services(since=since, at=ask.at),
            _("Services: booked within two weeks"),
            _("Service"),
            _("Within two weeks"),
        )
    )
    return [*sections, _order(ask), _timing(ask)]


def _order(ask: Ask) -> Section:
    """Pairs of routing rules that mean the same leads, by what the first one's team sent back."""
    rows = [
        Row(
            f"{f.first.name} → {f.second.name}",
            [
                number(f.both.of),
                share(f.both.hits, f.both.of),
                share(f.other.hits, f.other.of),
                number(f.went),
                _gap(f.gap, f.says),
                _says(f.says, f.missing),
            ],
        )
        for f in order.judge_order(since=ask.period.bounds()[0], at=ask.at)
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


def _timing(ask: Ask) -> Section:
    """Each message of a sequence, on the day and at the hours planned and at the best others that were seen."""
    rows = [
        Row(
            f"{f.step.sequence.name} {f.step.position}: {f.step.template.name}",
            [
                _when(f.what, f.planned),
                share(f.usual.hits, f.usual.of),
                _when(f.what, f.other),
                share(f.best.hits, f.best.of),
                _gap(f.gap, f.says),
                _says(f.says, f.missing),
            ],
        )
        for f in timing.judge_timing(since=ask.period.bounds()[0], at=ask.at)
        if f.usual.of or f.best.of
    ]
    columns = [
        _("Planned"),
        _("Answered"),
        _("Otherwise"),
        _("Answered then"),
        _("Difference in points"),
        _("So it is"),
    ]
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


def _of_model(model: ScoringModel, ask: Ask) -> list[Section]:
    found = review.review(model, since=ask.period.bounds()[0], at=ask.at)
    rows = [
        Row(
            f"{f.rule.name} ({f.rule.points:+d})",
            [
                share(f.fired.of, found.cases),
                share(f.fired.hits, f.fired.of),
                share(f.other.hits, f.other.of),
                Cell(f"×{f.lift:.2f}" if f.lift is not None else "–", value=f.lift),
                _gap(f.gap, f.says),
                _says(f.says, f.missing),
            ],
        )
        for f in found.rules
    ]
    if not found.cases:
        empty = _(
            "No lead that this version was the first to score is %(days)d days old yet. Each rule is judged once"
            " %(least)d leads with it and %(least)d without it are."
        ) % {"days": review.MATURE_AFTER.days, "least": review.LEAST_CASES}
        return [Section(str(model), [], [], "", "", empty)]
    columns = [
        _("Fires"), _("Converted with it"), _("without it"), _("Times as often"), _("Difference in points"), _("So it"),
    ]  # fmt: skip
    note = _(
        "%(n)s leads that this version scored first, at least %(days)d days old. %(sure)d %% sure, all lines together;"
        " nothing is said of fewer than %(least)d cases."
    ) % {
        "n": f"{found.cases:,}",
        "days": review.MATURE_AFTER.days,
        "sure": round(100 * review.CONFIDENCE),
        "least": review.LEAST_CASES,
    }
    pairs = [
        Row(f"{p.one.name} · {p.other.name}", [Cell(f"{p.together:,}", value=p.together), Cell(f"{p.agreement:.2f}")])
        for p in found.pairs
    ]
    cuts = [
        Row(
            f"{_('High from') if t.name == 'high_from' else _('Medium from')} {t.at}",
            [
                share(t.above.hits, t.above.of),
                share(t.below.hits, t.below.of),
                _gap(t.gap, t.says),
                _says(t.says, t.missing),
            ],
        )
        for t in found.thresholds
    ]
    made = [Section(str(model), columns, rows, note, _("Rule"), _("This model has no rules."))]
    if pairs:
        made.append(Section(_("Rules that say the same"), [_("Together"), _("Agreement")], pairs, "", _("Rules")))
    above = [_("Converted just above"), _("just below"), _("Difference in points"), _("So it")]
    return [*made, Section(_("Thresholds of this model"), above, cuts, "", _("Threshold"))]


def _groups(found: list[GroupFinding], title: str, first: str, what: str) -> Section:
    rows = [
        Row(
            f.name,
            [
                share(f.share.hits, f.share.of),
                share(f.expected.hits, f.expected.of),
                _gap(f.gap, f.says),
                _says(f.says, f.missing),
            ],
        )
        for f in found
    ]
    return Section(
        title,
        [what, _("its peers"), _("Difference in points"), _("So it is")],
        rows,
        "",
        first,
        _("No lead of this period is old enough to be judged. Choose a longer one."),
    )


def _gap(gap: Interval, says: str) -> Cell:
    if says == Says.TOO_FEW:
        return Cell("–")
    return Cell(f"{100 * gap.low:+.1f} … {100 * gap.high:+.1f}", value=f"{gap.low:.4f}..{gap.high:.4f}")


def _says(code: str, missing: int) -> Cell:
    if not missing:
        return Cell(str(WORDS[code]), value=code)
    return Cell(f"{WORDS[code]} ({_('%(n)s more needed') % {'n': f'{missing:,}'}})", value=code)
