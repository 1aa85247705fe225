"""Which emergencies came up on calls, and which of them nobody has looked into yet?"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.admin.base import OfLead
from leads.models import Incident
from leads.services import incidents
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import display
from medcrm.lib.filters import DropdownFilter, RangeDateFilter


class ReviewForm(ActionForm):
    text = forms.CharField(
        label=_("What did you find, and what was done?"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Facts only: who was reached, what they were told. It stays on the timeline."),
    )


class StateFilter(DropdownFilter):
    title = _("review")
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, object]]:
        return [("open", _("To be reviewed")), ("done", _("Reviewed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in ("open", "done"):
            return queryset
        return queryset.filter(reviewed_at__isnull=self.value() == "open")


@admin.register(Incident)
class IncidentAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("opened_at", "of_lead", "ended", "by", "state")
    list_select_related = ("lead", "call__disposition", "call__by", "reviewed_by")
    list_filter = (StateFilter, ("opened_at", RangeDateFilter))
    fieldsets = (
        (None, {"fields": ("lead", "opened_at", "call")}),
        (_("Review"), {"fields": (("reviewed_by", "reviewed_at"),)}),
    )
    actions_detail = ("review",)
    fits: ClassVar = {"review": lambda row: row.reviewed_at is None}
    empty_text = _("A call that ends in an emergency appears here.")
    has_review_permission = verb_permission("review")

    @display(description=_("How the call ended"))
    def ended(self, obj: Incident) -> str:
        return str(obj.call.disposition)

    @display(description=_("Caller"))
    def by(self, obj: Incident) -> str:
        return (obj.call.by.get_full_name() or obj.call.by.get_username()) if obj.call.by else ""

    @display(description=_("Review"))
    def state(self, obj: Incident) -> SafeString:
        return badge("yes", _("reviewed")) if obj.reviewed_at else badge("open", _("to be reviewed"))

    @service_action(
        _("Review"),
        permissions=["review"],
        form=ReviewForm,
        icon="rate_review",
        text=_("Until then the lead gets no message of a sequence and is offered to no caller."),
        submit=_("Save"),
    )
    def review(self, request: HttpRequest, pk: int, *, at: datetime, text: str) -> None:
        incidents.review(pk, text, by=request.user, at=at)
