"""What must never reach a log or an error tracker: addresses, numbers, tokens, quoted rows. Ids may, people may not.

The last step before a line is written or an event is sent, for what libraries put into theirs.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import MutableMapping
from pathlib import Path

EMAIL = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}")
# Seven digits or more with the usual marks between them; ids, ports and times have fewer or other marks.
PHONE = re.compile(r"(?<![\w.:\-])\+?\(?\d{1,4}\)?(?:[ .\-]?\(?\d{2,4}\)?){2,4}(?![\w:\-])")
TOKEN = re.compile(r"/(?:u|p)/[^/\s\"]+|(?:mck|mcs|whsec)_[A-Za-z0-9_\-+/=]+|Bearer \S+")
DETAIL = re.compile(r"DETAIL:.*", re.DOTALL)  # PostgreSQL quotes the row that it refuses
MARKS = ((TOKEN, "[token]"), (DETAIL, "DETAIL: [left out]"), (EMAIL, "[e-mail]"), (PHONE, "[number]"))
OURS = frozenset({"timestamp", "level", "logger", "request", "route", "event_id"})


def redact(logger: object, name: str, line: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Take addresses, numbers, tokens and quoted rows out of every text of a log line."""
    for key, value in line.items():
        if key not in OURS and isinstance(value, str):
            line[key] = redacted(value)
    return line


def redacted(text: str) -> str:
    for pattern, mark in MARKS:
        text = pattern.sub(mark, text)
    return text


def where(error: BaseException) -> str:
    """Where it broke, innermost first, and nothing of what it says: the words of an error may quote a person."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))


def scrub_event(event: dict[str, object], hint: object = None) -> dict[str, object]:
    """Send an error tracker where it broke, and nothing about whom: no request, no user, no trail, no values."""
    for name in ("request", "user", "breadcrumbs", "extra"):
        event.pop(name, None)
    exception = event.get("exception")
    for found in exception.get("values", ()) if isinstance(exception, dict) else ():
        found["value"] = redacted(str(found.get("value") or ""))
        for frame in (found.get("stacktrace") or {}).get("frames", ()):
            frame.pop("vars", None)
    if isinstance(event.get("logentry"), dict):
        event["logentry"] = {"message": redacted(str(event["logentry"].get("message", "")))}
    return event
