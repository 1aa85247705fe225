"""Badges, icons and small wordings for templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime

from django import template
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString

from leads.names import Names
from medcrm.lib import badges, phones

register = template.Library()
DAY = re.compile(r"\d{4}-\d\d-\d\d")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
register.simple_tag(badges.icon, name="icon")
register.filter("phone", phones.spoken)


@register.simple_tag
def badge(code: str, label: object = "") -> SafeString:
    return badges.badge(code, label)


@register.simple_tag
def field_badge(obj: models.Model, field: str) -> SafeString | str:
    return badges.field_badge(obj, field) or "–"


@register.filter
def signed(number: int) -> str:
    return f"{number:+d}"


@register.filter
def moment(value: object) -> str:
    """A day or an instant that is kept as text, on the reader's clock; what is none stays as it is."""
    text = str(value)
    if DAY.fullmatch(text):
        return date_format(date.fromisoformat(text), "M j, Y")
    if INSTANT.match(text):
        found = datetime.fromisoformat(text)
        return date_format(timezone.localtime(found) if timezone.is_aware(found) else found, "M j, g:i A")
    return text


@register.filter
def facts_in_words(facts: object, names: Names | None = None) -> str:
    """The structured facts of a timeline entry, in a line; what is kept by its code is called by its name."""
    if not isinstance(facts, Mapping):
        return ""
    said = {fact: _named(fact, value, names or {}) for fact, value in facts.items() if value not in ("", None, [])}
    return "; ".join(f"{_word(fact)}: {_words(value)}" for fact, value in said.items())


def _named(fact: str, value: object, names: Names) -> object:
    if isinstance(value, list):
        return [names.get((fact, str(item)), item) for item in value]
    return names.get((fact, str(value)), value)


def _word(code: object) -> str:
    return str(code).replace("_", " ")


def _words(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_word(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_word(name)} {_word(item)}" for name, item in value.items())
    return _word(moment(value))
