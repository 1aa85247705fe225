"""Templates in the admin: wordings by language and version, checked as they are saved, with a preview."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.admin.criteria import is_draft
from leads.admin.rules import NoteForm, VersionedAdmin
from leads.models import Lead, Source
from medcrm.lib.admin import (
    ChoicesDropdownFilter,
    CodedAdmin,
    ReadOnlyInline,
    badge_column,
    display,
    service_action,
    verb_permission,
)
from nurture import publishing, rendering
from nurture.links import Recipient
from nurture.models import Template, Wording
from nurture.rendering import NotRendered


class WordingInline(ReadOnlyInline):
    model = Wording
    fields = readonly_fields = ("language", "version", "status", "subject", "published_at")
    show_change_link = True


@admin.register(Template)
class TemplateAdmin(CodedAdmin):
    list_display = ("name", "code", "medium", "purpose", "is_active")
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
        (_("Publication"), {"fields": (("created_at", "published_at", "published_by"),)}),
    )
    status_badge = badge_column("status", _("Status"))
    has_publish_permission = verb_permission("publish")

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
        found = rendering.problems(obj.subject, obj.body, medium=obj.template.medium)
        if found:
            return " ".join(found)
        source = Source.objects.select_related("seller").first()
        if source is None:
            return _("There is no source yet whose seller could sign it.")
        lead = Lead(source=source, first_name="Jordan", organisation="Example Practice")
        try:
            words = rendering.render(
                obj.subject, obj.body, medium=obj.template.medium, lead=lead, recipient=Recipient(0, "", 0)
            )
        except NotRendered as reason:
            return str(reason)
        size = f"{rendering.segments(words.body)} segments" if obj.template.medium == "sms" else ""
        return format_html(
            "<strong>{}</strong><pre>{}</pre><span class='mc-quiet'>{}</span>", words.subject, words.body, size
        )

    @service_action(
        _("Start a draft from this version"),
        permissions=["draft"],
        form=NoteForm,
        icon="edit_note",
        text=_("The draft is a copy. This version stays as it is, and in force, until the draft is published."),
        submit=_("Start the draft"),
    )
    def start_draft(self, request: HttpRequest, pk: int, *, at: datetime, note: str) -> None:
        publishing.draft_wording(pk, note=note)

    @service_action(
        _("Publish"),
        permissions=["publish"],
        icon="publish",
        variant="primary",
        text=_("The words in force retire; every step that uses the template says these from now on."),
    )
    def publish(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        publishing.publish_wording(pk, at=at, by=request.user)
