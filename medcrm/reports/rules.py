"""Which rules, thresholds, sources and services do the figures speak against? The last review in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import django_filters
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from leads import review
from leads.models import ServiceLine, Source
from leads.review import Says
from medcrm.lib.stats import Interval, Share
from medcrm.reports.ask import ALL, Ask, rows_of
from medcrm.reports.reviewing import ABOUT, latest
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

UNREMARKABLE = (Says.WORKS, Says.AS_EXPECTED, Says.TOO_FEW, Says.UNCLEAR)  # nobody has to do anything about it
KINDS = [
    ("rules", gettext_lazy("Scoring rules")),
    ("pairs", gettext_lazy("Rules that say the same")),
    ("cuts", gettext_lazy("Thresholds")),
    ("sources", gettext_lazy("Sources")),
    ("services", gettext_lazy("Services")),
    ("order", gettext_lazy("Order of routing rules")),
    ("timing", gettext_lazy("Timing of sequences")),
]


class FindingFilter(django_filters.FilterSet):
    """Which findings of the last review are shown; it narrows what was kept, so that nothing is filtered by itself."""

    kind = django_filters.ChoiceFilter(label=gettext_lazy("Kind of rule"), choices=KINDS, empty_label=ALL)
    source = django_filters.ChoiceFilter(
        label=gettext_lazy("About the source"), empty_label=ALL, choices=lambda: rows_of(Source)
    )
    service = django_filters.ChoiceFilter(
        label=gettext_lazy("About the service"), empty_label=ALL, choices=lambda: rows_of(ServiceLine)
    )
    finding = django_filters.BooleanFilter(
        label=gettext_lazy("Only what the figures contradict"), widget=forms.CheckboxInput
    )

    @property
    def chosen(self) -> dict[str, str]:
        """What is chosen, without what is wrong in it."""
        self.form.is_valid()
        return {name: str(value) for name, value in getattr(self.form, "cleaned_data", {}).items() if value}


def rules(ask: Ask) -> list[Section]:
    """What the last review found; a sentence where none was made yet."""
    row = latest()
    if row is None:
        empty = _("No review was made yet. One is made every night; ask for one above to have it now.")
        return [Section(_("The review of rules"), [], [], empty=empty)]
    return sections(row.found, ask.narrowed)


def sections(
    found: Mapping[str, Sequence[Mapping[str, object]]], narrowed: Mapping[str, str] | None = None
) -> list[Section]:
    """What a review found, in the reader's words: all of it, or of one kind, source or service, or what stands out."""
    asked = narrowed or {}
    sources = _("Sources against what their intent promises"), _("Source"), _("Converted")
    services = _("Services: booked within two weeks"), _("Service"), _("Within two weeks")
    made = [(kind, section) for model in found["models"] for kind, section in _of_model(model, asked)]
    made += [
        ("sources", _groups(_asked(found["sources"], asked), *sources)),
        ("services", _groups(_asked(found["services"], asked), *services)),
        ("order", _order(_asked(found["order"], asked))),
        ("timing", _timing(_asked(found["timing"], asked))),
    ]
    if not asked:
        return [section for _kind, section in made]
    kept = [section for kind, section in made if section.rows and asked.get("kind", kind) == kind]
    empty = _("The last review says nothing about what is chosen above. Clear it to see everything.")
    return kept or [Section(_("The review of rules"), [], [], empty=empty)]


def _asked(found: Sequence[Mapping[str, object]], asked: Mapping[str, str]) -> Sequence[Mapping[str, object]]:
    """The findings that the reader asks for."""
    return [
        f
        for f in found
        if all(asked[name] in f.get(name, ()) for name in ABOUT if name in asked)
        and not ("finding" in asked and f.get("says") in UNREMARKABLE)
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
    empty = _("No message that was reviewed is %(days)d days old yet.") % {"days": timing.ANSWERED_WITHIN.days}
    return Section(_("Timing of sequences"), columns, rows, note, _("Step"), empty)


def _when(what: str, value: str) -> Cell:
    if not value:
        return Cell("–")
    return Cell(_("day %(day)s") % {"day": value} if what == "delay" else value.replace("-", "–"), value=value)


def _of_model(found: Mapping[str, object], asked: Mapping[str, str]) -> list[tuple[str, Section]]:
    if not found["cases"]:
        empty = _(
            "No lead that this version was the first to score is %(days)d days old yet. Each rule is judged once"
            " %(least)d leads with it and %(least)d without it are."
        ) % {"days": review.MATURE_AFTER.days, "least": review.LEAST_CASES}
        return [("rules", Section(found["title"], [], [], "", "", empty))]
    made = [("rules", _rules(found, asked))]
    if pairs := [
        Row(f["label"], [number(f["together"]), Cell(f"{f['agreement']:.2f}")]) for f in _asked(found["pairs"], asked)
    ]:
        same = Section(_("Rules that say the same"), [_("Together"), _("Agreement")], pairs, "", _("Rules"))
        made.append(("pairs", same))
    return [*made, ("cuts", _cuts(found, asked))]


def _rules(found: Mapping[str, object], asked: Mapping[str, str]) -> Section:
    """What becomes of the leads with each rule, beside those without it."""
    rows = [
        Row(
            f["label"],
            [
                share(f["fired"][1], found["cases"]), share(*f["fired"]), share(*f["other"]),
                _lift(Share(*f["fired"]), Share(*f["other"])), *_verdict(f),
            ],
        )
        for f in _asked(found["rules"], asked)
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
    return Section(found["title"], columns, rows, note, _("Rule"), _("This model has no rules."))


def _cuts(found: Mapping[str, object], asked: Mapping[str, str]) -> Section:
    """Whether leads just above a threshold fare better than those just below it."""
    rows = [
        Row(
            f"{_('High from') if f['name'] == 'high_from' else _('Medium from')} {f['at']}",
            [share(*f["above"]), share(*f["below"]), *_verdict(f)],
        )
        for f in _asked(found["cuts"], asked)
    ]
    columns = [_("Converted just above"), _("just below"), _("Difference in points"), _("So it")]
    title = _("Thresholds: %(model)s") % {"model": found["title"]}
    return Section(title, columns, rows, "", _("Threshold"))


def _lift(fired: Share, other: Share) -> Cell:
    """How many times as often leads convert with the rule as without it."""
    if fired.rate is None or not other.rate:
        return Cell("–")
    return Cell(f"×{fired.rate / other.rate:.2f}", value=fired.rate / other.rate)


def _groups(found: Sequence[Mapping[str, object]], title: str, first: str, what: str) -> Section:
    rows = [Row(f["label"], [share(*f["share"]), share(*f["expected"]), *_verdict(f)]) for f in found]
    columns = [what, _("its peers"), _("Difference in points"), _("So it is")]
    empty = _("Leads are judged when they are %(days)d days old, and none that was reviewed is yet.") % {
        "days": review.MATURE_AFTER.days
    }
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
