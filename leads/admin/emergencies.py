"""Which words bring a person to the telephone at once, and who has looked at them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.admin.incidents import StateFilter
from leads.models import EmergencyPhrase
from leads.services import emergency_phrases
from medcrm.lib.actions import service_action, verb_permission
from medcrm.lib.admin import ModelAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import display
from medcrm.lib.filters import BooleanRadioFilter


@admin.register(EmergencyPhrase)
class EmergencyPhraseAdmin(ModelAdmin):
    list_display = ("words", "language", "counts", "review_state", "reviewed_by", "reviewed_at")
    list_select_related = ("reviewed_by",)
    list_filter = (StateFilter, ("is_active", BooleanRadioFilter))
    search_fields = ("words", "language")
    fieldsets = (
        (None, {"fields": (("language", "words"), "is_active")}),
        (_("Review"), {"fields": (("reviewed_by", "reviewed_at"),)}),
    )
    readonly_fields = ("reviewed_by", "reviewed_at")
    actions = actions_detail = ("review",)
    sortable_by = ()
    empty_text = _("Without phrases no message is taken for an emergency. Load the reference data, or add them here.")
    has_review_permission = verb_permission("review")

    def get_readonly_fields(self, request: HttpRequest, obj: EmergencyPhrase | None = None) -> Sequence[str]:
        """A phrase stays as it was reviewed; another one is another row."""
        return (*super().get_readonly_fields(request, obj), *(("language", "words") if obj else ()))

    @display(description=_("Counts"))
    def counts(self, obj: EmergencyPhrase) -> SafeString:
        return badge("active", _("in use")) if obj.is_active else badge("later", _("switched off"))

    @display(description=_("Review"))
    def review_state(self, obj: EmergencyPhrase) -> SafeString:
        return badge("yes", _("reviewed")) if obj.reviewed_at else badge("open", _("to be reviewed"))

    @service_action(
        _("Mark as reviewed"),
        permissions=["review"],
        icon="rate_review",
        text=_("You have read these words as they stand, and answer for it that they count, or do not."),
        at_once=True,
    )
    def review(self, request: HttpRequest, pks: list[int], *, at: datetime) -> Mapping[int, str]:
        emergency_phrases.review(pks, by=request.user, at=at)
        return {}

    def save_model(self, request: HttpRequest, obj: EmergencyPhrase, form: forms.ModelForm, change: bool) -> None:
        if form.has_changed():
            emergency_phrases.keep_phrase(obj)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
