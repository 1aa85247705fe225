"""The page on which drafts of rules are tried on the past, and what came of each try."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django import forms
from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from leads import review
from leads.measures import Period
from leads.models import BackTest, NextStepSet, ScoringModel
from leads.vocabulary import Band, Decision, NextStep
from medcrm.lib import bell
from medcrm.lib.access import team_names
from medcrm.lib.models import VersionStatus
from medcrm.reports import backtest, outlook
from medcrm.reports.ask import USUAL_DAYS
from medcrm.reports.table import Cell, Row, Section, number, share, span
from routing.models import RouteSet

MAY_TRY = "leads.try_backtest"
DRAFTS = [VersionStatus.DRAFT, VersionStatus.PUBLISHED]
LISTED = 20


class AskForm(forms.Form):
    """Which drafts on which period; nothing chosen is what is in force."""

    first = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=gettext_lazy("to"), widget=forms.DateInput(attrs={"type": "date"}))
    scoring_model = forms.ModelChoiceField(
        ScoringModel.objects.filter(status__in=DRAFTS), required=False, label=gettext_lazy("Scoring"),
        empty_label=gettext_lazy("in force"),
    )  # fmt: skip
    next_step_set = forms.ModelChoiceField(
        NextStepSet.objects.filter(status__in=DRAFTS), required=False, label=gettext_lazy("Next steps"),
        empty_label=gettext_lazy("in force"),
    )  # fmt: skip
    route_set = forms.ModelChoiceField(
        RouteSet.objects.filter(status__in=DRAFTS), required=False, label=gettext_lazy("Routing"),
        empty_label=gettext_lazy("in force"),
    )  # fmt: skip

    def clean(self) -> dict[str, object]:
        chosen = super().clean() or {}
        first, last = chosen.get("first"), chosen.get("last")
        if first and last and first > last:
            raise forms.ValidationError({"last": _("The period ends before it begins.")})
        return chosen


@permission_required(MAY_TRY, raise_exception=True)
def what_if(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """The form, the latest tries, and the result of one of them; a POST asks for another."""
    today = timezone.localdate()
    form = AskForm(request.POST or None, initial={"first": today - timedelta(days=USUAL_DAYS), "last": today})
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        row = backtest.ask(
            Period(chosen["first"], chosen["last"]),
            by=request.user,
            at=timezone.now(),
            **{name: chosen[name].pk for name in ("scoring_model", "next_step_set", "route_set") if chosen[name]},
        )
        bell.ring("medcrm.reports.tasks.run_back_tests")
        return redirect("reports:what_if_result", pk=row.pk)
    tests = BackTest.objects.select_related("scoring_model", "next_step_set", "asked_by")
    test = get_object_or_404(tests, pk=pk) if pk else None
    listed = list(tests[:LISTED])
    routes = RouteSet.objects.in_bulk([row.route_set for row in (*listed, test) if row and row.route_set])
    for row in (*listed, test):
        if row is not None:
            row.routing = routes.get(row.route_set)
    context = {
        **admin.site.each_context(request),
        "title": _("Try rules on the past"),
        "form": form,
        "test": test,
        "sections": sections(test, is_linked=request.user.has_perm("leads.view_lead")) if test and test.result else [],
        "tests": listed,
        "leads_url": reverse("admin:leads_lead_changelist"),
    }
    return TemplateResponse(request, "reports/what_if.html", context)


def sections(test: BackTest, *, is_linked: bool) -> list[Section]:
    """What would have been different, and what has really been different since the draft was published."""
    result = test.result
    cases = result["cases"]
    summary = [
        Row(_("Decisions tried again"), [number(cases)]),
        Row(_("decided the same by the rules in force"), [share(result["reproduced"], cases)]),
        Row(_("decided the same by the rules tried"), [share(result["same"], cases)]),
    ]
    names = team_names()
    teams = sorted(set(result["teams_now"]) | set(result["teams_then"]))
    loads = [
        Row(
            str(names.get(team, team)),
            [number(result["teams_now"].get(team, 0)), number(result["teams_then"].get(team, 0))],
        )
        for team in teams
    ]
    return [
        Section(_("In short"), [_("Decisions")], summary),
        Section(_("What would move"), [_("Decisions"), _("converted since"), _("Leads")], _moves(result, is_linked), "",
                _("From, to"), _("Nothing would be decided otherwise.")),
        Section(_("Decisions"), [_("then"), _("tried")], _steps(result), "", _("Decision")),
        Section(_("Load of each team"), [_("by rules in force"), _("by rules tried")], loads, "", _("Team"),
                _("No lead would need anybody.")),
        _outlook(test),
        Section(_("Score bands"), [_("Leads")], _bands(result), "", _("Then, tried")),
        *_since(test),
    ]  # fmt: skip


def _word(step: str) -> str:
    decision, _sep, following = step.partition(":")
    words = dict(Decision.choices).get(decision, decision), dict(NextStep.choices).get(following, following)
    return f"{words[0]} · {words[1]}" if following and following != "none" else str(words[0])


def _moves(result: Mapping[str, dict], is_linked: bool) -> list[Row]:
    rows = []
    for key, move in sorted(result["moves"].items(), key=lambda item: -item[1]["n"]):
        was, _sep, new = key.partition(">")
        link = f"id__in={','.join(str(pk) for pk in move['leads'])}" if is_linked else ""
        cells = [number(move["n"]), share(move["converted"], move["n"]), Cell(_("open some") if link else "", link)]
        rows.append(Row(f"{_word(was)} → {_word(new)}", cells))
    return rows


def _steps(result: Mapping[str, dict]) -> list[Row]:
    steps = sorted(set(result["was"]) | set(result["would"]), key=lambda step: -result["was"].get(step, 0))
    return [
        Row(_word(step), [number(result["was"].get(step, 0)), number(result["would"].get(step, 0))]) for step in steps
    ]


def _bands(result: Mapping[str, dict]) -> list[Row]:
    words = dict(Band.choices)
    rows = []
    for key, count in sorted(result["bands"].items(), key=lambda item: -item[1]):
        was, _sep, new = key.partition(">")
        rows.append(Row(f"{words.get(was, was)} → {words.get(new, new)}", [number(count)]))
    return rows


def _outlook(test: BackTest) -> Section:
    """How soon leads were tried and how many converted, beside what the tried rules would make of it."""
    groups = test.result.get("groups", {})
    real, then = outlook.happened(groups), outlook.foretold(test.result.get("foretold", {}), groups)
    columns, looks = [_("then"), _("foretold")], [real, then]
    acts = [real.owed.n, outlook.loads(test.result.get("foretold", {})).total()]
    if since := test.result.get("since"):
        columns.append(_("since it was published"))
        looks.append(outlook.happened(since["groups"]))
        acts.append(looks[-1].owed.n)
    rows = [
        Row(_("Somebody had to act"), [number(n) for n in acts]),
        Row(_("Tried by a person"), [_rate(look.owed.tried, look.owed.n) for look in looks]),
        Row(_("First try: half within"), [span(look.owed.within(0.5)) for look in looks]),
        Row(_("First try: nine of ten within"), [span(look.owed.within(0.9)) for look in looks]),
        Row(_("Converted, of all decided"), [_rate(look.everybody.converted, look.everybody.n) for look in looks]),
        Row(
            _("Of them not foretold: too few alike"), [Cell(""), number(then.thin), *(Cell("") for _look in looks[2:])]
        ),
    ]
    note = _(
        "From the decision to the first call by a person. Foretold: as those who really went to that team with that"
        " score and next step, at least %(least)d of them; more work than the team had then is not foretold to slow it"
        " down. Leads younger than %(days)d days may still convert."
    ) % {"least": outlook.LEAST_CASES, "days": review.MATURE_AFTER.days}
    return Section(_("Speed and conversion"), columns, rows, note, "")


def _rate(part: float, whole: float) -> Cell:
    """A share of a count or of what is expected; fewer cases than a review needs say how many are missing."""
    if not whole:
        return Cell("–")
    if whole < review.LEAST_CASES:
        missing = review.LEAST_CASES - round(whole)
        return Cell(_("too few cases, %(n)s more needed") % {"n": f"{missing:,}"}, value="too_few")
    return Cell(f"{100 * part / whole:.0f} %", value=round(part / whole, 4))


def _since(test: BackTest) -> list[Section]:
    """The real decisions and loads since the tried rules were published, beside what the try foretold."""
    since = test.result.get("since")
    if not since:
        return []
    real, would = since["real"], test.result["would"]
    total, foretold = sum(real.values()), sum(would.values())
    decisions = [
        Row(_word(step), [share(would.get(step, 0), foretold), share(real.get(step, 0), total)])
        for step in sorted(set(real) | set(would))
    ]
    carried = outlook.loads({key: kept["n"] for key, kept in since["groups"].items()})
    expected, names = test.result["teams_then"], team_names()
    loads = [
        Row(
            str(names.get(team, team)),
            [share(expected.get(team, 0), sum(expected.values())), share(carried[team], carried.total())],
        )
        for team in sorted(set(carried) | set(expected))
    ]
    columns = [_("foretold"), _("real")]
    return [
        Section(_("Decisions since it was published"), columns, decisions, "", _("Decision")),
        Section(_("Load of each team since it was published"), columns, loads, "", _("Team"), _("Nobody had to act.")),
    ]
