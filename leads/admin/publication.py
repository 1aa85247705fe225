"""When did which rules come into force, what did they change, and how far have they reached the leads?"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from leads.admin import effects
from leads.effects import Effect
from leads.models import Publication
from medcrm.lib import reading
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.columns import display, link
from medcrm.lib.filters import RangeDateFilter


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    list_display = ("at", "what", "by", "is_return", "reached", "changed", "woken")
    list_select_related = ("scoring_model", "next_step_set", "checklist__service", "by")
    list_filter = (("at", RangeDateFilter),)
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("version", ("at", "by"), "is_return")}),
        (_("Rollout to the leads"), {"fields": ("reached", ("changed", "woken"), "finished_at")}),
    )
    readonly_fields = ("version", "reached")
    change_form_after_template = "leads/publication.html"
    empty_text = _("Publish a draft of the scoring, next steps or checklists, and its rollout to the leads shows here.")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With what it was to change; the preview names only leads that the reader may see."""
        publication = self.get_object(request, object_id)
        if publication is not None and publication.effect.get("tables"):
            shown = effects.shown(Effect.from_json(publication.effect), request.user)
            reading.note(request, "list", "leads.lead", sorted(effects.seen(shown)))
            extra_context = {**(extra_context or {}), "shown": shown}
        return super().change_view(request, object_id, form_url, extra_context)

    @display(description=_("Version"))
    def what(self, obj: Publication) -> str:
        return str(obj.version_set)

    @display(description=_("Version"))
    def version(self, obj: Publication) -> SafeString | None:
        return link(obj.version_set)

    @display(description=_("Reached"))
    def reached(self, obj: Publication) -> str:
        return effects.progress(obj)
