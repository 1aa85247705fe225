"""Which codes does the nurture room speak in? Labels are editable, codes are not."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from leads.vocabulary import SourceKind


class SequenceCode(TextChoices):
    """The sequences of the product [2.15]; more may be added as data, these always exist."""

    NOT_REACHED = "not_reached", _("Not reached")
    FIRST_VISIT = "first_visit", _("First visit")
    DOCUMENTS = "documents", _("Documents")
    EDUCATION = "education", _("Education")
    APPROVAL_PENDING = "approval_pending", _("Approval pending")
    RECYCLE = "recycle", _("Recycle")
    NO_SHOW = "no_show", _("No-show")
    ACKNOWLEDGEMENT = "acknowledgement", _("Acknowledgement")
    VISIT_BOOKED = "visit_booked", _("Visit booked")
    VISIT_MOVED = "visit_moved", _("Visit moved")
    VISIT_CANCELLED = "visit_cancelled", _("Visit cancelled")
    VISIT_REMINDER = "visit_reminder", _("Visit reminder")


NOTICES = (
    SequenceCode.ACKNOWLEDGEMENT,
    SequenceCode.VISIT_BOOKED,
    SequenceCode.VISIT_MOVED,
    SequenceCode.VISIT_CANCELLED,
    SequenceCode.VISIT_REMINDER,
)
"""Those that are entered by what happened, whatever else goes on, and have said all they say with one message."""


class VisitNoticeKind(TextChoices):
    """What is told about a visit, each by the sequence of the same name."""

    BOOKED = "booked", _("Booked")
    MOVED = "moved", _("Moved")
    CANCELLED = "cancelled", _("Cancelled")
    REMINDER = "reminder", _("Reminder")

    @property
    def sequence(self) -> SequenceCode:
        return SequenceCode(f"visit_{self.value}")


class Medium(TextChoices):
    """How a step reaches the lead. A call is a task for staff: whoever dials asks the gate at that moment."""

    EMAIL = "email", _("E-mail")
    SMS = "sms", _("Text message")
    CALL = "call", _("Call task")


class ExitCode(TextChoices):
    """Why an enrolment ended, or was refused from the start."""

    NO_LONGER_MATCHES = "no_longer_matches", _("The lead moved on: decision, next step or facts changed")
    REPLIED = "replied", _("The lead replied")
    BOOKED = "booked", _("An appointment is booked")
    NO_CHANNEL = "no_channel", _("No channel of the sequence is permitted")
    CLOSED = "closed", _("The lead is closed")
    QUIET = "quiet", _("Quiet for too long")
    ENDED = "ended", _("The sequence's end date passed")
    UNWANTED = "unwanted", _("The lead does not want to hear about it")
    REMOVED = "removed", _("Taken out by a person")


MAY_ENTER_AGAIN = (ExitCode.NO_LONGER_MATCHES, ExitCode.NO_CHANNEL, ExitCode.BOOKED, ExitCode.CLOSED, ExitCode.UNWANTED)
"""After any other end, or after the last step, the same sequence is not entered again in the same cycle."""


class SkipCode(TextChoices):
    """Why a step was not taken, or not yet, where the reason is our own; the gate's reasons keep the gate's codes."""

    TOO_LATE = "TOO_LATE", _("Its time has passed")
    CONDITION_NOT_MET = "CONDITION_NOT_MET", _("Its condition is not met")
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW", _("Outside the step's own hours")
    NO_ADDRESS = "NO_ADDRESS", _("No address for this channel")
    NO_WORDING = "NO_WORDING", _("No published wording")
    NOT_RENDERED = "NOT_RENDERED", _("The wording could not be filled in")
    FREQUENCY_LIMIT = "FREQUENCY_LIMIT", _("Enough contacts for now")
    PERSON_DUE_TODAY = "PERSON_DUE_TODAY", _("One of us owes them something today")
    PREFERS_OTHER = "PREFERS_OTHER", _("They prefer another way to hear from us")
    ANSWERED = "ANSWERED", _("A person was in touch already")
    SWITCHED_OFF = "SWITCHED_OFF", _("Switched off")
    LEAD_CLOSED = "LEAD_CLOSED", _("The lead is closed")
    EMERGENCY_WAITS = "EMERGENCY_WAITS", _("An emergency waits for a person")
    VISIT_MOVED = "VISIT_MOVED", _("The visit was moved")
    VISIT_CANCELLED = "VISIT_CANCELLED", _("The visit was cancelled")
    VISIT_OVER = "VISIT_OVER", _("The visit is over")
    TOLD_JUST_NOW = "TOLD_JUST_NOW", _("They heard of the visit a short while before")


ACKNOWLEDGED_BY_DEFAULT = frozenset({SourceKind.WEBSITE_FORM, SourceKind.LANDING_PAGE, SourceKind.ONLINE_AD})
"""Where the person asks us for something and waits; a guide or a webinar is followed up by its sequence."""
NEVER_ACKNOWLEDGED = frozenset({SourceKind.PURCHASED_LIST, SourceKind.IMPORT})
"""Where nobody asked us."""
AGAIN_AFTER_HOURS = 24
"""After so many who asks again is told again, where no row says otherwise."""
