"""Teams and their agents: hours, caps, languages, trainings, and who is away."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.fields import ArrayField
from django.db.models import Count, Field, IntegerField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from medcrm.lib.actions import ActionForm, service_action, widgets
from medcrm.lib.admin import CodedAdmin, ModelAdmin, ReadOnlyInline
from medcrm.lib.badges import badge
from medcrm.lib.columns import display
from medcrm.lib.filters import BooleanRadioFilter, RelatedDropdownFilter
from routing import absence
from routing.admin import hours
from routing.admin.board import board_view
from routing.board import BOUND
from routing.models import Agent, Cadence, Clock, Team
from routing.querysets import AgentQuerySet


class WithHours(ModelAdmin):
    """Working hours are typed a day a line, and read in words by who may not change them."""

    hours_help: ClassVar[object] = ""

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: object) -> forms.Field | None:
        if db_field.name == "hours":
            return hours.HoursField(label=_("Hours"), required=not db_field.blank, help_text=self.hours_help)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Team | Agent | None = None) -> list:
        may_change = obj is None or self.has_change_permission(request, obj)
        shown = {} if may_change else {"hours": "hours_in_words"}
        fieldsets = super().get_fieldsets(request, obj)
        return [
            (title, {**options, "fields": [shown.get(name, name) for name in options["fields"]]})
            for title, options in fieldsets
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Team | Agent | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), "hours_in_words")

    @display(description=_("Hours"))
    def hours_in_words(self, obj: Team | Agent) -> SafeString | str:
        return hours.in_words(obj.hours) if obj.hours else _("as the team")


class AgentInline(ReadOnlyInline):
    model = Agent
    fields = readonly_fields = ("user", "languages", "trainings", "open_cap", "daily_cap", "away_from", "away_until")
    show_change_link = True
    hide_title = False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("user", "team")


@admin.register(Team)
class TeamAdmin(WithHours, CodedAdmin):
    hours_help = _("e.g. “08:00–12:00, 13:00–17:00” or “8 AM–5 PM”; an empty day is a day off.")
    list_display = ("name", "code", "timezone", "members", "owed", "late", "is_fallback", "is_active")
    fieldsets = (
        (None, {"fields": (("name", "code"), "goal", ("email", "required_training"), ("is_fallback", "is_active"))}),
        (
            _("Working time"),
            {"fields": (("timezone", "observes_federal_holidays"), "hours", ("closed_on", "open_on"))},
        ),
    )
    inlines = (AgentInline,)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(board_view)
        return [path("board/", view, name="routing_team_board"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        clocks = Clock.objects.open().filter(team=OuterRef("pk"))
        return (
            super()
            .get_queryset(request)
            .annotate(
                member_total=_count(Agent.objects.filter(team=OuterRef("pk")).order_by().values("team")),
                owed_total=UpTo(clocks),
                late_total=UpTo(clocks.filter(breached_at__isnull=False)),
            )
        )

    @display(description=_("Members"))
    def members(self, obj: Team) -> int:
        return obj.member_total or 0

    @display(description=_("Owed"))
    def owed(self, obj: Team) -> str:
        return _said(obj.owed_total)

    @display(description=_("Late"))
    def late(self, obj: Team) -> SafeString | int:
        return badge("overdue", _said(obj.late_total)) if obj.late_total else 0


class Colleagues(forms.MultipleChoiceField):
    """Some agents of a team, each with the work they have; the service gets their users."""

    widget = forms.CheckboxSelectMultiple

    def offer(self, agents: AgentQuerySet, *, at: datetime, says_team: bool) -> None:
        """Let the choice be among these."""
        rows = agents.with_load().select_related("user", "team")
        self.choices = [(agent.user_id, _with_load(agent, at=at, says_team=says_team)) for agent in rows]

    def clean(self, value: object) -> list[int]:
        return [int(pk) for pk in super().clean(value)]


def load_of(agent: Agent) -> str:
    """How many leads are theirs to see to, of how many at most."""
    return f"{agent.open_total} / {'∞' if agent.open_cap is None else agent.open_cap}"


def _with_load(agent: Agent, *, at: datetime, says_team: bool) -> str:
    parts = [agent, *([agent.team] if says_team else []), load_of(agent), *([_("away")] if agent.is_away(at) else [])]
    return " · ".join(map(str, parts))


class HandOverForm(ActionForm):
    """Who takes over, and how long the agent is away."""

    reason = forms.CharField(label=_("Why"), max_length=300, help_text=_("E.g. “ill until Friday”."))
    to = Colleagues(
        label=_("To these people"),
        required=False,
        help_text=_("Least work first, even above their limit. None ticked: the team's usual rotation."),
    )
    is_away = forms.BooleanField(label=_("Mark as away"), required=False, initial=True)
    away_until = forms.DateTimeField(
        label=_("Away until"),
        required=False,
        help_text=_("Empty: until somebody marks them back at work."),
    )

    def __init__(self, data: object = None, *, obj: Agent | None = None, request: HttpRequest) -> None:
        super().__init__(data, obj=obj, request=request)
        others = Agent.objects.active().filter(team=obj.team_id).exclude(pk=obj.pk) if obj else Agent.objects.none()
        now = timezone.now()
        self.fields["to"].offer(others.exclude(pk__in=Agent.objects.away(now)), at=now, says_team=False)
        self.look()


@admin.register(Agent)
class AgentAdmin(WithHours):
    hours_help = _("Own hours, e.g. “08:00–12:00, 13:00–17:00” or “8 AM–5 PM”. All seven empty: the team's hours.")
    list_display = ("__str__", "team", "languages", "trainings", "load", "presence", "stand_in")
    list_select_related = ("user", "team", "stand_in__user")
    list_filter = (("team", RelatedDropdownFilter), ("user__is_active", BooleanRadioFilter))
    search_fields = ("user__username", "user__last_name")
    fieldsets = (
        (None, {"fields": (("user", "team"), ("clinic", "weight"), ("languages", "trainings"), "skills")}),
        (_("Load"), {"fields": (("open_cap", "daily_cap"), "hours", "days_off")}),
        (_("Absence"), {"fields": ("away_from", "away_until", "stand_in")}),
    )
    actions_detail = ("hand_over", "mark_back")
    formfield_overrides: ClassVar = {ArrayField: {"widget": widgets.UnfoldAdminTextInputWidget}}
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).with_load()

    @display(description=_("Open work"))
    def load(self, obj: Agent) -> str:
        return load_of(obj)

    @display(description=_("Presence"))
    def presence(self, obj: Agent) -> SafeString | None:
        return badge("held", _("away")) if obj.is_away(timezone.now()) else None

    @service_action(
        _("Hand over the open work"),
        permissions=["hand_over"],
        form=HandOverForm,
        icon="move_up",
        text=_("This agent's open work goes to others on the team, who are notified. Due times stay as they are."),
        submit=_("Hand over"),
    )
    def hand_over(
        self,
        request: HttpRequest,
        pk: int,
        *,
        at: datetime,
        reason: str,
        to: list[int],
        is_away: bool,
        away_until: datetime | None,
    ) -> None:
        if is_away:
            absence.mark_away(pk, at=at, until=away_until)
        report = absence.hand_over(pk, to=to, reason=reason, by=request.user, at=at)
        messages.info(request, str(report))

    @service_action(
        _("Back at work"),
        permissions=["hand_over"],
        icon="how_to_reg",
        text=_("They get leads again. Work that was handed over stays with its new owners."),
    )
    def mark_back(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        absence.mark_back(pk)

    def has_hand_over_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.reassign_lead")


@admin.register(Cadence)
class CadenceAdmin(ModelAdmin):
    list_display = ("of_team", "max_attempts", "min_spacing_minutes", "varies_time_of_day", "rest_after_talk_minutes")
    list_select_related = ("team",)
    sortable_by = ()

    @display(description=_("Team"))
    def of_team(self, obj: Cadence) -> str:
        return str(obj)


class UpTo(Subquery):
    """How many rows there are, counted as far as the team board counts."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet) -> None:
        super().__init__(rows.order_by().values("pk")[:BOUND])


def _said(count: int) -> str:
    return f"{count}" if count < BOUND else f"{BOUND}+"


def _count(rows: QuerySet) -> Subquery:
    return Subquery(rows.annotate(n=Count("pk")).values("n"))
