"""What may a source's own form ask? Fields of an inquiry, in order, each once."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework import serializers

from leads.serializers import InquirySerializer

NOT_ASKED = {"consent", "documents", "is_test", "page_url"}  # the form itself says these, or nobody does
# It chooses the questions and the services, or is nothing to ask anybody, so the source must know it beforehand.
KNOWN_ONLY = {"lead_type", "campaign"}
NAMES = sorted(set(InquirySerializer().fields) - NOT_ASKED)
KEYS = {"field", "required", "value"}


def problems(asked: object) -> list[str]:
    """What is wrong with a list of questions, as sentences; empty when a form can be made of it."""
    if not isinstance(asked, list):
        return [_("Write a list, e.g. [“first_name”, {“field”: “phone”, “required”: true}].")]
    found, names = [], [row.get("field") if isinstance(row, dict) else row for row in asked]
    for row, name in zip(asked, names, strict=True):
        if name not in NAMES:
            about = {"name": name, "all": ", ".join(NAMES)}
            found.append(_("“%(name)s” is no field of an inquiry. There are: %(all)s.") % about)
        elif names.count(name) > 1:
            found.append(_("“%(name)s” is asked twice.") % {"name": name})
        elif isinstance(row, dict) and row.get("value") is not None:
            found += _about_value(name, row["value"])
        elif name in KNOWN_ONLY:
            found.append(
                _("%(name)s: nobody is asked for it. Write the value that it always has.") % {"name": _said(name)}
            )
        if isinstance(row, dict) and (odd := sorted(row.keys() - KEYS)):
            found.append(_("A question has “field”, “required” or “value”, not “%(odd)s”.") % {"odd": ", ".join(odd)})
    return list(dict.fromkeys(found))


def _about_value(name: str, value: object) -> list[str]:
    """What an inquiry would say to this value."""
    try:
        InquirySerializer().fields[name].run_validation(value)
    except serializers.ValidationError as error:
        return [f"{_said(name)}: {problem}" for problem in error.detail]
    return []


def _said(name: str) -> str:
    return name.replace("_", " ").capitalize()


def values_of(name: str) -> list[str]:
    """The values that a field may have, where they are few and known."""
    return [str(code) for code in getattr(InquirySerializer().fields.get(name), "choices", ()) if code]
