"""What happened to the responsibility for leads: handoffs to accept, clocks that run, assignments, notices."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from leads.admin.base import OfLead
from medcrm.lib.admin import (
    ActionForm,
    ChoicesDropdownFilter,
    ReadOnlyAdmin,
    RelatedDropdownFilter,
    badge_column,
    service_action,
    verb_permission,
)
from routing import assignment, handoff
from routing.models import Assignment, Clock, Handoff, Notice, ReturnReason


class OfLeadReadOnly(OfLead, ReadOnlyAdmin):
    """Rows of a lead that only services write."""


@admin.register(Assignment)
class AssignmentAdmin(OfLeadReadOnly):
    list_display = ("of_lead", "at", "from_team", "from_owner", "to_team", "to_owner", "because", "rule", "by", "note")
    list_select_related = ("lead", "from_team", "to_team", "from_owner", "to_owner", "rule", "by")
    list_filter = (("because", ChoicesDropdownFilter), ("to_team", RelatedDropdownFilter))
    empty_text = _("Each change of owner or team appears here, with the path that led to it.")


class ReturnForm(ActionForm):
    reason = forms.ChoiceField(label=_("Why"), choices=ReturnReason.choices)
    note = forms.CharField(label=_("Note"), max_length=300, required=False)


@admin.register(Handoff)
class HandoffAdmin(OfLeadReadOnly):
    list_display = ("of_lead", "state_badge", "to_team", "to_owner", "from_team", "offered_at", "accepted_at", "issue")
    list_select_related = ("lead", "from_team", "to_team", "to_owner")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("to_team", RelatedDropdownFilter),
        ("return_reason", ChoicesDropdownFilter),
    )
    actions_detail = ("accept", "give_back")
    state_badge = badge_column("state", _("State"))
    has_accept_permission = verb_permission("accept")
    has_return_permission = verb_permission("return")
    empty_text = _("A handoff appears when a lead moves to a team.")

    @service_action(
        _("Accept"),
        permissions=["accept"],
        icon="check",
        variant="primary",
        text=_("The packet is frozen as it reads now; what comes later is added beside it."),
    )
    def accept(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        handoff.accept(Handoff.objects.values_list("lead", flat=True).get(pk=pk), by=request.user, at=at)

    @service_action(
        _("Return"),
        permissions=["return"],
        form=ReturnForm,
        icon="undo",
        text=_("The lead goes back to who sent it, with your reason."),
    )
    def give_back(self, request: HttpRequest, pk: int, *, at: datetime, reason: str, note: str) -> None:
        lead = Handoff.objects.values_list("lead", flat=True).get(pk=pk)
        assignment.give_back(lead, reason, note, by=request.user, at=at)


@admin.register(Clock)
class ClockAdmin(OfLeadReadOnly):
    list_display = ("of_lead", "owed", "team", "owner", "due_at", "breached_at", "met_at", "met_by", "ended_because")
    list_select_related = ("lead", "team", "owner", "met_by")
    list_filter = (
        ("owed", ChoicesDropdownFilter),
        ("team", RelatedDropdownFilter),
        ("ended_because", ChoicesDropdownFilter),
    )
    empty_text = _("A clock starts when a team comes to owe a lead something.")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("kind", "count", "at", "read_at", "mailed_at")
    list_filter = (("kind", ChoicesDropdownFilter),)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).filter(user=request.user)
