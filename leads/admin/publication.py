"""When did which rules come into force, what did they change, and how far have they reached the leads?"""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.admin import effects
from leads.effects import Effect
from leads.models import Publication
from medcrm.lib.admin import RangeDateFilter, ReadOnlyAdmin, display, link


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    list_display = ("at", "what", "by", "is_return", "reached", "changed", "woken")
    list_select_related = ("scoring_model", "next_step_set", "checklist__service", "by")
    list_filter = (("at", RangeDateFilter),)
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("version", ("at", "by"), "is_return")}),
        (_("Its way to the leads"), {"fields": ("reached", ("changed", "woken"), "finished_at")}),
        (_("What it was to change, as previewed when it came into force"), {"fields": ("previewed",)}),
    )
    readonly_fields = ("version", "reached", "previewed")
    empty_text = _("Publish a draft of the scoring, next steps or checklists, and its way to the leads shows here.")

    def get_readonly_fields(self, request: HttpRequest, obj: Publication | None = None) -> tuple[str, ...]:
        # The preview names leads, and only those the reader may see.
        if obj is not None:
            obj.reader = request.user
        return (*super().get_readonly_fields(request, obj),)

    @display(description=_("Version"))
    def what(self, obj: Publication) -> str:
        return str(obj.version_set)

    @display(description=_("Version"))
    def version(self, obj: Publication) -> SafeString | None:
        return link(obj.version_set)

    @display(description=_("Reached"))
    def reached(self, obj: Publication) -> str:
        return effects.progress(obj)

    @display(description=_("Preview"))
    def previewed(self, obj: Publication) -> SafeString | str:
        return effects.render(Effect.from_json(obj.effect), obj.reader) if obj.effect.get("tables") else ""
