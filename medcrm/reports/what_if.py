"""The page on which drafts of rules are tried on the past, and what came of each try."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from leads.measures import Period
from leads.models import BackTest, NextStepSet, ScoringModel
from leads.vocabulary import Band, Decision, NextStep
from medcrm.lib import bell
from medcrm.lib.access import team_names
from medcrm.lib.models import VersionStatus
from medcrm.reports import backtest
from medcrm.reports.table import Cell, Row, Section, number, share
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
    form = AskForm(request.POST or None)
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
    test = tests.filter(pk=pk).first() if pk else None
    context = {
        **admin.site.each_context(request),
        "title": _("Try rules on the past"),
        "form": form,
        "test": test,
        "sections": sections(test, is_linked=request.user.has_perm("leads.view_lead")) if test and test.result else [],
        "tests": tests[:LISTED],
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
                _("No lead would be sent on.")),
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


def _since(test: BackTest) -> list[Section]:
    """The real decisions since the tried version was published, beside what the try foretold."""
    version = test.next_step_set or test.scoring_model
    if version is None or version.published_at is None:
        return []
    field = "next_step_set" if test.next_step_set else "scoring_model"
    real = backtest.decided_since(**{field: version})
    total, foretold = sum(real.values()), sum(test.result["would"].values())
    steps = sorted(set(real) | set(test.result["would"]))
    rows = [
        Row(_word(step), [share(test.result["would"].get(step, 0), foretold), share(real.get(step, 0), total)])
        for step in steps
    ]
    return [Section(_("Since it was published"), [_("foretold"), _("real")], rows, "", _("Decision"))]
