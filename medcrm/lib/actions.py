"""How does somebody act on rows? By POST, with the permission for the row itself, through one service.

The theme's plain row and detail actions are GET links, so whatever changes data is a `service_action`, which says what
came of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
    single row it raises instead. Another row of the page's model that it returns is where the user goes on.
    """

    def decorator(method: Callable) -> Callable:
        action = _Action(method, description, tuple(permissions), text, form, submit, at_once)

        @wraps(method)
        def inner(
            self: ModelAdmin,
            request: HttpRequest,
            queryset: models.QuerySet | None = None,
            *,
            object_id: str | None = None,
        ) -> HttpResponse | None:
            if object_id is not None:
                return action.on_one(self, request, object_id)
            return action.on_many(self, request, queryset)

        # What Django's list and the theme's buttons read.
        inner.allowed_permissions = action.permissions
        inner.short_description = description
        inner.dialog = {"title": description, "description": "" if callable(text) else text}
        inner.icon, inner.variant, inner.attrs = icon, ActionVariant(variant), {}
        inner.original_function_name = action.name
        inner.url_path = action.name.replace("_", "-")
        inner.is_service_action = True
        return inner

    return decorator


@dataclass(frozen=True)
class _Action:
    """What is asked of whom, and the method that does it, on the page of a model's rows."""

    method: Callable
    description: object
    permissions: tuple[str, ...]
    text: object | Callable[[object], object]
    form: type[ActionForm]
    submit: object
    at_once: bool

    @property
    def name(self) -> str:
        return self.method.__name__

    def on_one(self, page: ModelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, or act and leave; a refusal is shown in the form that asked."""
        page.note_key(request, self.name if request.method == "POST" else "view", object_id)
        obj = page.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        page.note(request, self.name, [obj])
        self._require(page, request, obj)
        filled = self.form(request.POST if request.method == "POST" else None, obj=obj, request=request)
        if request.method == "POST" and filled.is_valid():
            _say_why(self.name, filled)
            try:
                made = self._act(page, request, [obj.pk] if self.at_once else obj.pk, filled)
            except RuleError as error:
                _show(filled, error)
            else:
                page.log_change(request, obj, str(self.description))
                messages.success(request, _("Done: %(what)s.") % {"what": self.description})
                return _leave(page, request, made if isinstance(made, page.model) else obj)
        return self._ask(page, request, filled, about=obj, target=obj)

    def on_many(self, page: ModelAdmin, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Ask, or act and say on the list what came of it."""
        self._require(page, request, None)
        if queryset.order_by()[: MOST_ROWS + 1].count() > MOST_ROWS:
            messages.error(request, too_many())
            return None
        is_confirmed = "_confirmed" in request.POST
        filled = self.form(request.POST if is_confirmed else None, request=request)
        if not is_confirmed or not filled.is_valid():
            return self._ask(page, request, filled, about=queryset)
        rows = list(queryset.order_by("pk"))
        page.note(request, self.name, rows)
        _say_why(self.name, filled)
        act = self._act_at_once if self.at_once else self._act_one_by_one
        try:
            refused = act(page, request, rows, filled)
        except RuleError as error:  # all rows at once were refused
            _show(filled, error)
            return self._ask(page, request, filled, about=queryset)
        level = messages.WARNING if refused else messages.SUCCESS
        messages.add_message(request, level, outcome(len(rows) - refused.total(), refused))
        return None

    def _act_one_by_one(
        self, page: ModelAdmin, request: HttpRequest, rows: list[models.Model], filled: ActionForm
    ) -> Counter:
        """Act on each; return how many were refused by which code."""
        refused = Counter()
        for obj in rows:
            try:
                self._require(page, request, obj)
                self._act(page, request, obj.pk, filled)
            except RuleError as error:
                refused[error.code] += 1
            else:
                page.log_change(request, obj, str(self.description))
        return refused

    def _act_at_once(
        self, page: ModelAdmin, request: HttpRequest, rows: list[models.Model], filled: ActionForm
    ) -> Counter:
        """Act on all in one call; return how many were refused by which code. Raise the refusal of them all."""
        for obj in rows:
            self._require(page, request, obj)
        codes = self._act(page, request, [obj.pk for obj in rows], filled)
        moved = [obj for obj in rows if obj.pk not in codes]
        LogEntry.objects.log_actions(request.user.pk, moved, CHANGE, str(self.description))
        return Counter(str(code).upper() for code in codes.values())

    def _act(self, page: ModelAdmin, request: HttpRequest, keys: object, filled: ActionForm) -> object:
        return self.method(page, request, keys, at=timezone.now(), **filled.cleaned_data)

    def _require(self, page: ModelAdmin, request: HttpRequest, obj: models.Model | None) -> None:
        if not all(getattr(page, f"has_{name}_permission")(request, obj) for name in self.permissions):
            raise PermissionDenied

    def _ask(
        self, page: ModelAdmin, request: HttpRequest, filled: ActionForm, *, about: object, target: object = None
    ) -> TemplateResponse:
        """The form with the sentence about this row, which is the `target`, or about these rows."""
        is_many = target is None
        context = {
            **page.admin_site.each_context(request),
            "title": self.description,
            "opts": page.opts,
            "form": filled,
            "dialog_title": self.description,
            "dialog_text": self.text(about) if callable(self.text) else self.text,
            "dialog_submit": self.submit or self.description,
            "action_name": self.name,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME) if is_many else [],
            "select_across": request.POST.get("select_across", "0") if is_many else "",
            "target": target,
            "target_count": about.count() if is_many else 1,
        }
        in_dialog = request.headers.get("HX-Request") == "true"
        template = "admin/action_dialog.html" if in_dialog else "admin/action_page.html"
        return TemplateResponse(request, template, context)


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


def _leave(page: ModelAdmin, request: HttpRequest, obj: models.Model) -> HttpResponse:
    """Go back to the row, or to the list when the action took it out of the user's sight."""
    prefix = f"admin:{page.opts.app_label}_{page.opts.model_name}"
    is_visible = page.get_object(request, str(obj.pk)) is not None
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
