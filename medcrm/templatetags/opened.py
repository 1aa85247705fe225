"""What does a field that is only read show? Another row's name, with a link where the reader may open its page."""

from __future__ import annotations

from django import template
from django.contrib import admin
from django.contrib.admin.helpers import AdminReadonlyField
from django.core.exceptions import FieldDoesNotExist
from django.http import HttpRequest
from django.template.context import RequestContext

register = template.Library()


@register.simple_tag(takes_context=True)
def opened(context: RequestContext, field: AdminReadonlyField) -> object:
    """The field's contents; the bare name of a row whose page would answer “forbidden”."""
    row, name = field.form.instance, field.field["field"]
    try:
        other = row._meta.get_field(name).related_model if isinstance(name, str) else None
    except FieldDoesNotExist:
        other = None
    if other is None or _opens(context.get("request"), other) or not hasattr(row, f"{name}_id"):
        return field.contents()
    return str(getattr(row, name) or "")


def _opens(request: HttpRequest | None, model: type) -> bool:
    page = admin.site._registry.get(model)
    return page is None or request is None or page.has_view_permission(request)
