"""How does somebody act on rows? By POST, with the permission for the row itself, through one service.

The theme's plain row and detail actions are GET links, so whatever changes data is a `service_action`, which says what
came of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import pghistory
from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold import widgets
from unfold.enums import ActionVariant

from medcrm.lib.errors import InvalidFields, RuleError

if TYPE_CHECKING:
    from medcrm.lib.admin import ModelAdmin

MOST_ROWS = 1_000  # what one request does within its time; more is narrowed, or done by a rule or an import

__all__ = ["ActionForm", "outcome", "service_action", "verb_permission", "widgets"]


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
    More than MOST_ROWS are refused before anything is read. `text` may be a function of the row, or of the rows, that
    are asked about.
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
            if queryset.order_by()[: MOST_ROWS + 1].count() > MOST_ROWS:
                messages.error(request, too_many())
                return None
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
            self.note(request, name, rows)
            _say_why(name, filled)
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


def too_many() -> str:
    most = number_format(MOST_ROWS, force_grouping=True)
    return _("At most %(most)s rows at once, so nothing was done. Narrow the list, or choose a page of it.") % {
        "most": most
    }


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
