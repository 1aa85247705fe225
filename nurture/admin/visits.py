"""Visits in the admin: how long before them people are reminded, and on a visit's page what was told, or why not."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.admin import panels
from leads.models import Appointment
from medcrm.lib.admin import ModelAdmin, ReadOnlyInline
from medcrm.lib.badges import badge, field_badge, yes_no_badge
from medcrm.lib.columns import display
from medcrm.lib.moments import said
from nurture import visits
from nurture.models import Message, Skip, VisitNotice, VisitReminder


@admin.register(VisitReminder)
class VisitReminderAdmin(ModelAdmin):
    """How long before a visit; what is said is the sequence “Visit reminder”. A change is planned anew at once."""

    empty_text = _("Nobody is reminded of a visit. Add e.g. 24 hours.")
    list_display = ("how_long", "reminds")
    fields = ("hours_before", "is_active")
    sortable_by = ()

    @display(description=_("Before the visit"))
    def how_long(self, obj: VisitReminder) -> str:
        return str(obj)

    @display(description=_("Reminds"))
    def reminds(self, obj: VisitReminder) -> SafeString:
        return yes_no_badge(obj.is_active)

    def save_model(self, request: HttpRequest, obj: VisitReminder, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        visits.replan(at=timezone.now())

    def delete_model(self, request: HttpRequest, obj: VisitReminder) -> None:
        super().delete_model(request, obj)
        visits.replan(at=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[VisitReminder]) -> None:
        super().delete_queryset(request, queryset)
        visits.replan(at=timezone.now())


@panels.register_inline(Appointment)
class VisitNoticeInline(ReadOnlyInline):
    """What the person was told of this visit and when; what is planned, and why something did not go out."""

    model = VisitNotice
    fields = readonly_fields = ("what", "state", "when", "reason")
    verbose_name_plural = _("What they were told")

    def get_queryset(self, request: HttpRequest) -> QuerySet[VisitNotice]:
        """With the last message and the last reason of each: two queries for all of them."""
        sent = Message.objects.select_related("step__template").order_by("pk")
        rows = super().get_queryset(request).select_related("enrollment", "appointment")
        rows = rows.prefetch_related(
            Prefetch("enrollment__messages", sent), Prefetch("enrollment__skips", Skip.objects.order_by("pk"))
        )
        return rows.order_by("planned_at", "pk")

    @display(description=_("What"))
    def what(self, obj: VisitNotice) -> str:
        if obj.hours_before is None:
            return str(obj.get_kind_display())
        return _("%(kind)s, %(n)d hours before") % {"kind": obj.get_kind_display(), "n": obj.hours_before}

    @display(description=_("State"))
    def state(self, obj: VisitNotice) -> SafeString:
        if message := _message(obj):
            return field_badge(message, "state")
        return badge("closed", _("not told")) if obj.code else badge("plan", _("planned"))

    @display(description=_("When"))
    def when(self, obj: VisitNotice) -> str | None:
        message = _message(obj)
        at = (message.sent_at or message.reserved_at) if message else obj.due_at
        return said(at) if at else None

    @display(description=_("How, or why not"))
    def reason(self, obj: VisitNotice) -> str:
        if message := _message(obj):
            return str(message.step.template.get_medium_display())
        held = [skip for skip in obj.enrollment.skips.all() if skip.until] if obj.enrollment else []
        return obj.why or (held[-1].sentence if held else "")


def _message(obj: VisitNotice) -> Message | None:
    """The last one that was made of it; one that failed is tried again."""
    found = list(obj.enrollment.messages.all()) if obj.enrollment else []
    return found[-1] if found else None
