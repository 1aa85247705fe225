"""How leads are ranked, banded and sent on: versioned sets of rules that read as sentences."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, JsonResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from leads.admin import effects
from leads.admin.criteria import RuleAdmin, Ruled, RuleInline, facts_view
from leads.admin.previewing import Previewed, Words
from leads.effects import Effect
from leads.models import (
    BackTest,
    BandRule,
    NextStepRule,
    NextStepSet,
    Preview,
    ScoringCategory,
    ScoringModel,
    ScoringRule,
)
from leads.services import versions
from medcrm.lib import reading
from medcrm.lib.admin import TabularInline
from medcrm.lib.badges import field_badge
from medcrm.lib.columns import badge_column, display, link
from medcrm.lib.filters import ChoicesDropdownFilter
from medcrm.lib.models import VersionedSet, VersionStatus
from medcrm.lib.moments import said
from medcrm.lib.versioned import DraftRowAdmin, VersionedAdmin

TRIES = 20  # the latest; older ones are on the page that tries rules


class Tried:
    """Mixed into the admin of a set that can be tried on the past: its page lists the tries made of it."""

    tried_as = ""  # the field of a BackTest that names the set

    def get_readonly_fields(self, request: HttpRequest, obj: VersionedSet | None = None) -> tuple[str, ...]:
        # Whoever may try rules is led to the result, others to the row.
        if obj is not None:
            obj.reader = request.user
        return (*super().get_readonly_fields(request, obj), "tries")

    @display(description=_("Tried on the past"))
    def tries(self, obj: VersionedSet) -> SafeString | str:
        if obj.pk is None:
            return ""
        tests = BackTest.objects.filter(**{self.tried_as: obj.pk}).select_related("asked_by")[:TRIES]
        rows = ((_try_link(test, obj), _outcome(test)) for test in tests)
        return format_html_join(mark_safe("<br>"), "{} · {}", rows)  # noqa: S308 - no words of anybody


def _try_link(test: BackTest, version: VersionedSet) -> SafeString | None:
    if not version.reader.has_perm("leads.try_backtest"):
        return link(test)
    return format_html('<a class="mc-link" href="{}">{}</a>', reverse("reports:what_if_result", args=[test.pk]), test)


def _outcome(test: BackTest) -> str:
    """How far it came, who asked and when."""
    when = {"who": test.asked_by or "–", "at": said(test.asked_at)}
    if test.finished_at is None:
        return _("%(done)s of %(total)s decisions tried so far; asked by %(who)s, %(at)s") % {
            "done": f"{test.done:,}", "total": f"{test.total:,}", **when
        }  # fmt: skip
    cases, same = test.result.get("cases", 0), test.result.get("same", 0)
    return _("%(cases)s decisions tried, %(moved)s would be others; asked by %(who)s, %(at)s") % {
        "cases": f"{cases:,}", "moved": f"{cases - same:,}", **when
    }  # fmt: skip


class CarriedAdmin(VersionedAdmin):
    """A set whose coming into force is carried to the leads, and watched on its way."""

    readonly_fields = (*VersionedAdmin.readonly_fields, "reached")

    @display(description=_("Reached"))
    def reached(self, obj: VersionedSet) -> SafeString | str:
        publication = obj.publications.order_by("-pk").first()
        return link(publication, effects.progress(publication)) if publication else ""

    def put_in_force(self, pk: int, *, by: AbstractBaseUser, at: datetime) -> None:
        versions.publish(self.model, pk, by=by, at=at)

    def put_back(self, pk: int, *, by: AbstractBaseUser, at: datetime) -> None:
        versions.go_back(self.model, pk, by=by, at=at)


class PreviewedAdmin(Previewed, CarriedAdmin):
    """A set that can be previewed over every lead, for nothing is written by that."""

    readonly_fields = (*CarriedAdmin.readonly_fields, "preview")
    preview_words = Words(
        _("What “%(name)s” would change"),
        _("This checks every lead and changes nothing. Publishing applies the same rules to the same leads."),
        _("Back to the rules"),
    )

    def found_context(self, request: HttpRequest, preview: Preview) -> dict[str, object]:
        shown = effects.shown(Effect.from_json(preview.found), request.user)
        reading.note(request, "list", "leads.lead", sorted(effects.seen(shown)))
        return {"shown": shown}

    @display(description=_("Preview"))
    def preview(self, obj: VersionedSet) -> SafeString | str:
        if obj.pk is None or obj.status == VersionStatus.PUBLISHED:
            return ""
        text = _("See what it would change")
        return format_html('<a class="mc-link" href="{}">{}</a>', self.preview_url(obj), text)


class CategoryInline(TabularInline):
    model = ScoringCategory
    fields = ("code", "name", "cap", "half_life_days", "follow_up")
    tab = True


class ScoringRuleInline(RuleInline):
    model = ScoringRule
    fields = readonly_fields = ("named", "category", "in_words", "points", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("category").order_by("category", "position", "pk")


class BandRuleInline(RuleInline):
    model = BandRule
    fields = readonly_fields = ("target", "position", "named", "in_words", "band_badge", "is_active")

    @display(description=_("Band"))
    def band_badge(self, obj: BandRule) -> SafeString | None:
        return field_badge(obj, "band")


def _counted(queryset: QuerySet, model: type, field: str) -> Subquery:
    rows = model.objects.filter(**{field: OuterRef("pk")}).order_by().values(field)
    return Subquery(rows.annotate(n=Count("pk")).values("n"))


@admin.register(ScoringModel)
class ScoringModelAdmin(Tried, Ruled, PreviewedAdmin):
    tried_as = "scoring_model"
    list_display = ("__str__", "lead_type", "status_badge", "thresholds", "rule_count", "published_at", "note")
    list_filter = (("lead_type", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("lead_type", "version", "status"),
                    ("high_from", "medium_from"),
                    "note",
                    "new_rule",
                    "preview",
                )
            },
        ),
        (_("Publication"), {"fields": (("published_at", "published_by"), "reached", "created_at")}),
        (_("Back-tests"), {"fields": ("tries",)}),
    )
    inlines = (ScoringRuleInline, BandRuleInline, CategoryInline)

    def get_urls(self) -> list:
        return [
            path("facts/", self.admin_site.admin_view(self.facts), name="leads_scoringmodel_facts"),
            *super().get_urls(),
        ]

    def facts(self, request: HttpRequest) -> JsonResponse:
        return facts_view(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        queryset = super().get_queryset(request)
        return queryset.annotate(rule_total=_counted(queryset, ScoringRule, "model"))

    @display(description=_("High / medium from"))
    def thresholds(self, obj: ScoringModel) -> str:
        return f"{obj.high_from} / {obj.medium_from}"

    @display(description=_("Rules"))
    def rule_count(self, obj: ScoringModel) -> int:
        return obj.rule_total or 0


@admin.register(ScoringRule)
class ScoringRuleAdmin(RuleAdmin):
    list_display = ("name", "in_words", "points", "category", "model", "is_active")
    list_select_related = ("category", "model")
    list_filter = (("model__lead_type", ChoicesDropdownFilter), ("model__status", ChoicesDropdownFilter), "is_active")
    of_drafts: ClassVar = {"category": "model__"}
    fields = ("model", "category", "name", "criteria", ("points", "axis"), ("position", "is_active"))


@admin.register(BandRule)
class BandRuleAdmin(RuleAdmin):
    list_display = ("name", "in_words", "target", "band_badge", "model", "is_active")
    list_select_related = ("model",)
    list_filter = (("target", ChoicesDropdownFilter), ("model__status", ChoicesDropdownFilter), "is_active")
    fields = ("model", "name", "criteria", ("target", "band"), ("position", "is_active"))
    band_badge = badge_column("band", _("Band"))


@admin.register(ScoringCategory)
class ScoringCategoryAdmin(DraftRowAdmin):
    list_display = ("name", "code", "cap", "half_life_days", "follow_up", "model")
    list_select_related = ("model",)
    list_filter = (("model__status", ChoicesDropdownFilter),)
    search_fields = ("name", "code")


class NextStepRuleInline(RuleInline):
    model = NextStepRule
    fields = readonly_fields = ("position", "named", "in_words", "decision_badge", "next_step", "why", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("hold_reason", "stop_reason")

    @display(description=_("Decision"))
    def decision_badge(self, obj: NextStepRule) -> SafeString | None:
        return field_badge(obj, "decision")

    @display(description=_("Reason"))
    def why(self, obj: NextStepRule) -> object:
        return obj.hold_reason or obj.stop_reason or ""


@admin.register(NextStepSet)
class NextStepSetAdmin(Tried, Ruled, PreviewedAdmin):
    tried_as = "next_step_set"
    list_display = ("__str__", "status_badge", "rule_count", "published_at", "published_by", "note")
    fieldsets = (
        (None, {"fields": (("version", "status"), "note", "new_rule", "preview")}),
        (
            _("First steps"),
            {
                "fields": ("patient_step", "partner_step", "b2b_step"),
                "description": _(
                    "Where a person sends a lead on and no rule says to whom; where an organisation is met."
                ),
            },
        ),
        (_("Publication"), {"fields": (("published_at", "published_by"), "reached", "created_at")}),
        (_("Back-tests"), {"fields": ("tries",)}),
    )
    inlines = (NextStepRuleInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        queryset = super().get_queryset(request)
        return queryset.annotate(rule_total=_counted(queryset, NextStepRule, "rule_set"))

    @display(description=_("Rules"))
    def rule_count(self, obj: NextStepSet) -> int:
        return obj.rule_total or 0


@admin.register(NextStepRule)
class NextStepRuleAdmin(RuleAdmin):
    set_field = "rule_set"
    list_display = ("name", "in_words", "decision_badge", "next_step", "rule_set", "is_active")
    list_select_related = ("rule_set",)
    list_filter = (("rule_set__status", ChoicesDropdownFilter), ("decision", ChoicesDropdownFilter), "is_active")
    fields = (
        "rule_set",
        "name",
        "criteria",
        ("decision", "next_step"),
        ("hold_reason", "stop_reason"),
        ("position", "is_active"),
    )
    decision_badge = badge_column("decision", _("Decision"))
