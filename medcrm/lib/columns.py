"""What does a column of a list show? Choices as badges, and other rows as links to their pages."""

from __future__ import annotations

from collections.abc import Callable

from django.apps import apps
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.utils import quote
from django.db import models
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.decorators import display

from medcrm.lib.badges import field_badge

__all__ = ["badge_column", "display", "link", "link_to"]


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
