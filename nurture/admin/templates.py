"""Templates in the admin: wordings by language and version, checked as they are saved, with a preview."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from leads.models import Lead
from leads.search import find_leads
from leads.visibility import visible
from medcrm.lib import reading
from medcrm.lib.actions import service_action
from medcrm.lib.admin import CodedAdmin, ReadOnlyInline
from medcrm.lib.columns import display
from medcrm.lib.errors import RuleError
from medcrm.lib.filters import ChoicesDropdownFilter
from medcrm.lib.versioned import VersionedAdmin, is_draft, publish_action
from nurture import publishing, rendering, trial
from nurture.models import Template, Wording
from nurture.rendering import Rendered
from nurture.vocabulary import Medium


def _size(wording: Wording, words: Rendered) -> str:
    if wording.template.medium != Medium.SMS:
        return ""
    count = rendering.segments(words.body)
    return ngettext("%(n)d segment", "%(n)d segments", count) % {"n": count}


def _preview(wording: Wording, request: HttpRequest) -> dict[str, object]:
    """The lead asked for, by name, phone, e-mail or number, and the words for it."""
    asked = request.POST.get("lead", "").strip()
    if not asked:
        return {}
    related = ("source__seller", "service", "preferred_clinic")
    lead = find_leads(Lead.objects.filter(visible(request.user)), asked).select_related(*related).first()
    reading.note(request, "search", "leads.lead", [lead.pk] if lead else [], query=asked)
    if lead is None:
        return {"problem": _("No lead that you may see is found by that.")}
    try:
        words = trial.show(wording, lead)
    except RuleError as error:
        return {"lead": lead, "problem": error.message}
    return {"lead": lead, "words": words, "size": _size(wording, words)}


class WordingInline(ReadOnlyInline):
    model = Wording
    fields = readonly_fields = ("language", "version", "status", "subject", "published_at")
    show_change_link = True
    hide_title = False


@admin.register(Template)
class TemplateAdmin(CodedAdmin):
    list_display = ("name", "code", "medium", "purpose", "tells_health", "is_active")
    list_filter = (("medium", ChoicesDropdownFilter), ("purpose", ChoicesDropdownFilter))
    inlines = (WordingInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Template | None = None) -> tuple:
        """The channel is fixed once steps may use the template."""
        return (*super().get_readonly_fields(request, obj), *(("medium",) if obj else ()))


@admin.register(Wording)
class WordingAdmin(VersionedAdmin):
    list_display = ("template", "language", "version", "status_badge", "subject", "published_at", "note")
    list_select_related = ("template",)
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("template__medium", ChoicesDropdownFilter),
        ("language", ChoicesDropdownFilter),
    )
    search_fields = ("template__name", "subject")
    readonly_fields = (*VersionedAdmin.readonly_fields, "merge_fields", "shown")
    fieldsets = (
        (
            None,
            {"fields": (("template", "language"), ("version", "status"), "subject", "body", "merge_fields", "note")},
        ),
        (_("As a lead gets it"), {"fields": ("shown",)}),
        (_("Publication"), {"fields": ("created_at", ("published_at", "published_by"))}),
    )
    actions_detail = (*VersionedAdmin.actions_detail, "send_test")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("template")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        may = request.user.has_perm("nurture.delete_wording")
        return may and isinstance(obj, Wording) and is_draft(obj)

    @display(description=_("Fields you may use"))
    def merge_fields(self, obj: Wording) -> str:
        return " · ".join(f"{{{{ {field.name} }}}} {field.label}" for field in rendering.FIELDS.values())

    @display(description=_("Preview"))
    def shown(self, obj: Wording) -> SafeString | str:
        """The words for an invented lead, so that whoever writes them sees nobody's data."""
        if obj.pk is None:
            return _("Save first.")
        try:
            words = trial.show(obj)
        except RuleError as error:
            return error.message
        url = reverse("admin:nurture_wording_preview", args=[obj.pk])
        return format_html(
            '<strong>{}</strong><pre class="mc-words">{}</pre><span class="mc-quiet">{}</span> '
            '<a class="mc-link" href="{}">{}</a>',
            words.subject,
            words.body,
            _size(obj, words),
            url,
            _("Preview with a real lead"),
        )

    def get_urls(self) -> list:
        view = self.admin_site.admin_view(self.preview)
        return [path("<int:pk>/preview/", view, name="nurture_wording_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest, pk: int) -> TemplateResponse:
        """The words as one lead would get them; only for who may see that lead. Reads, sends nothing; asked by POST, so
        that no number or name is left in addresses."""
        wording = self.get_object(request, str(pk))
        if wording is None:
            raise Http404
        if not self.has_view_permission(request, wording) or not request.user.has_perm("leads.view_lead"):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("“%(wording)s” for a lead") % {"wording": wording},
            "opts": self.opts,
            "wording": wording,
            "asked": request.POST.get("lead", ""),
            **_preview(wording, request),
        }
        return TemplateResponse(request, "nurture/preview.html", context)

    @service_action(
        _("Send a test to me"),
        permissions=["publish"],
        icon="outgoing_mail",
        text=_("It goes by e-mail to your own address, filled in for an invented lead. No lead is contacted."),
    )
    def send_test(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        wording = Wording.objects.select_related("template").get(pk=pk)
        trial.send_test(wording, to=request.user.email, key=f"test-{pk}-{at:%Y%m%d%H%M%S%f}")

    publish = publish_action(_("The words in force retire; every step that uses the template says these from now on."))

    def put_in_force(self, pk: int, *, by: AbstractBaseUser, at: datetime) -> None:
        publishing.publish_wording(pk, at=at, by=by)

    def put_back(self, pk: int, *, by: AbstractBaseUser, at: datetime) -> None:
        publishing.go_back_wording(pk, at=at, by=by)
