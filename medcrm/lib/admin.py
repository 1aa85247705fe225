"""The one door to the admin theme: base classes, badges and actions that every app's admin is built from.

Only this module imports django-unfold. Its plain row and detail actions are GET links, so whatever changes data is a
`service_action`: a POST that checks permissions on the object itself, calls one service and says what came of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import ClassVar
from urllib.parse import urlsplit

import pghistory
from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import BaseModelAdmin, ShowFacets
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold import admin as unfold
from unfold import widgets
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from medcrm.lib import history, reading
from medcrm.lib.badges import badge, field_badge, icon, yes_no_badge
from medcrm.lib.errors import InvalidFields, RuleError
from medcrm.lib.filters import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RelatedDropdownFilter,
)
from medcrm.lib.paginator import BoundedPaginator

__all__ = [
    "ActionForm",
    "AdminPasswordChangeForm",
    "BooleanRadioFilter",
    "ChoicesDropdownFilter",
    "CodedAdmin",
    "DropdownFilter",
    "ModelAdmin",
    "RangeDateFilter",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "RelatedDropdownFilter",
    "StackedInline",
    "TabularInline",
    "UserChangeForm",
    "UserCreationForm",
    "badge",
    "badge_column",
    "display",
    "field_badge",
    "icon",
    "link",
    "link_to",
    "note_picked",
    "note_url",
    "service_action",
    "verb_permission",
    "widgets",
    "yes_no_badge",
]


class _FewQueries(BaseModelAdmin):
    """Foreign keys are picked by search where the other side can be searched, so no page loads a whole table."""

    def get_autocomplete_fields(self, request: HttpRequest) -> Sequence[str]:
        found = list(super().get_autocomplete_fields(request))
        for field in self.model._meta.get_fields():
            is_key = isinstance(field, models.ForeignKey | models.ManyToManyField)
            if is_key and field.name not in found and self._is_searchable(field.related_model):
                found.append(field.name)
        return [name for name in found if name not in self.raw_id_fields]

    def formfield_for_foreignkey(self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: object):
        """Offer, and take, only people whom the user may see: a key that was guessed is no choice."""
        other = self.admin_site._registry.get(db_field.related_model)
        if getattr(other, "about", None) and "queryset" not in kwargs:
            kwargs["queryset"] = other.get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _is_searchable(self, model: type[models.Model]) -> bool:
        other = self.admin_site._registry.get(model)
        return other is not None and bool(other.search_fields) and not isinstance(other, CodedAdmin)


class ModelAdmin(_FewQueries, unfold.ModelAdmin):
    """A model that staff work with. Lists select what they show and count no further than a bound."""

    empty_text: ClassVar[object] = ""
    """What to do when the list is empty, in a sentence."""
    about: ClassVar[tuple[str, ...] | None] = None
    """Rows about people: the model of the person and the paths from a row to its key: ("leads.lead", "lead_id")."""
    object_history_template = "admin/history.html"
    fits: ClassVar[Mapping[str, Callable[[models.Model], bool]]] = {}
    """Detail actions that are offered only where the row stands right for them; the service refuses the others."""
    history_also: ClassVar[history.Also] = ()
    """Event tables of rows that belong to a row of this model, with the field that points to it."""
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = True
    warn_unsaved_form = True
    compressed_fields = True
    save_on_top = False
    show_facets = ShowFacets.NEVER  # a count per choice would read the whole table once per filter
    view_on_site = False

    class Media:
        css: ClassVar = {"all": ["medcrm/medcrm.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None) or {}
        if request.method == "GET" and "cl" in shown:
            term = request.GET.get("q", "").strip()
            self.note(request, "search" if term else "list", shown["cl"].result_list, query=request.GET.urlencode())
        return response

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> HttpResponse:
        if object_id is not None:
            self.note_key(request, "change" if request.method == "POST" else "view", object_id)
        response = super().changeform_view(request, object_id, form_url, extra_context)
        original = (getattr(response, "context_data", None) or {}).get("original")
        if original is not None:
            self.note(request, "view", [original])
        return response

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """What changed, when, by whom and why, from the database's own record of every change."""
        self.note_key(request, "history", object_id)
        obj = self.get_object(request, unquote(object_id))
        if obj is not None and self.has_view_permission(request, obj):
            self.note(request, "history", [obj])
            entries = [*history.read(obj, request.user, also=self.history_also), *self.more_history(obj)]
            newest = sorted(entries, key=lambda entry: entry.at, reverse=True)[: history.SHOWN]
            extra_context = {**(extra_context or {}), "entries": newest}
        return super().history_view(request, object_id, extra_context)

    def more_history(self, obj: models.Model) -> list[history.Entry]:
        """What else belongs into the history of a row: what its own tables tell, rather than a trigger."""
        return []

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list:
        """Leave out what does not fit the row as it stands."""
        actions = super().get_actions_detail(request, object_id)
        row = self.get_object(request, unquote(object_id)) if self.fits else None
        if row is None:
            return actions
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        unfit = {f"{prefix}{name}" for name, is_fit in self.fits.items() if not is_fit(row)}
        return [action for action in actions if action.action_name not in unfit]

    def note(self, request: HttpRequest, action: str, rows: Iterable[models.Model], *, query: str = "") -> None:
        """Note in the access log whom these rows are about."""
        if self.about:
            label, *paths = self.about
            subjects = [key for row in rows for path in paths if (key := _follow(row, path)) is not None]
            reading.note(request, action, self.opts.label_lower, [f"{label}:{key}" for key in subjects], query=query)

    def note_key(self, request: HttpRequest, action: str, object_id: str) -> None:
        """Note who was asked for before anything is read, so that a refusal is logged too."""
        if self.about:
            label, *paths = self.about
            subjects = [f"{label}:{unquote(object_id)}"] if paths == ["pk"] else []
            reading.note(request, action, self.opts.label_lower, subjects)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Rows about people are filtered by what the page offers, never by guessing at a text letter by letter."""
        field = _field(self.model, lookup.split("__")[0])
        is_text = isinstance(field, models.CharField | models.TextField) and not field.choices
        if self.about and is_text and lookup not in {_filter_name(each) for each in self.get_list_filter(request)}:
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_actions(self, request: HttpRequest) -> dict:
        """Leave out “delete selected”: rows are retired, not dropped in batches."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class ReadOnlyAdmin(ModelAdmin):
    """A ledger: nobody adds, changes or deletes here, not even a superuser."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class CodedAdmin(ModelAdmin):
    """A vocabulary row: its code is fixed once it exists, its wording is not, and it is retired, never deleted."""

    list_display = ("name", "code", "is_active")
    search_fields = ("name", "code")
    list_filter = (("is_active", BooleanRadioFilter),)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Sequence[str]:
        fixed = ("code",) if obj else ()
        return (*super().get_readonly_fields(request, obj), *fixed)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class TabularInline(_FewQueries, unfold.TabularInline):
    """Rows of a table; their name stands above each only where it links to a page of their own."""

    extra = 0
    hide_title = True


class StackedInline(_FewQueries, unfold.StackedInline):
    extra = 0


class ReadOnlyInline(TabularInline):
    """Rows shown beside their parent and written only by services; the newest twenty, with a link to the rest."""

    can_delete = False
    ordering = ("-pk",)
    per_page = 20
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def badge_column(field: str, description: object = "", *, sortable: bool = False) -> Callable:
    """A list column that shows a choice field as its badge; sortable only where an index serves the order."""

    @display(description=description or capfirst(field.replace("_", " ")), ordering=field if sortable else None)
    def column(self: BaseModelAdmin, obj: models.Model) -> SafeString | None:
        return field_badge(obj, field)

    column.__name__ = f"{field}_badge"
    return column


def link(obj: models.Model | None, label: object = "") -> SafeString | None:
    """A link to the row's own page, or its name where it has none."""
    if obj is None:
        return None
    meta = obj._meta
    try:
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(obj.pk)])
    except NoReverseMatch:
        return format_html("{}", label or obj)
    return format_html('<a class="mc-link" href="{}">{}</a>', url, label or obj)


def link_to(label: str, key: object) -> SafeString:
    """A link to the page of a row that is only named, e.g. “leads.lead”, 17; its page says whether it may be seen."""
    name = f"{capfirst(str(apps.get_model(label)._meta.verbose_name))} {key}"
    try:
        url = reverse(f"admin:{label.replace('.', '_')}_change", args=[quote(key)])
    except NoReverseMatch:
        return format_html("{}", name)
    return format_html('<a class="mc-link" href="{}">{}</a>', url, name)


def note_picked(site: admin.AdminSite, request: HttpRequest, response: JsonResponse) -> None:
    """Note whom an autocomplete box offered."""
    asked = request.GET
    try:
        field = apps.get_model(asked["app_label"], asked["model_name"])._meta.get_field(asked["field_name"])
        page = site._registry[field.remote_field.model]
    except (LookupError, FieldDoesNotExist):
        return
    label, *paths = getattr(page, "about", None) or ("",)
    if label:
        found = json.loads(response.content).get("results", []) if paths == ["pk"] else []
        subjects = [f"{label}:{row['id']}" for row in found]
        reading.note(request, "pick", page.opts.label_lower, subjects, query=asked.get("term", ""))


def note_url(site: admin.AdminSite, request: HttpRequest) -> None:
    """Note whom a page of its own under the admin was asked for, by its name (“leads_lead_…”) and its key."""
    match = request.resolver_match
    if match is None or match.namespace != "admin":
        return
    key = match.kwargs.get("object_id") or match.kwargs.get("pk")
    for page in site._registry.values():
        name = f"{page.opts.app_label}_{page.opts.model_name}_"
        if key is not None and (match.url_name or "").startswith(name) and isinstance(page, ModelAdmin):
            page.note_key(request, "change" if request.method == "POST" else "view", str(key))


def _filter_name(each: object) -> object:
    """The name by which a filter of a list is asked for."""
    if isinstance(each, tuple):
        return each[0]
    return getattr(each, "parameter_name", each)


def _follow(row: models.Model, path: str) -> object:
    for name in path.split("."):
        row = getattr(row, name, None)
    return row


def _field(model: type[models.Model], name: str) -> models.Field | None:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def verb_permission(verb: str) -> Callable:
    """`has_reassign_permission = verb_permission("reassign")`: may the user do this verb to the model's rows?"""

    def has_permission(self: BaseModelAdmin, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{verb}_{self.opts.model_name}")

    has_permission.__name__ = f"has_{verb}_permission"
    return has_permission


class ActionForm(forms.Form):
    """What an action asks for before it acts. Fields get the theme's look by themselves; `obj` is None for many."""

    LOOK: ClassVar = {
        forms.TextInput: widgets.UnfoldAdminTextInputWidget,
        forms.Textarea: widgets.UnfoldAdminTextareaWidget,
        forms.NumberInput: widgets.UnfoldAdminIntegerFieldWidget,
        forms.Select: widgets.UnfoldAdminSelectWidget,
        forms.CheckboxInput: widgets.UnfoldBooleanSwitchWidget,
        forms.CheckboxSelectMultiple: widgets.UnfoldAdminCheckboxSelectMultipleWidget,
        forms.EmailInput: widgets.UnfoldAdminEmailInputWidget,
    }
    PICKED: ClassVar = {
        forms.DateInput: ("date", "%Y-%m-%d"),
        forms.DateTimeInput: ("datetime-local", "%Y-%m-%dT%H:%M"),
        forms.TimeInput: ("time", "%H:%M"),
    }
    """Days and times are picked in the browser's own way, which says them in one form whatever the language."""

    def __init__(self, data: object = None, *, obj: models.Model | None = None, request: HttpRequest) -> None:
        super().__init__(data)
        self.obj, self.request = obj, request
        self.look()

    def look(self) -> None:
        """Dress the fields; called again by a form that makes fields of its own."""
        for number, field in enumerate(self.fields.values()):
            look, picked = self.LOOK.get(type(field.widget)), self.PICKED.get(type(field.widget))
            if picked:
                dressed = {**field.widget.attrs, "class": " ".join(widgets.INPUT_CLASSES)}
                field.widget = type(field.widget)(attrs=dressed, format=picked[1])
                field.widget.input_type, field.widget.is_required = picked[0], field.required
            elif look:
                choices, kind = getattr(field, "choices", None), getattr(field.widget, "input_type", None)
                field.widget = look(attrs=field.widget.attrs)
                if kind:
                    field.widget.input_type = kind
                if choices is not None:
                    field.widget.choices = choices
                field.widget.is_required = field.required
            if number == 0:
                field.widget.attrs["autofocus"] = True


def service_action(
    description: object,
    *,
    permissions: Iterable[str],
    text: object | Callable[[object], object] = "",
    form: type[ActionForm] = ActionForm,
    icon: str = "bolt",
    variant: str = "default",
    submit: object = "",
    at_once: bool = False,
) -> Callable:
    """Make a method that calls one service into an action, for `actions` (many rows) and `actions_detail` (one).

    The method gets `(self, request, pk, *, at, **fields)`. It only ever runs by POST, after the user confirmed. For one
    row a refusal is shown in the dialog, beside its field; for many the outcome reads “12 done, 3 refused: CODE × 2 …”.
    `text` may be a function of the row, or of the rows, that are asked about.
    With `at_once` the method gets all keys in one list and returns key → code of the rows that were refused; for a
    single row it raises instead.
    """

    def decorator(method: Callable) -> Callable:
        name = method.__name__

        @wraps(method)
        def inner(
            self: ModelAdmin,
            request: HttpRequest,
            queryset: models.QuerySet | None = None,
            *,
            object_id: str | None = None,
        ) -> HttpResponse | None:
            if object_id is not None:
                return _act_on_one(self, request, object_id)
            return _act_on_many(self, request, queryset)

        def _act_on_one(self: ModelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
            self.note_key(request, name if request.method == "POST" else "view", object_id)
            obj = self.get_object(request, unquote(object_id))
            if obj is None:
                raise Http404
            self.note(request, name, [obj])
            _require(self, request, obj)
            filled = form(request.POST if request.method == "POST" else None, obj=obj, request=request)
            if request.method == "POST" and filled.is_valid():
                _say_why(name, filled)
                try:
                    method(self, request, [obj.pk] if at_once else obj.pk, at=timezone.now(), **filled.cleaned_data)
                except RuleError as error:
                    _show(filled, error)
                else:
                    self.log_change(request, obj, str(description))
                    messages.success(request, _("Done: %(what)s.") % {"what": description})
                    return _leave(self, request, obj)
            return _ask(self, request, filled, obj=obj, is_many=False)

        def _act_on_many(self: ModelAdmin, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
            _require(self, request, None)
            is_confirmed = "_confirmed" in request.POST
            filled = form(request.POST if is_confirmed else None, request=request)
            if not is_confirmed or not filled.is_valid():
                return _ask(self, request, filled, obj=queryset, is_many=True)
            if at_once:
                return _act_at_once(self, request, queryset, filled)
            done, refused = 0, Counter()
            chosen = list(queryset.order_by("pk"))
            self.note(request, name, chosen)
            _say_why(name, filled)
            for obj in chosen:
                try:
                    _require(self, request, obj)
                    method(self, request, obj.pk, at=timezone.now(), **filled.cleaned_data)
                except RuleError as error:
                    refused[error.code] += 1
                else:
                    self.log_change(request, obj, str(description))
                    done += 1
            level = messages.WARNING if refused else messages.SUCCESS
            messages.add_message(request, level, outcome(done, refused))
            return None

        def _act_at_once(
            self: ModelAdmin, request: HttpRequest, queryset: models.QuerySet, filled: ActionForm
        ) -> HttpResponse | None:
            rows = list(queryset.order_by("pk"))
            for obj in rows:
                _require(self, request, obj)
            try:
                codes = method(self, request, [obj.pk for obj in rows], at=timezone.now(), **filled.cleaned_data)
            except RuleError as error:
                _show(filled, error)
                return _ask(self, request, filled, obj=queryset, is_many=True)
            moved = [obj for obj in rows if obj.pk not in codes]
            LogEntry.objects.log_actions(request.user.pk, moved, CHANGE, str(description))
            level = messages.WARNING if codes else messages.SUCCESS
            refused = Counter(str(code).upper() for code in codes.values())
            messages.add_message(request, level, outcome(len(rows) - len(codes), refused))
            return None

        def _require(self: ModelAdmin, request: HttpRequest, obj: models.Model | None) -> None:
            if not all(getattr(self, f"has_{p}_permission")(request, obj) for p in inner.allowed_permissions):
                raise PermissionDenied

        def _ask(self: ModelAdmin, request: HttpRequest, filled: ActionForm, *, obj: object, is_many: bool):
            context = {
                **self.admin_site.each_context(request),
                "title": description,
                "opts": self.opts,
                "form": filled,
                "dialog_title": description,
                "dialog_text": text(obj) if callable(text) else text,
                "dialog_submit": submit or description,
                "action_name": name,
                "selected": request.POST.getlist(ACTION_CHECKBOX_NAME) if is_many else [],
                "select_across": request.POST.get("select_across", "0") if is_many else "",
                "target": None if is_many else obj,
                "target_count": obj.count() if is_many else 1,
            }
            in_dialog = request.headers.get("HX-Request") == "true"
            template = "admin/action_dialog.html" if in_dialog else "admin/action_page.html"
            return TemplateResponse(request, template, context)

        inner.allowed_permissions = tuple(permissions)
        inner.short_description = description
        inner.dialog = {"title": description, "description": "" if callable(text) else text}
        inner.icon, inner.variant, inner.attrs = icon, ActionVariant(variant), {}
        inner.original_function_name = name
        inner.url_path = name.replace("_", "-")
        inner.is_service_action = True
        return inner

    return decorator


def _say_why(action: str, form: ActionForm) -> None:
    """Give the history of what changes the action and the reason the person wrote."""
    given = [str(form.cleaned_data[name]) for name in ("reason", "note", "said", "why") if form.cleaned_data.get(name)]
    pghistory.context(action=action, **({"why": given[0]} if given else {}))


def outcome(done: int, refused: Counter) -> str:
    """“12 done, 3 refused: NOT_CONTACTABLE × 2, INVALID_TRANSITION × 1.”"""
    parts = [ngettext("%(n)d done", "%(n)d done", done) % {"n": done}]
    if refused:
        codes = ", ".join(f"{code} × {count}" for code, count in refused.most_common())
        total = refused.total()
        parts.append(ngettext("%(n)d refused", "%(n)d refused", total) % {"n": total} + f": {codes}")
    return ", ".join(parts) + "."


def _show(form: ActionForm, error: RuleError) -> None:
    problems = error.errors if isinstance(error, InvalidFields) else {error.field: [error.message]}
    for field, sentences in problems.items():
        for sentence in sentences:
            if field in form.fields:
                form.add_error(field, sentence)
            else:
                form.add_error(None, f"{field}: {sentence}" if field else sentence)


def _leave(self: ModelAdmin, request: HttpRequest, obj: models.Model) -> HttpResponse:
    """Go back to the row, or to the list when the action took it out of the user's sight."""
    prefix = f"admin:{self.opts.app_label}_{self.opts.model_name}"
    is_visible = self.get_object(request, str(obj.pk)) is not None
    url = reverse(f"{prefix}_change", args=[quote(obj.pk)]) if is_visible else reverse(f"{prefix}_changelist")
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(headers={"HX-Redirect": _asked_from(request, prefix) or url})
    return HttpResponseRedirect(url)


def _asked_from(request: HttpRequest, prefix: str) -> str:
    """The page of another row on which the dialog was opened, to go back to; blank for the row's own pages."""
    url = request.headers.get("HX-Current-URL", "")
    if not url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure()):
        return ""
    path = urlsplit(url)
    return "" if path.path.startswith(reverse(f"{prefix}_changelist")) else path._replace(scheme="", netloc="").geturl()
