"""All attempts are used up: what does a supervisor decide? Never a silent close [2.11, X60]."""

from __future__ import annotations

from datetime import date, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import TextChoices
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from leads.models import Lead
from leads.services import reviews
from leads.vocabulary import Outcome
from medcrm.lib.errors import RuleError
from routing.models import Clock
from routing.vocabulary import Owed


class Verdict(TextChoices):
    TRY_AGAIN = "try_again", _("Keep trying, with a fresh count")
    NURTURE = "nurture", _("Stop calling, stay in touch by message")
    PAUSE = "pause", _("Wait until a date")
    STOP = "stop", _("Stop: cannot be reached")


OUTCOMES: dict[str, tuple[Outcome | None, str]] = {
    Verdict.TRY_AGAIN: (None, ""),
    Verdict.NURTURE: (Outcome.NURTURE, ""),
    Verdict.PAUSE: (Outcome.HOLD, "unreachable_pause"),
    Verdict.STOP: (Outcome.DISQUALIFIED, "unreachable"),
}


@transaction.atomic
def decide(
    lead_id: int, verdict: str, *, by: AbstractBaseUser, at: datetime, note: str = "", until: date | None = None
) -> Clock:
    """Make the decision that is owed after the last attempt; it meets the clock. Locks the lead.

    Raise RuleError when no decision is owed, or a pause has no date.
    """
    Lead.objects.lock().get(pk=lead_id)
    clock = open_decision(lead_id)
    if clock is None:
        raise RuleError("NOTHING_TO_DECIDE", gettext("It still has attempts left, or somebody has already decided."))
    if verdict == Verdict.PAUSE and until is None:
        raise RuleError("DATE_MISSING", gettext("Say until when it should wait."), field="until")
    clock.met_at, clock.met_by = at, by
    clock.save(update_fields=["met_at", "met_by"])
    outcome, reason = OUTCOMES[verdict]
    words = f"Attempts used up. {Verdict(verdict).label}. {note}".strip()
    reviews.decide_by_hand(lead_id, outcome, text=words, by=by, at=at, reason=reason, until=until)
    return clock


def open_decision(lead_id: int) -> Clock | None:
    """The clock of the decision that the lead is owed; None where nobody has to decide."""
    return Clock.objects.open().filter(lead=lead_id, owed=Owed.DECISION).first()
