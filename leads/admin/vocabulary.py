"""The words staff choose from: call results, reasons, documents, timings. Codes are fixed, wording is not."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.models import (
    CareSetting,
    Disposition,
    Document,
    HoldReason,
    MissingKind,
    OrganisationType,
    Specialty,
    StopReason,
    TimingWindow,
    TriggerKind,
)
from leads.services import catalogue
from leads.vocabulary import Outcome
from medcrm.lib.admin import CodedAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import display
from medcrm.lib.filters import ChoicesDropdownFilter

FLAGS = {
    "makes_contact": _("somebody answered"),
    "reaches_right_party": _("spoke with the person"),
    "is_final": _("ends the conversation"),
    "is_success": _("a success"),
    "disqualifies": _("closes the lead"),
    "adds_do_not_call": _("do not call"),
    "opts_out_text": _("no more texts"),
    "needs_callback": _("needs call-back time"),
    "is_voicemail": _("voicemail"),
    "invalidates_number": _("number invalid"),
    "is_wrong_number": _("wrong number"),
    "suppresses_everything": _("stops all contact"),
    "needs_missing_items": _("asks for missing items"),
    "needs_identity": _("needs the identity"),
    "needs_note": _("needs a note"),
    "is_incident": _("incident"),
    "sets_meeting": _("sets a meeting"),
}


@admin.register(Disposition)
class DispositionAdmin(CodedAdmin):
    list_display = ("name", "group", "what_it_does", "follows", "is_active")
    list_filter = (("group", ChoicesDropdownFilter), "is_active")
    fieldsets = (
        (None, {"fields": ("code", "name", "group", "position", "is_active")}),
        (_("What it entails"), {"fields": tuple(FLAGS)}),
        (_("For whom"), {"fields": ("is_for_patients", "is_for_organisations")}),
        (_("What follows"), {"fields": ("suggested_outcome", "retry_after_minutes")}),
    )

    @display(description=_("Entails"))
    def what_it_does(self, obj: Disposition) -> str:
        return ", ".join(str(word) for flag, word in FLAGS.items() if getattr(obj, flag))

    @display(description=_("Suggested outcome"))
    def follows(self, obj: Disposition) -> str:
        return str(Outcome(obj.suggested_outcome).label) if obj.suggested_outcome else ""


class _Waking(CodedAdmin):
    ticked = ("default_triggers",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("default_triggers")

    @display(description=_("Woken by"))
    def woken_by(self, obj) -> str:
        return ", ".join(str(kind) for kind in obj.default_triggers.all())


@admin.register(HoldReason)
class HoldReasonAdmin(_Waking):
    list_display = ("name", "code", "woken_by", "default_days", "is_active")


@admin.register(StopReason)
class StopReasonAdmin(_Waking):
    list_display = ("name", "code", "reporting_class", "woken_by", "is_active")
    list_filter = (("reporting_class", ChoicesDropdownFilter), "is_active")


@admin.register(TriggerKind)
class TriggerKindAdmin(CodedAdmin):
    list_display = ("name", "code", "how", "is_active")

    @display(description=_("How"))
    def how(self, obj: TriggerKind) -> SafeString:
        return badge("later", _("on a date")) if obj.is_dated else badge("open", _("on an event"), symbol="bolt")


@admin.register(TimingWindow)
class TimingWindowAdmin(CodedAdmin):
    list_display = ("name", "code", "kind", "days", "is_active")


@admin.register(Document)
class DocumentAdmin(CodedAdmin):
    list_display = ("name", "code", "from_whom", "is_active")

    def save_model(self, request: HttpRequest, obj: Document, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        catalogue.make_askable(obj)

    @display(description=_("Collected from"))
    def from_whom(self, obj: Document) -> str:
        return _("organisations") if obj.is_agreement else _("patients")


@admin.register(MissingKind)
class MissingKindAdmin(CodedAdmin):
    list_display = ("name", "code", "document", "is_active")
    list_select_related = ("document",)


@admin.register(OrganisationType, Specialty, CareSetting)
class KindOfOrganisationAdmin(CodedAdmin):
    """Services say for which of these they are; an organisation says which it is."""

    list_display = ("name", "code", "is_active")
