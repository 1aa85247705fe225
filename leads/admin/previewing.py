"""The page that says what a version of rules would do: it asks, a worker looks, and it tells how far that came."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import Promise

from leads import previews
from leads.models import Preview
from medcrm.lib.models import VersionedSet

ASKED = "look"  # the parameter that names the preview


@dataclass(frozen=True)
class Words:
    """What the page says: its title, with the version's name; what is done; the way back."""

    title: str | Promise
    lead_in: str | Promise
    back: str | Promise


class Previewed:
    """Mixed into the admin of a kind of version that `leads.previews` can look at."""

    preview_words: Words
    preview_page = "preview"
    preview_part = "leads/effect.html"
    """The template of what is found."""

    def get_urls(self) -> list:
        view = self.admin_site.admin_view(self.show_preview)
        page = self.preview_page
        return [path(f"<int:pk>/{page}/", view, name=self._named(page)), *super().get_urls()]

    def _named(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def preview_url(self, version: VersionedSet) -> str:
        return reverse(f"admin:{self._named(self.preview_page)}", args=[version.pk])

    def show_preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask by POST; before an answer the page is there at once, and asks by itself."""
        version = self.get_object(request, str(pk))
        if version is None:
            raise Http404
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        if request.method == "POST":
            asked = previews.ask(version, by=request.user, at=timezone.now())
            return redirect(f"{request.path}?{ASKED}={asked.pk}")
        preview = _asked_for(version, request.GET.get(ASKED, ""))
        context = {
            **self.admin_site.each_context(request),
            "title": self.preview_words.title % {"name": version},
            "opts": self.opts,
            "words": self.preview_words,
            "back": reverse(f"admin:{self._named('change')}", args=[pk]),
            "preview": preview,
            "percent": 100 * preview.done // preview.parts if preview and preview.parts else None,
            "part": self.preview_part,
        }
        if preview and preview.found_at:
            context |= self.found_context(request, preview)
        return TemplateResponse(request, "leads/preview.html", context)

    def found_context(self, request: HttpRequest, preview: Preview) -> dict[str, object]:
        """What the template of what is found needs."""
        raise NotImplementedError


def _asked_for(version: VersionedSet, key: str) -> Preview | None:
    """None for one that was not asked about this version, or is kept no longer: the page asks anew."""
    if not key.isdecimal():
        return None
    return previews.of(version).filter(pk=min(int(key), Preview._meta.pk.MAX_BIGINT)).select_related("asked_by").first()
