"""How is an event or an attempt told to a person? One plain sentence, without codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from consent.models import Attempt, ConsentEvent
from consent.vocabulary import EventKind, GrantChannel, Level, LineType, Purpose, Scope, Verdict


def tell(event: ConsentEvent, named: Callable[[str], str] = str) -> str:
    """Say what an event means for permission; `named` gives a seller's name for its code."""
    kind = EventKind(event.kind).label
    if event.kind == EventKind.GRANT:
        return _("Permission for %(channels)s: %(level)s for %(purposes)s, naming %(sellers)s.") % {
            "channels": _names(GrantChannel, event.channels),
            "level": Level(event.level).label.lower() if event.level else "",
            "purposes": _names(Purpose, event.purposes),
            "sellers": ", ".join(map(named, event.sellers)) or _("nobody"),
        }
    if event.kind in (EventKind.REVOKE, EventKind.CLARIFY, EventKind.INTERNAL_DNC) and event.scope:
        return f"{kind}: {Scope(event.scope).label.lower()}."
    if event.kind in (EventKind.INBOUND, EventKind.REVIEW):
        return f"{kind}: {Verdict(event.verdict).label.lower()}."
    if event.kind == EventKind.NUMBER_CHECK:
        return _("Reassigned-numbers check: %(result)s.") % {"result": event.facts.get("result", "")}
    if event.kind == EventKind.LINE_TYPE:
        return _("Kind of line: %(line)s.") % {"line": _names(LineType, [event.facts.get("line_type", "")])}
    return f"{kind}."


def spaced(code: str) -> str:
    """A code as it reads without its underscores, where its name would cost a query for each row."""
    return code.replace("_", " ").replace(":", " ").capitalize()


def _names(choices: Any, codes: list[str]) -> str:
    return ", ".join(str(choices(code).label).lower() for code in codes if code in choices.values)


def said(event: ConsentEvent) -> str:
    """Return the words the person used, if they were not erased."""
    return str(_body(event).get("text", ""))


def evidence(event: ConsentEvent) -> Mapping[str, object]:
    """Return the evidence kept with an event, if it was not erased."""
    found = _body(event).get("evidence", {})
    return found if isinstance(found, Mapping) else {}


def _body(event: ConsentEvent) -> Mapping[str, object]:
    values = getattr(event, "values", None)
    return json.loads(values.body) if values else {}


def tell_attempt(attempt: Attempt) -> str:
    """Say what became of an attempt and on what it rested."""
    return f"{attempt.get_channel_display()}, {attempt.get_purpose_display().lower()}: {attempt.sentence}"
