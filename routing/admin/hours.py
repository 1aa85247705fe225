"""How are working hours read and typed? A line per weekday, “08:00–12:00, 13:00–17:00”; an empty line is a day off."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from django import forms
from django.core.exceptions import ValidationError
from django.utils import dates
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from medcrm.lib.actions import widgets
from routing.calendar import DAYS

WEEKDAYS = dict(zip(DAYS, dates.WEEKDAYS.values(), strict=True))
BETWEEN = re.compile(r"\s*(?:-|–|—|\bto\b|\buntil\b)\s*", re.IGNORECASE)
NEXT = re.compile(r"\s*(?:[,;]|\band\b)\s*", re.IGNORECASE)
TIME = re.compile(r"(\d{1,2})(?:[:.](\d\d))?\s*(?:([ap])\.?m\.?)?", re.IGNORECASE)
NOON, MIDNIGHT = 12, 24 * 60
NAMED = {"noon": NOON * 60, "midnight": MIDNIGHT}

Week = dict[str, list[list[str]]]


class WeekWidget(forms.MultiWidget):
    """Seven lines, each with the name of its day."""

    template_name = "routing/week.html"

    def __init__(self, attrs: dict[str, object] | None = None) -> None:
        lines = {
            day: widgets.UnfoldAdminTextInputWidget({"aria-label": name, "autocomplete": "off", "spellcheck": "false"})
            for day, name in WEEKDAYS.items()
        }
        super().__init__(lines, attrs)

    def decompress(self, value: Mapping[str, Sequence[Sequence[str]]] | None) -> list[str]:
        return [line_of((value or {}).get(day, ())) for day in WEEKDAYS]

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, object]:
        context = super().get_context(name, value, attrs)
        context["days"] = list(zip(WEEKDAYS.values(), context["widget"]["subwidgets"], strict=True))
        return context


class HoursField(forms.Field):
    """The hours of a week as the calendar reads them; None where no day has any and none are needed."""

    widget = WeekWidget

    def clean(self, value: Sequence[str]) -> Week | None:
        week, wrong = {}, []
        for (day, name), line in zip(WEEKDAYS.items(), value, strict=True):
            try:
                windows = read_line(line)
            except ValueError as error:
                wrong.append(ValidationError(f"{name}: {error}"))
            else:
                week |= {day: windows} if windows else {}
        if wrong:
            raise ValidationError(wrong)
        if self.required and not week:
            raise ValidationError(_("Write the hours of one day at least."))
        return week or None

    def has_changed(self, initial: Mapping[str, Sequence[Sequence[str]]] | None, data: Sequence[str]) -> bool:
        return self.widget.decompress(initial) != list(data)


def line_of(windows: Sequence[Sequence[str]]) -> str:
    return ", ".join(f"{opens}–{closes}" for opens, closes in windows)


def read_line(line: str) -> list[list[str]]:
    """The windows of one day, in order. Raise ValueError that says what is wrong, in words."""
    windows, earliest = [], 0
    for part in sorted((_window(part) for part in NEXT.split(line.strip()) if part), key=lambda window: window[0]):
        opens, closes = part
        if opens < earliest:
            raise ValueError(_now("Two spans overlap at %(time)s.") % {"time": _clock(opens)})
        windows.append([_clock(opens), _clock(closes)])
        earliest = closes
    return windows


def _window(text: str) -> tuple[int, int]:
    ends = BETWEEN.split(text)
    if len(ends) != 2:
        raise ValueError(_now("“%(text)s” is no span of time; write e.g. 08:00–17:00 or 8 AM–5 PM.") % {"text": text})
    opens, closes = (_minute(end) for end in ends)
    if closes <= opens:
        raise ValueError(
            _now("“%(text)s” ends before it begins; for the afternoon write e.g. 17:00 or 5 PM.") % {"text": text}
        )
    return opens, closes


def _minute(text: str) -> int:
    """Minutes after midnight."""
    if named := NAMED.get(text.lower()):
        return named
    match = TIME.fullmatch(text)
    hour, minute = (int(match[1]), int(match[2] or 0)) if match else (0, 60)
    half = (match[3] or "").lower() if match else ""
    if half:
        is_wrong = not 1 <= hour <= NOON
        hour = hour % NOON + (NOON if half == "p" else 0)
    else:
        is_wrong = hour * 60 + minute > MIDNIGHT
    if is_wrong or minute > 59:
        raise ValueError(_now("“%(text)s” is no time of day; write e.g. 08:00 or 8 AM.") % {"text": text})
    return hour * 60 + minute


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def in_words(hours: Mapping[str, Sequence[Sequence[str]]]) -> SafeString:
    """The days that have hours, each on a line, for who may not change them."""
    rows = ((name, line_of(hours[day])) for day, name in WEEKDAYS.items() if hours.get(day))
    return format_html_join("", "<div>{}: {}</div>", rows)
