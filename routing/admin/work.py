"""What happened to the responsibility for leads: handoffs to accept, clocks that run, assignments, notices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from leads.admin.base import OfLead
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import badge_column, display
from medcrm.lib.filters import ChoicesDropdownFilter, RelatedDropdownFilter
from medcrm.lib.moments import said
from routing import assignment, explain, handoff, notices, returns, words
from routing.models import Assignment, Clock, Handoff, HandoffState, Notice, ReturnReason, Team
from routing.neglected import Neglect


class OfLeadReadOnly(OfLead, ReadOnlyAdmin):
    """Rows of a lead that only services write."""


@admin.register(Assignment)
class AssignmentAdmin(OfLeadReadOnly):
    list_display = ("of_lead", "at", "came_from", "went_to", "why", "by")
    fields = readonly_fields = ("of_lead", "at", "came_from", "went_to", "why", "step", "path_in_words", "cycle", "by")
    list_select_related = ("lead", "from_team", "to_team", "from_owner", "to_owner", "rule", "by")
    list_filter = (("because", ChoicesDropdownFilter), ("to_team", RelatedDropdownFilter))
    empty_text = _("Each change of owner or team appears here, with the path that led to it.")

    @display(description=_("From"))
    def came_from(self, obj: Assignment) -> str:
        return whose(obj.from_team, obj.from_owner)

    @display(description=_("To"))
    def went_to(self, obj: Assignment) -> str:
        return whose(obj.to_team, obj.to_owner)

    @display(description=_("Why"))
    def why(self, obj: Assignment) -> str:
        return ": ".join(str(part) for part in (obj.get_because_display(), obj.rule, obj.note) if part)

    @display(description=_("Rules checked, in order"))
    def path_in_words(self, obj: Assignment) -> SafeString:
        return render_to_string("routing/path.html", {"told": explain.explain(obj)})


class ReturnForm(ActionForm):
    reason = forms.ChoiceField(label=_("Why"), choices=ReturnReason.choices)
    note = forms.CharField(label=_("Note"), max_length=300, required=False)


@admin.register(Handoff)
class HandoffAdmin(OfLeadReadOnly):
    list_display = ("of_lead", "state_badge", "went_to", "came_from", "offered_at", "accepted_at")
    list_select_related = ("lead", "from_team", "from_owner", "to_team", "to_owner")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("to_team", RelatedDropdownFilter),
        ("return_reason", ChoicesDropdownFilter),
    )
    actions_detail = ("accept", "give_back")
    fits: ClassVar = {
        "accept": lambda row: row.state == HandoffState.OFFERED,
        "give_back": lambda row: row.state in (HandoffState.OFFERED, HandoffState.ACCEPTED),
    }
    fieldsets = (
        (None, {"fields": ("of_lead", ("state_badge", "issue"), ("came_from", "went_to"), ("rule", "script"))}),
        (_("What is handed over"), {"fields": ("packet_in_words",)}),
        (
            _("How it went"),
            {
                "fields": (
                    ("offered_at", "issued_at"),
                    ("accepted_at", "accepted_by"),
                    ("returned_at", "returned_by"),
                    ("return_reason", "note"),
                    "closed_at",
                    ("with_sender", "waiting", "with_receiver"),
                )
            },
        ),
    )
    readonly_fields = (
        "of_lead", "state_badge", "came_from", "went_to", "packet_in_words", "with_sender", "waiting", "with_receiver"
    )  # fmt: skip
    state_badge = badge_column("state", _("State"))
    has_accept_permission = verb_permission("accept")
    has_return_permission = verb_permission("return")
    empty_text = _("Handoffs appear when a lead moves to a team.")

    @display(description=_("From"))
    def came_from(self, obj: Handoff) -> str:
        return whose(obj.from_team, obj.from_owner)

    @display(description=_("To"))
    def went_to(self, obj: Handoff) -> str:
        return whose(obj.to_team, obj.to_owner)

    @display(description=_("Packet"))
    def packet_in_words(self, obj: Handoff) -> SafeString:
        return render_to_string("routing/packet.html", words.packet_of(obj))

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
        text=_("The packet is frozen as it reads now; anything later is added beside it."),
    )
    def accept(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        handoff.accept(Handoff.objects.values_list("lead", flat=True).get(pk=pk), by=request.user, at=at)

    @service_action(
        _("Return"),
        permissions=["return"],
        form=ReturnForm,
        icon="undo",
        text=_("The lead goes back to whoever sent it, with your reason."),
    )
    def give_back(self, request: HttpRequest, pk: int, *, at: datetime, reason: str, note: str) -> None:
        lead = Handoff.objects.values_list("lead", flat=True).get(pk=pk)
        assignment.give_back(lead, reason, note, by=request.user, at=at)


def whose(team: Team | None, owner: AbstractBaseUser | None) -> str:
    """“Scheduling · Ana Reed”, “Scheduling · queue”, or a dash."""
    return f"{team} · {owner or _now('queue')}" if team else "–"


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
        "in_whose_hands",
        "due_at",
        "state",
        "what_became_of_it",
    )
    list_select_related = ("lead", "team", "owner", "met_by")
    list_filter = (
        ("owed", ChoicesDropdownFilter),
        ("team", RelatedDropdownFilter),
        ("ended_because", ChoicesDropdownFilter),
    )
    empty_text = _("A clock starts when a team has something to do for a lead.")

    @display(description=_("Current owner"))
    def in_whose_hands(self, obj: Clock) -> str:
        return whose(obj.team, obj.owner)

    @display(description=_("State"))
    def state(self, obj: Clock) -> SafeString:
        if obj.met_at:
            return badge("met", _now("done late") if obj.breached_at else _now("done"))
        if obj.ended_because:
            return badge("cancelled", _now("ended"))
        if obj.breached_at or obj.due_at < timezone.now():
            return badge("breached", _now("late"))
        if obj.paused_until:
            return badge("paused", _now("paused"))
        return badge("running", _now("running"))

    @display(description=_("Result"))
    def what_became_of_it(self, obj: Clock) -> str:
        if obj.met_at:
            return " · ".join(str(part) for part in (said(obj.met_at), obj.met_by) if part)
        if obj.ended_because:
            return obj.get_ended_because_display()
        if obj.breached_at:
            return _now("since %(when)s") % {"when": said(obj.breached_at)}
        return _now("until %(when)s") % {"when": said(obj.paused_until)} if obj.paused_until else ""


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("kind", "count", "to_whom", "at", "read_badge", "see")
    list_display_links = None
    list_select_related = ("team",)
    list_filter = (("kind", ChoicesDropdownFilter), ("read_at", EmptyFieldListFilter))
    actions = ("mark_read",)
    sortable_by = ()
    empty_text = _("Changes to your work appear here, and are sent once by e-mail.")

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
        return format_html('<a class="mc-link" href="{}{}">{}</a>', reverse(page), query, _now("See all"))

    @service_action(
        _("Mark as read"),
        permissions=["view"],
        icon="done_all",
        text=_("Marking a team's notice as read marks it for the whole team."),
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
    Notice.Kind.INCIDENT: ("admin:leads_incident_changelist", "?review=open"),
}
