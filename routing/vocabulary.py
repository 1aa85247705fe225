"""The words of routing: how work is dealt out, what is owed, and why somebody got or did not get a lead."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from leads.vocabulary import NextStep


class Strategy(TextChoices):
    ROUND_ROBIN = "round_robin", _("Round robin")
    WEIGHTED = "weighted", _("Weighted")
    LEAST_OPEN = "least_open", _("Least open work")
    CLINIC_STAFF = "clinic_staff", _("The clinic's own staff")


class Owed(TextChoices):
    """What somebody owes a lead; a clock runs for each."""

    FIRST_ATTEMPT = "first_attempt", _("First human attempt")
    FOLLOW_UP = "follow_up", _("Follow-up")
    BOOKING = "booking", _("Booking")
    DOCUMENTS = "documents", _("Documents")
    CHASE = "chase", _("Chasing the payer")
    VISIT = "visit", _("Result of the visit")
    QUOTE = "quote", _("Quote")
    DISCOVERY = "discovery", _("Discovery call")
    PARTNERSHIP = "partnership", _("Partnership call")
    REVIEW = "review", _("Review")
    DECISION = "decision", _("Decision after the last attempt")


LANGUAGE_BARRIER = "language_barrier"  # the result of a call on which no language was shared
ANOTHER = "*"  # in place of a language: some other than the organisation's, nobody knows yet which


# What the step a lead is forwarded to makes somebody owe it.
OWED_BY_STEP: dict[str, Owed] = {
    NextStep.APPOINTMENT: Owed.BOOKING,
    NextStep.DOCUMENTS: Owed.DOCUMENTS,
    NextStep.QUOTE: Owed.QUOTE,
    NextStep.DISCOVERY: Owed.DISCOVERY,
    NextStep.PARTNERSHIP: Owed.PARTNERSHIP,
    NextStep.CALLBACK: Owed.FIRST_ATTEMPT,
}

# What the caller reads as the next action; 120 characters at most.
ACTIONS: dict[str, str] = {
    Owed.FIRST_ATTEMPT: "Call: first attempt",
    Owed.FOLLOW_UP: "Follow up",
    Owed.BOOKING: "Book the appointment",
    Owed.DOCUMENTS: "Collect what is missing",
    Owed.CHASE: "Chase the payer for the authorization",
    Owed.VISIT: "Record what became of the visit",
    Owed.QUOTE: "Answer with a quote",
    Owed.DISCOVERY: "Book the discovery call",
    Owed.PARTNERSHIP: "Make the first partnership call",
    Owed.REVIEW: "Review and decide",
    Owed.DECISION: "Decide: all attempts are used up",
}


# The same where the person withdrew calls and left a way to write open.
WRITTEN: dict[str, str] = {
    Owed.FIRST_ATTEMPT: "Write: first attempt",
    Owed.DISCOVERY: "Agree on the discovery meeting",
    Owed.PARTNERSHIP: "Take up the partnership",
}


class AssignedBecause(TextChoices):
    """Why an assignment was made."""

    RULE = "rule", _("A routing rule")
    FALLBACK = "fallback", _("No rule held: fallback team")
    QUEUE = "queue", _("Nobody eligible: team queue")
    STAND_IN = "stand_in", _("Stand-in of an absent owner")
    REASSIGNED = "reassigned", _("Reassigned by a person")
    ABSENCE = "absence", _("Absence hand-over")
    RETURNED = "returned", _("Handoff returned")
    BREACH = "breach", _("Clock breached")
    CLAIMED = "claimed", _("Taken by “call next”")


class WhyNot(TextChoices):
    """Why a member of the team was not given a lead."""

    INACTIVE = "inactive", _("Login is inactive")
    AWAY = "away", _("Away")
    OFF_DUTY = "off_duty", _("Not at work before it is due")
    UNTRAINED = "untrained", _("Lacks the training")
    UNSKILLED = "unskilled", _("Lacks a skill")
    LANGUAGE = "language", _("Does not speak the language")
    OPEN_CAP = "open_cap", _("Open work at its cap")
    DAILY_CAP = "daily_cap", _("Today's share used up")
    OTHER_CLINIC = "other_clinic", _("Works for another clinic")
    NO_WEIGHT = "no_weight", _("Weight is 0")
    HAD_IT = "had_it", _("It is taken from them")
    TAKEN = "taken", _("Somebody has it already")
    NOT_THEIR_TURN = "not_their_turn", _("Somebody else's turn")
    NO_SCRIPT = "no_script", _("A sensitive service without its documented script")

    @property
    def is_absence(self) -> bool:
        return self in (WhyNot.AWAY, WhyNot.OFF_DUTY)

    @property
    def is_about_agent(self) -> bool:
        """Whether it would be the same for any other lead."""
        return self.is_absence or self in (WhyNot.INACTIVE, WhyNot.OPEN_CAP, WhyNot.DAILY_CAP)
