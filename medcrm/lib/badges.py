"""How does a state look? One visual language: a tone, a word and an icon, never colour alone [WCAG 2.2, 1.4.1]."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

GOOD, BAD, WARN, INFO, QUIET = "good", "bad", "warn", "info", "quiet"

# Code → tone and icon (Material Symbols). Codes of different vocabularies that mean the same look the same.
LOOKS: Mapping[str, tuple[str, str]] = {
    # Verdicts of the four checks
    "pass": (GOOD, "check_circle"),
    "fail": (BAD, "cancel"),
    "unknown": (QUIET, "help"),
    # Bands
    "high": (GOOD, "signal_cellular_alt"),
    "medium": (INFO, "signal_cellular_alt_2_bar"),
    "low": (QUIET, "signal_cellular_alt_1_bar"),
    # Decisions, of qualification and of the permission gate
    "forward": (GOOD, "arrow_circle_right"),
    "hold": (WARN, "pause_circle"),
    "stop": (BAD, "do_not_disturb_on"),
    "review": (INFO, "person_search"),
    "allow": (GOOD, "check_circle"),
    "deny": (BAD, "block"),
    # Stages along the road
    "new": (INFO, "fiber_new"),
    "working": (INFO, "support_agent"),
    "forwarded": (GOOD, "arrow_circle_right"),
    "held": (WARN, "pause_circle"),
    "nurturing": (INFO, "spa"),
    "stopped": (BAD, "do_not_disturb_on"),
    "converted": (GOOD, "verified"),
    "lost": (QUIET, "remove_circle"),
    # Urgency and due times
    "urgent": (BAD, "priority_high"),
    "soon": (WARN, "schedule"),
    "routine": (QUIET, "calendar_today"),
    "overdue": (BAD, "alarm"),
    "today": (WARN, "today"),
    "later": (QUIET, "event"),
    # Versions of rules
    "draft": (INFO, "edit_note"),
    "published": (GOOD, "check_circle"),
    "retired": (QUIET, "inventory_2"),
    # Inquiries
    "received": (GOOD, "inbox"),
    "accepted": (GOOD, "check_circle"),
    "refused": (BAD, "report"),
    "discarded": (QUIET, "delete"),
    # Documents and authorizations
    "missing": (WARN, "file_open"),
    "requested": (INFO, "outgoing_mail"),
    "rejected": (BAD, "cancel"),
    "expired": (BAD, "event_busy"),
    "not_needed": (QUIET, "remove"),
    "needed": (WARN, "assignment_late"),
    "submitted": (INFO, "outgoing_mail"),
    "approved": (GOOD, "check_circle"),
    "denied": (BAD, "cancel"),
    # Appointments
    "booked": (INFO, "event_available"),
    "confirmed": (GOOD, "event_available"),
    "attended": (GOOD, "verified"),
    "no_show": (BAD, "person_off"),
    "cancelled": (QUIET, "event_busy"),
    "rescheduled": (QUIET, "update"),
    # Work that is owed, and messages
    "active": (GOOD, "play_circle"),
    "open": (INFO, "pending"),
    "pending": (INFO, "pending"),
    "planned": (QUIET, "event"),
    "reserved": (INFO, "lock_clock"),
    "sent": (INFO, "send"),
    "delivered": (GOOD, "mark_email_read"),
    "replied": (GOOD, "reply"),
    "bounced": (BAD, "unsubscribe"),
    "failed": (BAD, "error"),
    "skipped": (QUIET, "skip_next"),
    "paused": (WARN, "pause_circle"),
    "finished": (QUIET, "flag"),
    "exited": (QUIET, "logout"),
    "returned": (WARN, "undo"),
    "running": (INFO, "timer"),
    "met": (GOOD, "check_circle"),
    "breached": (BAD, "alarm"),
    "yes": (GOOD, "check_circle"),
    "no": (QUIET, "remove"),
}


def icon(name: str) -> SafeString:
    """A decorative icon; the word beside it carries the meaning."""
    return format_html('<span class="material-symbols-outlined mc-icon" aria-hidden="true">{}</span>', name)


def badge(code: str, label: object = "", *, tone: str = "", symbol: str = "", title: object = "") -> SafeString:
    """The badge of a code; unknown codes are quiet, so that a new vocabulary row never breaks a page."""
    known_tone, known_symbol = LOOKS.get(code, (QUIET, "label"))
    return format_html(
        '<span class="mc-badge mc-{}"{}>{}{}</span>',
        tone or known_tone,
        format_html(' title="{}"', title) if title else "",
        icon(symbol or known_symbol),
        label or code.replace("_", " ").capitalize(),
    )


def field_badge(obj: models.Model, field: str) -> SafeString | None:
    """The badge of a choice field or of a coded foreign key; None when blank, so that lists show a dash."""
    value = getattr(obj, field)
    if value in (None, ""):
        return None
    if isinstance(value, models.Model):
        return badge(str(value.pk), str(value))
    return badge(str(value), _labels(obj._meta.get_field(field)).get(value, ""))


@cache
def _labels(field: models.Field) -> Mapping[str, object]:
    """What a field's choices are called. Django's `get_…_display` asks all of them for their words, for every row."""
    return dict(field.flatchoices)


def yes_no_badge(value: bool | None) -> SafeString:
    if value is None:
        return badge("unknown", _("Unknown"))
    return badge("yes", _("Yes")) if value else badge("no", _("No"))
