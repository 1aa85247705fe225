"""Sequences in the admin: drafts with their steps, who they mean in words, a simulation before publishing, limits."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Case, Count, QuerySet, When
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.admin.criteria import CriteriaWidget, sentence
from leads.admin.previewing import Previewed, Words
from leads.fields import CriteriaField
from leads.models import Preview
from medcrm.lib import counts
from medcrm.lib.actions import ActionForm
from medcrm.lib.admin import ModelAdmin, TabularInline
from medcrm.lib.badges import yes_no_badge
from medcrm.lib.columns import display
from medcrm.lib.filters import ChoicesDropdownFilter
from medcrm.lib.versioned import DraftRowAdmin, VersionedAdmin, is_draft, publish_action
from nurture import publishing
from nurture.models import AcknowledgedSource, Enrollment, FrequencyCap, Sequence, Step
from nurture.models.enrollments import ACTIVE
from nurture.plan import Calendar
from nurture.vocabulary import NOTICES, Medium

CRITERIA_HELP = _("Every line of a group must hold; one group is enough. No group: always.")


class PublishForm(ActionForm):
    moves_leads = forms.BooleanField(
        label=_("Move leads on older versions to this one"),
        required=False,
        help_text=_("Otherwise they finish the version they are on. Nobody gets a step twice."),
    )


class StepInline(TabularInline):
    """The steps in their order; conditions are edited on the step's own page."""

    model = Step
    fields = ("position", "delay", "template", "window_start", "window_end", "is_weekdays_only", "cutoff")
    ordering = ("position",)
    show_change_link = True
    hide_title = False
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("template")

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return super().has_add_permission(request, obj) and is_draft(obj)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return super().has_change_permission(request, obj) and is_draft(obj)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return super().has_delete_permission(request, obj) and is_draft(obj)


def _leads_in_each() -> dict[int, int]:
    """Sequence → how many leads are in it."""
    rows = Enrollment.objects.filter(ACTIVE).order_by().values("sequence")
    return dict(rows.annotate(n=Count("pk")).values_list("sequence", "n"))


@admin.register(Sequence)
class SequenceAdmin(Previewed, VersionedAdmin):
    preview_page = "simulate"
    preview_part = "nurture/calendar.html"
    preview_words = Words(
        _("What “%(name)s” would do"),
        _("Counts the leads that match and simulates up to 200 of them over the next 30 days. Nobody is contacted."),
        _("Back to the sequence"),
    )
    formfield_overrides = {CriteriaField: {"widget": CriteriaWidget}}
    list_display = ("name", "code", "version", "status_badge", "position", "in_words", "running", "simulation")
    list_filter = (("status", ChoicesDropdownFilter), ("code", ChoicesDropdownFilter))
    search_fields = ("name", "code")
    readonly_fields = (*VersionedAdmin.readonly_fields, "in_words", "simulation")
    fieldsets = (
        (None, {"fields": (("name", "code"), ("position", "is_active"), ("version", "status"), "topic", "note")}),
        (_("Who enters, who stays"), {"fields": ("in_words", "criteria", "stay_criteria", "simulation")}),
        (
            _("When it ends"),
            {"fields": (("exits_on_reply", "exits_on_booking"), ("quiet_days", "ends_on"), "pause_after_reply_days")},
        ),
        (_("Publication"), {"fields": ("created_at", ("published_at", "published_by"))}),
    )
    inlines = (StepInline,)

    def get_fieldsets(self, request: HttpRequest, obj: Sequence | None = None) -> list:
        """Who may not edit reads the sentence instead of what it is made from."""
        sets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return sets
        made_of = ("criteria", "stay_criteria")
        return [
            (name, {**options, "fields": tuple(field for field in options["fields"] if field not in made_of)})
            for name, options in sets
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        running = counts.counted("leads_in_sequences", _leads_in_each, at=timezone.now()).value
        cases = [When(pk=pk, then=number) for pk, number in running.items()]
        return super().get_queryset(request).annotate(running_total=Case(*cases, default=0))

    def found_context(self, request: HttpRequest, preview: Preview) -> dict[str, object]:
        calendar = Calendar.from_json(preview.found)
        weeks = calendar.weeks(timezone.localdate(preview.begun_at))
        return {"calendar": calendar, "weeks": weeks, "media": Medium.choices}

    @display(description=_("For leads where"))
    def in_words(self, obj: Sequence) -> SafeString:
        return sentence(obj)

    @display(description=_("Leads in it"))
    def running(self, obj: Sequence) -> int:
        return obj.running_total

    @display(description=_("Simulation"))
    def simulation(self, obj: Sequence) -> SafeString | str:
        if obj.pk is None or obj.code in NOTICES:
            return ""
        return format_html('<a class="mc-link" href="{}">{}</a>', self.preview_url(obj), _("Next 30 days"))

    publish = publish_action(
        _("The version in force retires, and every open lead this one means is planned again."), form=PublishForm
    )

    def put_in_force(self, pk: int, *, by: AbstractBaseUser, at: datetime, moves_leads: bool) -> None:
        publishing.publish_sequence(pk, at=at, by=by, moves_leads=moves_leads)

    def put_back(self, pk: int, *, by: AbstractBaseUser, at: datetime) -> None:
        publishing.go_back_sequence(pk, at=at, by=by)


@admin.register(Step)
class StepAdmin(DraftRowAdmin):
    set_field = "sequence"
    formfield_overrides = {CriteriaField: {"widget": CriteriaWidget}}
    list_display = ("sequence", "position", "delay", "template", "window_start", "window_end")
    list_select_related = ("sequence", "template")
    list_filter = (("sequence__status", ChoicesDropdownFilter),)
    fields = (
        "sequence",
        ("position", "delay"),
        "template",
        "conditions",
        ("window_start", "window_end", "is_weekdays_only"),
        "cutoff",
    )


@admin.register(FrequencyCap)
class FrequencyCapAdmin(ModelAdmin):
    list_display = ("name", "purpose", "days", "at_most", "counts_calls")
    sortable_by = ()

    @display(description=_("At most"))
    def at_most(self, obj: FrequencyCap) -> object:
        return _("no limit") if obj.limit is None else obj.limit


@admin.register(AcknowledgedSource)
class AcknowledgedSourceAdmin(ModelAdmin):
    """Where who asks is told at once that it arrived; what is said is the sequence “Acknowledgement”."""

    empty_text = _("Forms, landing pages and ads acknowledge, others do not. Add a row to say otherwise for one.")
    list_display = ("source", "kind", "acknowledges", "again_after_hours")
    list_select_related = ("source",)
    list_filter = ("is_active",)
    fields = ("source", "is_active", "again_after_hours")
    sortable_by = ()

    def get_readonly_fields(self, request: HttpRequest, obj: AcknowledgedSource | None = None) -> tuple[str, ...]:
        return ("source",) if obj else ()

    @display(description=_("Kind"))
    def kind(self, obj: AcknowledgedSource) -> str:
        return obj.source.get_kind_display()

    @display(description=_("Acknowledges"))
    def acknowledges(self, obj: AcknowledgedSource) -> SafeString:
        return yes_no_badge(obj.is_active)
