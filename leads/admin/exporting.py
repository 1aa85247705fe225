"""Taking data out: asked with a reason, kept in a log, fetched by a link that expires."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from leads import exporting
from leads.models import Export
from medcrm.lib import reading
from medcrm.lib.actions import ActionForm
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import display
from medcrm.lib.errors import RuleError
from medcrm.lib.filters import ChoicesDropdownFilter

LOOKS = {"waiting": ("info", "timer"), "ready": ("good", "download"), "expired": ("quiet", "history"),
         "failed": ("bad", "error")}  # fmt: skip


class ExportForm(ActionForm):
    what = forms.ChoiceField(label=_("What"))
    format = forms.ChoiceField(label=_("As"), choices=Export.Format.choices[:3])
    since = forms.DateField(label=_("From"), required=False, help_text=_("Empty: from the beginning."))
    reason = forms.CharField(label=_("For whom and why"), max_length=200, help_text=_("e.g. audit 2026, ticket 117"))

    def __init__(self, data: object = None, *, request: HttpRequest) -> None:
        super().__init__(data, obj=None, request=request)
        self.fields["what"].choices = [(what.code, what.label) for what in exporting.offered(request.user)]


SINCE = {"leads": "created_at__gte", "timeline": "at__gte", "consent": "recorded_at__gte", "attempts": "at__gte"}


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    about = ("leads.export", "pk")
    list_display = ("what", "format", "state_badge", "rows", "by", "reason", "asked_at")
    list_select_related = ("by",)
    list_filter = (("state", ChoicesDropdownFilter),)
    change_form_template = "leads/export.html"
    sortable_by = ()
    empty_text = _("Nothing has been exported yet. Press “Add export” and say what and why.")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Everyone sees the own exports; compliance sees all of them, as the log."""
        rows = super().get_queryset(request)
        return rows if request.user.has_perm("leads.audit_export") else rows.filter(by=request.user)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.add_export") and bool(exporting.offered(request.user))

    @display(description=_("State"))
    def state_badge(self, obj: Export) -> object:
        tone, symbol = LOOKS[obj.state]
        return badge(obj.state, obj.get_state_display(), tone=tone, symbol=symbol)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ExportForm(request.POST if request.method == "POST" else None, request=request)
        if request.method == "POST" and form.is_valid():
            asked = form.cleaned_data
            since = {SINCE[asked["what"]]: asked["since"].isoformat()} if asked["since"] else {}
            try:
                export = exporting.ask(
                    asked["what"],
                    asked["format"],
                    reason=asked["reason"],
                    by=request.user,
                    at=timezone.now(),
                    filters=since,
                )
            except RuleError as error:
                form.add_error(error.field or None, error.message)
            else:
                self.log_addition(request, export, export.reason)
                return HttpResponseRedirect(reverse("admin:leads_export_change", args=[export.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "title": _("Export data"),
        }
        return TemplateResponse(request, "leads/export_ask.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        export = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if export is not None and self.has_view_permission(request, export):
            is_mine = export.by_id == request.user.pk and export.state == Export.State.READY
            url = f"{reverse('admin:leads_export_file')}?link={exporting.token_of(export)}" if is_mine else ""
            context |= {"title": str(export), "export": export, "url": url, "state": self.state_badge(export)}
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        file = path("file/", self.admin_site.admin_view(self.file_view), name="leads_export_file")
        return [file, *super().get_urls()]

    def file_view(self, request: HttpRequest) -> HttpResponse:
        """The file, to the person who asked for it and to nobody else, as long as the link lives."""
        try:
            export = exporting.open_by(request.GET.get("link", ""), user=request.user, at=timezone.now())
        except RuleError as error:
            raise PermissionDenied(error.message) from None
        reading.note(request, "export", "leads.export", [f"leads.export:{export.pk}"], query=export.reason)
        name = f"{export.what}-{export.asked_at:%Y-%m-%d}.{export.format}"
        return FileResponse(
            export.file.open("rb"), as_attachment=True, filename=name, headers={"Cache-Control": "no-store"}
        )
