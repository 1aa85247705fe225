"""What reports count, what the rules knew when they decided, and what the figures propose."""

from __future__ import annotations

import json
from datetime import datetime

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.admin.base import OfLead
from leads.models import BackTest, Milestone, Proposal, Snapshot
from leads.services import proposals
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.columns import badge_column, display
from medcrm.lib.filters import ChoicesDropdownFilter, RangeDateFilter, RelatedDropdownFilter


@admin.register(Milestone)
class MilestoneAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("of_lead", "captured_at", "attempts", "reached_at", "booked_at", "attended_at", "left_out")
    list_filter = (
        ("lead_type", ChoicesDropdownFilter),
        ("source", RelatedDropdownFilter),
        ("left_out", ChoicesDropdownFilter),
        ("captured_at", RangeDateFilter),
    )
    ordering = ("-captured_at",)
    empty_text = _("How far each lead got is noted here as it walks the road.")


@admin.register(Snapshot)
class SnapshotAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("at", "of_lead", "cycle", "score", "fit_badge", "readiness_badge", "decision_badge", "next_step")
    list_filter = (("decision", ChoicesDropdownFilter), ("at", RangeDateFilter))
    fields = (
        ("lead", "at", "cycle"),
        ("score", "score_band", "fit", "readiness"),
        ("decision", "next_step", "hold_reason", "stop_reason"),
        ("scoring_model", "next_step_set"),
        "known",
    )
    readonly_fields = ("known",)
    fit_badge = badge_column("fit", _("Fit"))
    readiness_badge = badge_column("readiness", _("Readiness"))
    decision_badge = badge_column("decision", _("Decision"))
    empty_text = _("What was known at each decision is kept here, so that changed rules can be tried on the past.")

    @display(description=_("What was known"))
    def known(self, obj: Snapshot) -> SafeString:
        facts = {name: value for name, value in sorted(obj.facts.items()) if value is not None}
        return format_html('<pre class="mc-raw">{}</pre>', json.dumps(facts, indent=1, ensure_ascii=False))


@admin.register(BackTest)
class BackTestAdmin(ReadOnlyAdmin):
    list_display = ("first", "last", "scoring_model", "next_step_set", "done", "total", "finished_at", "asked_by")
    list_select_related = ("scoring_model", "next_step_set", "asked_by")
    ordering = ("-pk",)
    sortable_by = ()
    empty_text = _("Try a draft on the past on the page “Try rules”.")


WHAT = {
    Proposal.Kind.POINTS: _("Points of the rule"),
    Proposal.Kind.THRESHOLD: _("From this score on"),
    Proposal.Kind.INTENT: _("Intent: high, medium or low"),
    Proposal.Kind.ORDER: _("Place in the order, from 1"),
    Proposal.Kind.GOAL: _("Working minutes until it is due"),
    Proposal.Kind.TIMING: _("Days after entry, or hours like 09:00-12:00"),
}


class AcceptForm(ActionForm):
    value = forms.CharField(
        label=_("Value"),
        max_length=40,
        required=False,
        help_text=_("Change it if you know better; empty: as proposed."),
    )

    def __init__(self, *args: object, obj: Proposal | None = None, **kwargs: object) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        if obj is not None:
            self.initial["value"] = obj.new_value
            self.fields["value"].label = WHAT[obj.kind]


class RejectForm(ActionForm):
    reason = forms.CharField(label=_("Why not"), max_length=300, help_text=_("It stays with the proposal."))


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    list_display = ("title", "evidence", "old_value", "new_value", "state_badge", "made_at")
    list_filter = (("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    fields = (
        "title",
        "evidence",
        ("old_value", "new_value", "taken_value"),
        "state",
        "reason",
        ("made_at", "decided_by", "decided_at"),
    )
    list_select_related = ("decided_by",)
    ordering = ("-made_at", "-pk")
    sortable_by = ()
    actions = actions_detail = ("accept", "reject")
    state_badge = badge_column("state", _("State"))
    has_decide_permission = verb_permission("decide")
    empty_text = _("Run the review of rules: what the figures contradict appears here with its evidence.")

    @service_action(
        _("Accept into a draft"),
        permissions=["decide"],
        form=AcceptForm,
        icon="check",
        text=_(
            "The change goes into a draft of the rules; nothing is in force until somebody publishes the draft. Only"
            " the intent of a source changes at once: a call to its next leads is due later."
        ),
    )
    def accept(self, request: HttpRequest, pk: int, *, at: datetime, value: str) -> None:
        proposals.accept(pk, value, by=request.user, at=at)

    @service_action(_("Reject"), permissions=["decide"], form=RejectForm, icon="close", variant="danger")
    def reject(self, request: HttpRequest, pk: int, *, at: datetime, reason: str) -> None:
        proposals.reject(pk, reason, by=request.user, at=at)
