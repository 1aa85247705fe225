"""May a message be left where nobody answers, and what may it say? As the person said, not as we like [X57, H20]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from leads.models import Answer, Lead
from leads.targets import NO, YES

QUESTION = "safe_to_leave_message"


@dataclass(frozen=True)
class Wish:
    """What was said of messages, blank where nobody has asked or the answer ran out, and what follows from it."""

    said: str
    sentence: str

    @property
    def is_refused(self) -> bool:
        return self.said == NO


def wish_of(lead: Lead, *, at: datetime) -> Wish:
    """What this lead, or one that was merged into it, said of messages; a no outweighs a yes. One query."""
    rows = Answer.objects.in_force(at).filter(Q(lead=lead) | Q(lead__merged_into=lead), code=QUESTION)
    answers = set(rows.values_list("value", flat=True))
    said = next((plain for plain in (NO, YES) if plain in answers), "")
    return Wish(said, _sentence(lead, said))


def _sentence(lead: Lead, said: str) -> str:
    if said == NO:
        return _("Do not leave a voicemail: they asked for none. Hang up.")
    if said == YES:
        return _("A voicemail may give our name and ask for a call back; never the reason or a service.")
    if lead.is_organisation:
        return _("A voicemail may give our name and the subject; nothing about any patient.")
    return _("They have not been asked about voicemail: leave only your name and a number to call back.")
