"""Bringing files in: upload, say what the columns are, look at what would happen, import, mend, release or undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from leads.importing import kinds, runs
from leads.importing.kinds import Kind
from leads.models import ImportMapping, ImportRow, ImportRun
from leads.models.importing import ImportPhase as Phase
from medcrm.lib.actions import ActionForm, service_action, widgets
from medcrm.lib.admin import ModelAdmin, ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import display
from medcrm.lib.errors import RuleError
from medcrm.lib.filters import ChoicesDropdownFilter

REFUSED_SHOWN = 20
SAMPLES = 3
LOOKS = {
    Phase.UPLOADED: ("info", "upload_file"),
    Phase.CHECKING: ("info", "timer"),
    Phase.CHECKED: ("info", "fact_check"),
    Phase.IMPORTING: ("info", "timer"),
    Phase.IMPORTED: ("warn", "inventory"),
    Phase.RELEASING: ("info", "timer"),
    Phase.RELEASED: ("good", "check_circle"),
    Phase.UNDOING: ("warn", "undo"),
    Phase.UNDONE: ("quiet", "undo"),
    Phase.CANCELLED: ("warn", "pause_circle"),
    Phase.FAILED: ("bad", "error"),
}
# What can be done from where, in the order of the buttons.
OFFERED = {
    Phase.CHECKING: ("cancel",),
    Phase.IMPORTING: ("cancel",),
    Phase.IMPORTED: ("release", "undo"),
    Phase.RELEASED: ("undo",),
    Phase.RELEASING: ("undo",),
    Phase.CANCELLED: ("go_on", "undo"),
    Phase.FAILED: ("undo",),
}
COUNTS = {
    "created": _("New leads"),
    "repeated": _("Added to an existing lead"),
    "with_consent": _("With consent and proof"),
    "opted_out": _("Opted out"),
    "rejected": _("Refused"),
    "granted": _("Permissions given"),
    "withdrawn": _("Withdrawals"),
    "days": _("Days set"),
    "documents": _("Documents noted"),
    "numbers": _("Numbers on the list"),
    "numbers_checked": _("Numbers checked"),
    "lines_found": _("Kinds of line found"),
    "updated": _("Updated"),
    "removed": _("Leads taken out"),
    "detached": _("Taken off known leads"),
    "voided": _("Permissions taken back"),
    "kept": _("Kept, because somebody worked on them"),
}


class UploadForm(ActionForm):
    kind = forms.ChoiceField(
        label=_("What is in the file"), choices=lambda: [(k.code, k.label) for k in kinds.all_kinds()]
    )
    file = forms.FileField(
        label=_("File"),
        widget=widgets.UnfoldAdminFileFieldWidget,
        help_text=_("CSV or XLSX with the column names in the first row."),
    )

    def __init__(self, data: object = None, files: object = None, *, request: HttpRequest) -> None:
        super().__init__(data, obj=None, request=request)
        self.files = files or {}


def columns_form(run: ImportRun, kind: Kind, request: HttpRequest) -> ActionForm:
    """One choice per column, the options of the kind, and a name to keep it all under."""
    form = ActionForm(request.POST if request.method == "POST" else None, obj=run, request=request)
    known = [("", _("leave out")), *((f.name, f.label) for f in kind.fields)]
    samples = run.reading.get("sample", [])[:SAMPLES]
    for place, column in enumerate(run.reading["header"]):
        shown = " · ".join(cells[place] for cells in samples if place < len(cells) and cells[place])
        form.fields[f"column_{place}"] = forms.ChoiceField(
            label=column, choices=known, required=False, initial=run.mapping.get(column, ""), help_text=shown[:120]
        )
    for option in kind.options:
        initial = run.options.get(option.name, "")
        common = {
            "label": option.label,
            "required": option.is_required,
            "initial": initial,
            "help_text": option.help_text,
        }
        form.fields[f"option_{option.name}"] = (
            forms.ChoiceField(choices=[("", "—"), *option.choices()], **common)
            if option.choices
            else forms.CharField(max_length=80, **common)
        )
    form.fields["save_as"] = forms.CharField(
        label=_("Remember these columns as"), max_length=80, required=False, help_text=_("e.g. “Austin referral list”.")
    )
    form.look()
    return form


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    about = ("leads.importrun", "pk")
    list_display = ("file_name", "what", "phase_badge", "progress", "refused", "by", "created_at")
    list_select_related = ("by",)
    list_filter = (("phase", ChoicesDropdownFilter),)
    ordering = ("-pk",)
    sortable_by = ()
    change_form_template = "leads/import_run.html"
    actions_detail = ("go_on", "release", "undo", "cancel")
    empty_text = _("Nothing has been imported yet. Press “Add import” and choose a CSV or XLSX file.")

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.add_importrun")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list:
        run = self.get_object(request, object_id)
        offered = [name for name in OFFERED.get(run.phase, ()) if name != "undo" or runs.wrote(run)] if run else ()
        kind = kinds.kind_of(run.kind) if run else None
        names = {
            f"{self.opts.app_label}_{self.opts.model_name}_{name}"
            for name in offered
            if name == "cancel" or kind and (kind.makes_leads or name == "undo" and kind.undo_chunk)
        }
        return [a for a in super().get_actions_detail(request, object_id) if a.action_name in names]

    @display(description=_("Holds"))
    def what(self, obj: ImportRun) -> object:
        return kinds.kind_of(obj.kind).label

    @display(description=_("State"))
    def phase_badge(self, obj: ImportRun) -> object:
        tone, symbol = LOOKS[Phase(obj.phase)]
        return badge(obj.phase, obj.get_phase_display(), tone=tone, symbol=symbol)

    @display(description=_("Rows"))
    def progress(self, obj: ImportRun) -> str:
        total = f"{obj.rows_total:,}" if obj.rows_total is not None else "…"
        return _now("%(done)s of %(total)s") % {"done": f"{obj.counts.get('written', 0):,}", "total": total}

    @display(description=_("Refused"))
    def refused(self, obj: ImportRun) -> str:
        return f"{obj.counts.get('rejected', 0):,}"

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = (
            UploadForm(request.POST, request.FILES, request=request)
            if request.method == "POST"
            else UploadForm(request=request)
        )
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            try:
                run = runs.upload(form.cleaned_data["kind"], file, file.name, at=timezone.now(), by=request.user)
            except RuleError as error:
                form.add_error("file", error.message)
            else:
                self.log_addition(request, run, "uploaded")
                return HttpResponseRedirect(self.page_of(run))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "title": _("Import a file"),
        }
        return TemplateResponse(request, "leads/import_upload.html", context)

    def page_of(self, run: ImportRun) -> str:
        return reverse("admin:leads_importrun_change", args=[run.pk])

    def get_urls(self) -> list[URLPattern]:
        def named(view: Callable[..., HttpResponse], part: str) -> URLPattern:
            return path(f"<int:pk>/{part}/", self.admin_site.admin_view(view), name=f"leads_importrun_{part}")

        return [
            named(require_POST(self.start_view), "start"),
            named(require_POST(self.rejects_view), "rejects"),
            *super().get_urls(),
        ]

    def run_of(self, request: HttpRequest, pk: int) -> ImportRun:
        run = self.get_object(request, str(pk))
        if run is None:
            raise Http404
        if not self.has_add_permission(request):
            raise PermissionDenied
        return run

    def start_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Check or import with the columns chosen."""
        run = self.run_of(request, pk)
        form = columns_form(run, kinds.kind_of(run.kind), request)
        if not form.is_valid():
            return self.change_view(request, str(pk), extra_context={"columns": form})
        cleaned = form.cleaned_data
        header = run.reading["header"]
        try:
            runs.start(
                run.pk,
                is_dry="import" not in request.POST,
                at=timezone.now(),
                mapping={column: cleaned[f"column_{place}"] for place, column in enumerate(header)},
                options={n.removeprefix("option_"): v for n, v in cleaned.items() if n.startswith("option_")},
                save_as=cleaned["save_as"],
            )
        except RuleError as error:
            messages.error(request, error.message)
        else:
            self.log_change(request, run, "import" if "import" in request.POST else "check")
        return HttpResponseRedirect(self.page_of(run))

    def rejects_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The rows that were refused, to be mended and sent again; that somebody took them is noted."""
        run = self.run_of(request, pk)
        self.log_change(request, run, "rejected rows downloaded")
        name = f"refused-{run.pk}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(runs.rejected_file(run), content_type="text/csv; charset=utf-8", headers=headers)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if run is not None and self.has_view_permission(request, run):
            kind = kinds.kind_of(run.kind)
            is_open = run.phase in (Phase.UPLOADED, Phase.CHECKED, Phase.FAILED) and not run.counts.get("written")
            refused = list(run.rows.order_by("pk")[:REFUSED_SHOWN])
            context = {
                "title": run.file_name,
                "row_title": run.file_name,
                "run": run,
                "kind": kind,
                "phase": self.phase_badge(run),
                "is_working": run.due_at is not None,
                "percent": int(100 * max(run.row - 1, 0) / run.rows_total) if run.rows_total else 0,
                "told": [(COUNTS[n], v) for n, v in run.counts.items() if n in COUNTS],
                "undone": [(COUNTS.get(n, n), v) for n, v in run.undo_counts.items()],
                "reasons": _reasons(run, refused),
                "refused": [(row, [_sentence(p) for p in row.problems]) for row in refused],
                "may_work": self.has_add_permission(request),
                "columns": columns_form(run, kind, request) if is_open and request.method == "GET" else None,
                **context,
            }
        return super().change_view(request, object_id, form_url, context)

    @service_action(
        _("Cancel"), permissions=["work"], icon="pause", text=_("Rows already imported stay; you can continue later.")
    )
    def cancel(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        runs.cancel(pk, at=at)

    @service_action(_("Continue"), permissions=["work"], icon="play_arrow", text=_("Continues with the next row."))
    def go_on(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        runs.start(pk, is_dry=False, at=at)

    @service_action(
        _("Release to the teams"),
        permissions=["work"],
        icon="send",
        variant="primary",
        text=_("The leads are scored, checked and routed, some per second. An undo then keeps what was worked on."),
    )
    def release(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        runs.release(pk, at=at)

    @service_action(
        _("Undo this import"),
        permissions=["work"],
        icon="undo",
        variant="danger",
        text=_("Takes out what nobody has worked on and takes back the consent the file claimed. Opt-outs stay."),
    )
    def undo(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        runs.undo(pk, at=at)

    def has_work_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_add_permission(request)


def _sentence(problem: Mapping[str, str]) -> str:
    """What is wrong with a cell, for who mends it; the code is in the file of refused rows."""
    where = capfirst(problem["field"].replace("_", " "))
    return f"{where}: {problem['sentence']}" if where else problem["sentence"]


def _reasons(run: ImportRun, refused: Sequence[ImportRow]) -> list[tuple[str, int]]:
    """Why rows were refused, most first, each reason in the words of one of its rows."""
    words = {p["code"]: p["sentence"] for row in refused for p in row.problems}
    counted = sorted(run.counts.get("reasons", {}).items(), key=lambda pair: -pair[1])
    return [(words.get(code, capfirst(code.replace("_", " ").lower())), count) for code, count in counted]


@admin.register(ImportMapping)
class ImportMappingAdmin(ModelAdmin):
    """How a supplier's columns are read; renamed or dropped here, made on the page of an import."""

    list_display = ("name", "kind", "saved_at")
    fields = ("name", "kind", "columns", "options", "saved_at")
    readonly_fields = ("kind", "columns", "options", "saved_at")
    sortable_by = ()
    empty_text = _("No columns are remembered yet. Name them when you import a file.")

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


__all__ = ["ImportMappingAdmin", "ImportRunAdmin"]
