"""What does this request look at? Noted by the pages, written down once at the end of the request (audit.middleware).

A person is named by a label that no room needs another room for: “leads.lead:17”, “consent.address:5”.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.http import HttpRequest


@dataclass
class Reading:
    """The first thing noted says what was done; everyone seen on the way is kept."""

    action: str
    model: str
    query: str = ""
    subjects: dict[str, None] = field(default_factory=dict)  # a set that keeps its order


def note(request: HttpRequest, action: str, model: str, subjects: Iterable[object] = (), *, query: str = "") -> None:
    """Note that `request` does `action` (view, list, search, export, print, history, change…) to rows about people.

    `subjects` are keys of `model`, or whole labels. Every page that shows a person calls this; the admin base does it.
    """
    reading = noted(request)
    if reading is None:
        request.medcrm_reading = reading = Reading(action, model, query)  # type: ignore[attr-defined]
    for each in subjects:
        if each is not None:
            reading.subjects[each if isinstance(each, str) and ":" in each else f"{model}:{each}"] = None


def noted(request: HttpRequest) -> Reading | None:
    """What was noted of this request; None where it read about nobody."""
    return getattr(request, "medcrm_reading", None)
