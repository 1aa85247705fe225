"""Which words of a mail are the person's own? What it quotes is mostly ours, and asks us for nothing [V02].

Our own rather than a library: those at hand throw away what somebody writes below a quote, keep quoted lines in the
reply, and do not know our footer. Here what gets lost is a request to stop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.translation import gettext, override

# The ways out at the foot of our mails [E01], translated where written; a quote may carry them without any mark.
CHOOSE = "Choose what you hear from us: %(url)s"
STOP = "Stop these e-mails: %(url)s"

LONGEST = 500  # characters of what may head a quote; more than that is somebody's paragraph
MARKED = re.compile(r"\s*>")
DATED = re.compile(r"(?:on|el)\b.*\d", re.IGNORECASE)
WROTE = re.compile(r"(?:on|el)\b.{6,}(?<!\bI )\b(?:wrote|escribi[oó])\s*:$", re.IGNORECASE)
WROTE_SOMEHOW = re.compile(r"(?=.*\d).*<[^<>\s]+@[^<>\s]+>,?(?: \w+){0,3} ?:$")  # a date and a mailbox: any language
ORIGINAL = re.compile(
    r"-{2,} ?(?:original message|forwarded message|mensaje original|mensaje reenviado) ?-{2,}$"
    r"|begin forwarded message:$|inicio del mensaje reenviado:$",
    re.IGNORECASE,
)
FROM = re.compile(r"\*{0,2}(?:from|de):\*{0,2} ?\S", re.IGNORECASE)
FIELD = re.compile(r"\*{0,2}(?:sent|date|to|cc|subject|enviado(?: el)?|fecha|para|asunto):\*{0,2} ?\S", re.IGNORECASE)
DEVICE = re.compile(
    r"(?:sent from|sent via|get outlook for|enviado desde|obtener outlook para)\b.{0,60}$", re.IGNORECASE
)
APART = re.compile(r"\n\s*(?:--\s*)?\n")


@dataclass(frozen=True)
class Parts:
    """A mail taken apart. `below` follows the head of a quote without marks: ours, or theirs at the end of ours."""

    own: str
    below: str = ""

    @property
    def paragraphs(self) -> list[str]:
        return [part for part in APART.split(self.own) if part.strip()]


def take_apart(text: str) -> Parts:
    """Part what the person wrote from what they quote; what stands between or below marked lines is theirs."""
    lines = [line.strip() for line in text.splitlines()]
    own: list[str] = []
    place = 0
    while place < len(lines):
        size = _head(lines, place)
        after = place + size
        if size and not _is_marked(lines[after:]):
            return Parts("\n".join(own), "\n".join(filter(_may_be_theirs, lines[after:])))
        if not size and _may_be_theirs(lines[place]):
            own.append(lines[place])
        place = after if size else place + 1
    return Parts("\n".join(own))


def _head(lines: Sequence[str], place: int) -> int:
    """How many lines from here head a quote; 0 where none begins. Clients break the long ones."""
    if ORIGINAL.match(lines[place]):
        return 1
    if FROM.match(lines[place]) and any(FIELD.match(line) for line in lines[place + 1 : place + 4]):
        return 1
    if len(lines[place]) <= LONGEST and WROTE_SOMEHOW.match(lines[place]):
        return 1
    for size in (1, 2, 3):
        first, *others = lines[place : place + size]
        head = " ".join([first, *others])
        is_one = DATED.match(first) and all(others) and not any(map(DATED.match, others))
        if is_one and len(head) <= LONGEST and WROTE.match(head):
            return size
    return 0


def _is_marked(lines: Sequence[str]) -> bool:
    """Whether the quote that begins here bears marks: then it ends where they end."""
    return bool(MARKED.match(next(filter(None, lines), "")))


def _may_be_theirs(line: str) -> bool:
    return not (MARKED.match(line) or DEVICE.match(line) or _footer().match(line))


@cache
def _footer() -> re.Pattern[str]:
    """The lines at the foot of our mails, in every language we write in; the link may have slipped to the next line."""
    said = set()
    for code, _name in settings.LANGUAGES:
        with override(code):
            said |= {gettext(line).partition("%(url)s")[0].strip() for line in (CHOOSE, STOP)}
    words = "|".join(re.escape(line) for line in sorted(said))
    return re.compile(rf"(?:{words})\s*(?:[<(\[]?https?:.*)?$", re.IGNORECASE)
