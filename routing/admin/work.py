"""What happened to the responsibility for leads: handoffs to accept, clocks that run, assignments, notices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django import forms
from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from leads.admin.base import OfLead
from medcrm.lib.admin import (
    ActionForm,
    ChoicesDropdownFilter,
    ReadOnlyAdmin,
    RelatedDropdownFilter,
    badge,
    badge_column,
    display,
    service_action,
    verb_permission,
)
from routing import assignment, handoff, notices, returns
from routing.models import Assignment, Clock, Handoff, Notice, ReturnReason
from routing.neglected import Neglect


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
    readonly_fields = ("with_sender", "waiting", "with_receiver")
    state_badge = badge_column("state", _("State"))
    has_accept_permission = verb_permission("accept")
    has_return_permission = verb_permission("return")
    empty_text = _("A handoff appears when a lead moves to a team.")

    @display(description=_("Working time with the sender"))
    def with_sender(self, obj: Handoff) -> str:
        return in_words(returns.split(obj, at=timezone.now()).sender)

    @display(description=_("Waiting to be accepted"))
    def waiting(self, obj: Handoff) -> str:
        return in_words(returns.split(obj, at=timezone.now()).waiting)

    @display(description=_("Working time with the receiver"))
    def with_receiver(self, obj: Handoff) -> str:
        return in_words(returns.split(obj, at=timezone.now()).receiver)

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


def in_words(span: timedelta | None) -> str:
    """Working time as “3 h 05 min”; a dash where there was none to count."""
    if span is None:
        return "–"
    hours, minutes = divmod(int(span.total_seconds()) // 60, 60)
    return _now("%(hours)d h %(minutes)02d min") % {"hours": hours, "minutes": minutes}


@admin.register(Clock)
class ClockAdmin(OfLeadReadOnly):
    list_display = (
        "of_lead",
        "owed",
        "team",
        "owner",
        "due_at",
        "paused_until",
        "breached_at",
        "met_at",
        "met_by",
        "ended_because",
    )
    list_select_related = ("lead", "team", "owner", "met_by")
    list_filter = (
        ("owed", ChoicesDropdownFilter),
        ("team", RelatedDropdownFilter),
        ("ended_because", ChoicesDropdownFilter),
    )
    empty_text = _("A clock starts when a team comes to owe a lead something.")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("kind", "count", "to_whom", "at", "read_badge", "see")
    list_display_links = None
    list_select_related = ("team",)
    list_filter = (("kind", ChoicesDropdownFilter), ("read_at", EmptyFieldListFilter))
    actions = ("mark_read",)
    sortable_by = ()
    empty_text = _("What changes in your work is told here, and once by mail.")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        mine = notices.of(request.user).values("pk")
        return super().get_queryset(request).filter(pk__in=mine).select_related(*self.list_select_related)

    @display(description=_("To"))
    def to_whom(self, obj: Notice) -> str:
        return str(obj.team) if obj.team_id else _now("you")

    @display(description=_("Read"))
    def read_badge(self, obj: Notice) -> SafeString:
        return badge("later", _now("read"), symbol="done") if obj.read_at else badge("open", _now("new"))

    @display(description=_("List"))
    def see(self, obj: Notice) -> SafeString:
        page, query = WHERE[obj.kind]
        return format_html('<a class="mc-link" href="{}{}">{}</a>', reverse(page), query, _now("See them"))

    @service_action(
        _("Mark as read"),
        permissions=["view"],
        icon="done_all",
        text=_("A notice to a team is read for all of it."),
        at_once=True,
    )
    def mark_read(self, request: HttpRequest, pks: list[int], *, at: datetime) -> Mapping[int, str]:
        notices.mark_read(request.user, at=at, pks=pks)
        return {}


LEADS = "admin:leads_lead_changelist"
WHERE: dict[str, tuple[str, str]] = {
    Notice.Kind.GIVEN: (LEADS, "?whose=me&state=open"),
    Notice.Kind.TAKEN: (LEADS, ""),
    Notice.Kind.WARNING: (LEADS, "?due=today"),
    Notice.Kind.BREACH: (LEADS, "?due=overdue"),
    Notice.Kind.RETURNED: ("admin:routing_handoff_changelist", "?state__exact=returned"),
    Notice.Kind.EXHAUSTED: (LEADS, f"?neglect={Neglect.EXHAUSTED}"),
    Notice.Kind.AWAY: ("admin:routing_team_board", ""),
}
