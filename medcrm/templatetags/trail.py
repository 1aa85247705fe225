"""Where is the reader? The head of a page in the words of the sidebar: the list, the row, and what is done there."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.contrib.admin.utils import quote
from django.db import models
from django.template.context import RequestContext
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from medcrm import admin_site

register = template.Library()


@dataclass(frozen=True)
class Part:
    title: object
    link: str = ""


@register.simple_tag(takes_context=True)
def trail(context: RequestContext) -> list[Part]:
    """The parts of the head, the last one being the page itself."""
    row = _row(context)
    opts = context.get("opts") or (row._meta if row is not None else None)
    if opts is None:
        return [Part(context.get("content_title") or context.get("title") or "MedCRM")]
    name = f"admin:{opts.app_label}_{opts.model_name}"
    parts = [Part(admin_site.name_of_list(opts, context.request), _link(f"{name}_changelist"))]
    if row is not None:
        parts.append(Part(context.get("row_title") or row, _link(f"{name}_change", quote(row.pk))))
    does = _does(context, row)
    return [*parts, Part(does)] if does else parts


def _row(context: RequestContext) -> models.Model | None:
    candidates = (context.get(name) for name in ("original", "object", "target"))
    return next((row for row in candidates if isinstance(row, models.Model)), None)


def _does(context: RequestContext, row: models.Model | None) -> object:
    """What the page does beside showing the list or the row."""
    if "dialog_title" in context:
        return context["dialog_title"]
    if "entries" in context:
        return _("History")
    if row is None and "cl" not in context:
        return capfirst(str(context.get("title") or ""))
    return ""


def _link(name: str, *args: object) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
