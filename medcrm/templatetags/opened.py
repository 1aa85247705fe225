"""What does a field that is only read show? Codes by their names, another row linked if it may be opened."""

from __future__ import annotations

from django import template
from django.contrib import admin
from django.contrib.admin.helpers import AdminReadonlyField
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist
from django.http import HttpRequest
from django.template.context import RequestContext

register = template.Library()


@register.simple_tag(takes_context=True)
def opened(context: RequestContext, field: AdminReadonlyField) -> object:
    """The field's contents; several codes by their names; the bare name of a row whose page would be “forbidden”."""
    row, name = field.form.instance, field.field["field"]
    try:
        shown = row._meta.get_field(name) if isinstance(name, str) else None
    except FieldDoesNotExist:
        shown = None
    if isinstance(shown, ArrayField) and shown.base_field.choices:
        words = dict(shown.base_field.flatchoices)
        return " · ".join(str(words.get(code, code)) for code in getattr(row, name)) or "-"
    other = shown.related_model if shown else None
    if other is None or _opens(context.get("request"), other) or not hasattr(row, f"{name}_id"):
        return field.contents()
    return str(getattr(row, name) or "")


def _opens(request: HttpRequest | None, model: type) -> bool:
    page = admin.site._registry.get(model)
    return page is None or request is None or page.has_view_permission(request)
