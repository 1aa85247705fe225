"""What do I say to this lead? A script's words with the lead's own facts in their places.

A place is written `{service}`. A fact that is not known stays an open place, which the caller asks for; a stretch in
square brackets is said only where all its places are filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils import translation
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from leads import capacity
from leads.models import Lead

PLACE = re.compile(r"\{([a-z_]+)\}")
STRETCH = re.compile(r"\[([^\[\]]*\{[^\[\]]*)\]")
TIMES_OFFERED = 3


@dataclass(frozen=True)
class Piece:
    """A stretch of a script: plain words, a known fact, or an open place with the name of what is missing."""

    text: str
    kind: str = "words"  # or "fact", or "open"


FACTS: Mapping[str, tuple[object, Callable[[Lead], object]]] = {
    "name": (gettext_lazy("name"), lambda lead: lead.name),
    "organisation": (gettext_lazy("organisation"), lambda lead: lead.organisation),
    "service": (gettext_lazy("service"), lambda lead: lead.service),
    "clinic": (gettext_lazy("clinic"), lambda lead: lead.preferred_clinic),
    "question": (gettext_lazy("question"), lambda lead: lead.question),
    "payer": (gettext_lazy("payer"), lambda lead: lead.payer),
    "timing": (gettext_lazy("time"), lambda lead: lead.timing),
    "people": (gettext_lazy("number of people"), lambda lead: lead.clinic_size),
    "rollout": (gettext_lazy("start"), lambda lead: lead.rollout or lead.timing),
    "seller": (gettext_lazy("our name"), lambda lead: lead.source.seller),
}
GIVEN = {"caller": gettext_lazy("your name"), "documents": gettext_lazy("documents"), "times": gettext_lazy("times")}


def fill(
    words: str,
    lead: Lead,
    *,
    caller: str,
    documents: Sequence[str] = (),
    times: Sequence[date] = (),
    language: str = "en",
) -> list[Piece]:
    """The script in pieces. Reads the lead's own rows only; `documents` and `times` come from whoever has read them.

    Days are said in `language`, which is the script's.
    """
    with translation.override(language):
        days = get_text_list([f"{date_format(day, 'l')} {date_format(day, 'MONTH_DAY_FORMAT')}" for day in times])
    given = {"caller": caller, "documents": ", ".join(documents).lower(), "times": days}
    pieces: list[Piece] = []
    for number, stretch in enumerate(STRETCH.split(words)):
        filled = _pieces(stretch, lead, given)
        if number % 2 == 0 or all(piece.kind != "open" for piece in filled):
            pieces += filled
    return pieces


def _pieces(words: str, lead: Lead, given: Mapping[str, str]) -> list[Piece]:
    parts = enumerate(PLACE.split(words))
    return [_piece(part, is_place=number % 2 == 1, lead=lead, given=given) for number, part in parts if part]


def _piece(part: str, *, is_place: bool, lead: Lead, given: Mapping[str, str]) -> Piece:
    if not is_place:
        return Piece(part)
    label, read = FACTS.get(part, (GIVEN.get(part, part), None))
    value = str((read(lead) if read else given.get(part, "")) or "")
    return Piece(value, "fact") if value else Piece(str(label), "open")


def unknown_places(words: str) -> list[str]:
    """Places that no fact fills: what is wrong with a script before it is saved."""
    return sorted(set(PLACE.findall(words)) - FACTS.keys() - GIVEN.keys())


def open_days(lead: Lead, *, at: datetime) -> list[date]:
    """The first days from its window on that are offered to the lead, all of them at the clinic it prefers where that
    has any. Two queries."""
    days = capacity.open_days(at=at).filter(offering__in=capacity.offered_to(lead.pk))
    if lead.window_opens_on:
        days = days.filter(date__gte=lead.window_opens_on)
    is_preferred = ExpressionWrapper(Q(offering__clinic=lead.preferred_clinic_id), output_field=BooleanField())
    found = days.annotate(is_preferred=is_preferred).order_by("-is_preferred", "date")
    rows = list(found.values_list("is_preferred", "date").distinct()[:TIMES_OFFERED])
    return [day for preferred, day in rows if preferred == rows[0][0]]


def places_in_words() -> str:
    """The places a script may use, for the help text of its editor."""
    places = ", ".join(f"{{{name}}}" for name in (*FACTS, *GIVEN))
    told = _("Places that are filled in: %(places)s. What stands in [ ] is said only where its places are filled.")
    return told % {"places": places}
