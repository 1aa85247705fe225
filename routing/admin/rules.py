"""Routing rules, time goals and scripts: versioned, read as sentences, edited as a draft."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from leads.admin import effects
from leads.admin.criteria import RuleAdmin, Ruled, RuleInline
from leads.admin.rules import Tried
from medcrm.lib.admin import CodedAdmin, ModelAdmin, StackedInline
from medcrm.lib.columns import display
from medcrm.lib.filters import ChoicesDropdownFilter, RelatedDropdownFilter
from medcrm.lib.versioned import VersionedAdmin, publish_action
from routing import versions
from routing.admin import simulator
from routing.models import Goal, RouteSet, RoutingRule, Script, ScriptText


class RoutingRuleInline(RuleInline):
    model = RoutingRule
    fields = readonly_fields = ("position", "named", "in_words", "team", "strategy", "script", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("team", "script")


@admin.register(RouteSet)
class RouteSetAdmin(Tried, Ruled, VersionedAdmin):
    tried_as = "route_set"
    list_display = ("__str__", "status_badge", "published_at", "published_by", "note")
    fieldsets = (
        (None, {"fields": (("version", "status"), "note", "new_rule")}),
        (_("Publication"), {"fields": (("published_at", "published_by"), "reached", "created_at")}),
        (_("Back-tests"), {"fields": ("tries",)}),
    )
    readonly_fields = (*VersionedAdmin.readonly_fields, "reached")
    inlines = (RoutingRuleInline,)

    @display(description=_("Reached"))
    def reached(self, obj: RouteSet) -> str:
        rerouting = obj.reroutings.first()
        return effects.progress(rerouting) if rerouting else ""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(simulator.simulator_view)
        return [path("simulate/", view, name="routing_routeset_simulate"), *super().get_urls()]

    publish = publish_action(_("The version in force retires, and every lead that is being worked is routed again."))

    def put_in_force(self, pk: int, *, by: AbstractBaseUser, at: datetime) -> None:
        versions.publish(pk, by=by, at=at)

    def put_back(self, pk: int, *, by: AbstractBaseUser, at: datetime) -> None:
        versions.go_back(pk, by=by, at=at)


@admin.register(RoutingRule)
class RoutingRuleAdmin(RuleAdmin):
    set_field = "rule_set"
    list_display = ("name", "in_words", "team", "strategy", "script", "rule_set", "is_active")
    list_select_related = ("team", "script", "rule_set")
    list_filter = (("rule_set__status", ChoicesDropdownFilter), ("team", RelatedDropdownFilter), "is_active")
    fields = (
        "rule_set",
        "name",
        "criteria",
        ("team", "strategy"),
        ("script", "required_skills"),
        ("goal_minutes", "goal_business_days"),
        ("position", "is_active"),
    )


@admin.register(Goal)
class GoalAdmin(ModelAdmin):
    list_display = ("owed", "team", "score_band", "minutes", "business_days", "warn_percent", "on_breach")
    list_select_related = ("team",)
    list_filter = (("owed", ChoicesDropdownFilter), ("team", RelatedDropdownFilter))
    fields = ("owed", ("team", "score_band"), ("minutes", "business_days"), "warn_percent", "on_breach", "marks_away")
    sortable_by = ()


class ScriptTextInline(StackedInline):
    model = ScriptText
    fields = ("language", "consent_step", "words")


@admin.register(Script)
class ScriptAdmin(CodedAdmin):
    list_display = ("name", "code", "requires_consent_step", "required_training", "is_active")
    fields = (("name", "code"), ("requires_consent_step", "required_training"), "is_active")
    inlines = (ScriptTextInline,)


@admin.register(ScriptText)
class ScriptTextAdmin(ModelAdmin):
    list_display = ("script", "language")
    list_select_related = ("script",)
    search_fields = ("script__name",)
    sortable_by = ()
