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
from medcrm.reports.table import Cell, Row, Section, share

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
    return sections


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
                _gap(f.gap),
                _says(f.says, f.missing),
            ],
        )
        for f in found.rules
    ]
    columns = [_("Fires"), _("Converted with it"), _("without it"), _("Lift"), _("Gap between"), _("So it")]
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
            [share(t.above.hits, t.above.of), share(t.below.hits, t.below.of), _gap(t.gap), _says(t.says, t.missing)],
        )
        for t in found.thresholds
    ]
    made = [Section(str(model), columns, rows, note, _("Rule"), _("This model has no rules."))]
    if pairs:
        made.append(Section(_("Rules that say the same"), [_("Together"), _("Agreement")], pairs, "", _("Rules")))
    above = [_("Converted just above"), _("just below"), _("Gap between"), _("So it")]
    return [*made, Section(_("Thresholds of this model"), above, cuts, "", _("Threshold"))]


def _groups(found: list[GroupFinding], title: str, first: str, what: str) -> Section:
    rows = [
        Row(
            f.name,
            [
                share(f.share.hits, f.share.of),
                share(f.expected.hits, f.expected.of),
                _gap(f.gap),
                _says(f.says, f.missing),
            ],
        )
        for f in found
    ]
    return Section(
        title, [what, _("its peers"), _("Gap between"), _("So it is")], rows, "", first, _("Nothing to judge.")
    )


def _gap(gap: Interval) -> Cell:
    if gap.high - gap.low >= 2:
        return Cell("–")
    return Cell(f"{100 * gap.low:+.1f} … {100 * gap.high:+.1f}", value=f"{gap.low:.4f}..{gap.high:.4f}")


def _says(code: str, missing: int) -> Cell:
    if not missing:
        return Cell(str(WORDS[code]), value=code)
    return Cell(f"{WORDS[code]} ({_('%(n)s more needed') % {'n': f'{missing:,}'}})", value=code)
