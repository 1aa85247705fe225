"""The pages of the admin: the base classes that every app's are built from.

Only this module and its neighbours `actions`, `columns` and `filters` import django-unfold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import BaseModelAdmin, ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from unfold import admin as unfold
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.templatetags import unfold_list
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from medcrm.lib import history, reading
from medcrm.lib.filters import BooleanRadioFilter
from medcrm.lib.paginator import BoundedPaginator

__all__ = [
    "AdminPasswordChangeForm",
    "CodedAdmin",
    "ModelAdmin",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "StackedInline",
    "TabularInline",
    "UserChangeForm",
    "UserCreationForm",
    "note_picked",
    "note_url",
]


def _heads_once(made: Callable[[ChangeList], Iterable[dict[str, object]]]) -> Callable[[ChangeList], list]:
    """Unfold makes all heads of a list anew for each of its rows, a tenth of the time of a page of fifty."""

    def heads(changelist: ChangeList) -> list[dict[str, object]]:
        if not hasattr(changelist, "heads"):
            changelist.heads = list(made(changelist))
        return changelist.heads

    return heads


unfold_list.result_headers = _heads_once(unfold_list.result_headers)


BOX = unfold.checkbox.render(ACTION_CHECKBOX_NAME, "ROW").split("ROW")
"""What stands before and behind a row's key in the box that ticks it; drawn once, not by a template for each row."""


class _FewQueries(BaseModelAdmin):
    """Foreign keys are picked by search where the other side can be searched, so no page loads a whole table."""

    ticked: ClassVar[Sequence[str]] = ()
    """Many-to-many fields with few choices, shown as boxes to tick."""

    def get_autocomplete_fields(self, request: HttpRequest) -> Sequence[str]:
        found = list(super().get_autocomplete_fields(request))
        for field in self.model._meta.get_fields():
            is_key = isinstance(field, models.ForeignKey | models.ManyToManyField)
            if is_key and field.name not in found and self._is_searchable(field.related_model):
                found.append(field.name)
        return [name for name in found if name not in self.raw_id_fields and name not in self.ticked]

    def formfield_for_foreignkey(self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: object):
        """Offer, and take, only people whom the user may see: a key that was guessed is no choice."""
        other = self.admin_site._registry.get(db_field.related_model)
        if getattr(other, "about", None) and "queryset" not in kwargs:
            kwargs["queryset"] = other.get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: models.ManyToManyField, request: HttpRequest, **kwargs: object):
        """A few things are ticked; two boxes with arrows between them are wider than the page."""
        if db_field.name in self.ticked:
            kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

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

    @display(description=unfold.ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: models.Model) -> SafeString:
        return mark_safe(escape(obj.pk).join(BOX))  # noqa: S308 - the key is escaped

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

    def get_paginator(self, request: HttpRequest, *args: object, **kwargs: object) -> BoundedPaginator:
        paginator = super().get_paginator(request, *args, **kwargs)
        is_choice = request.resolver_match is not None and request.resolver_match.url_name == "autocomplete"
        if is_choice:
            paginator.ahead = paginator.per_page + 1  # a box asks only whether there is more
        page = request.GET.get("page" if is_choice else PAGE_VAR, "")
        paginator.reading = int(page) if page.isdecimal() and page != "0" else 1
        return paginator

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
