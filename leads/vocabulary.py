"""The words of a lead: the codes that rules, packets and reports speak in. Labels may change, codes never do."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class LeadType(TextChoices):
    PATIENT = "patient", _("Patient")
    PARTNER = "partner", _("Partner")
    B2B = "b2b", _("Business")


ORGANISATIONS = (LeadType.PARTNER, LeadType.B2B)
"""What ends well by an agreement, not by a visit."""


class ForWhom(TextChoices):
    SELF = "self", _("Self")
    FAMILY = "family", _("Family member")
    OTHER = "other", _("Somebody else")


class Request(TextChoices):
    APPOINTMENT = "appointment", _("Appointment")
    CALLBACK = "callback", _("Call back")
    PRICE = "price", _("Price")
    AVAILABILITY = "availability", _("Availability")
    QUOTE = "quote", _("Quote")
    DEMO = "demo", _("Demo")
    REFERRAL = "referral", _("Referral")
    QUESTION = "question", _("Question")
    INFO = "info", _("Information only")


class Pending(TextChoices):
    """What the person waits to hear about: a call about it informs and sells nothing [V09]."""

    VISIT = "visit", _("Booked visit")
    REQUEST = "request", _("Their own request")


class Urgency(TextChoices):
    ROUTINE = "routine", _("Routine")
    SOON = "soon", _("Soon")
    URGENT = "urgent", _("Urgent")


class Intent(TextChoices):
    """What a source says about intent before anything else is known; a ranking, not a verdict [R8]."""

    HIGH = "high", _("High")
    MEDIUM = "medium", _("Medium")
    LOW = "low", _("Low")


class Band(TextChoices):
    HIGH = "high", _("High")
    MEDIUM = "medium", _("Medium")
    LOW = "low", _("Low")


class Check(TextChoices):
    """The four checks in their fixed order [R2]."""

    FIT = "fit", _("Fit")
    CAPACITY = "capacity", _("Capacity")
    READINESS = "readiness", _("Readiness")
    DECISION_PATH = "decision_path", _("Decision path")


class Verdict(TextChoices):
    PASS = "pass", _("Pass")  # noqa: S105 - a verdict
    FAIL = "fail", _("Fail")
    UNKNOWN = "unknown", _("Unknown")


class Decision(TextChoices):
    FORWARD = "forward", _("Move forward")
    HOLD = "hold", _("Hold")
    STOP = "stop", _("Stop")
    REVIEW = "review", _("Review by a person")


class NextStep(TextChoices):
    APPOINTMENT = "appointment", _("Appointment")
    DOCUMENTS = "documents", _("Collect documents")
    QUOTE = "quote", _("Quote")
    DISCOVERY = "discovery", _("Sales discovery")
    PARTNERSHIP = "partnership", _("Partnership")
    CALLBACK = "callback", _("Call back")
    NURTURE = "nurture", _("Nurture")
    NONE = "none", _("None")


class Outcome(TextChoices):
    APPOINTMENT_SET = "appointment_set", _("Appointment set")
    SENT_TO_TEAM = "sent_to_team", _("Sent to the next team")
    NURTURE = "nurture", _("Added to nurture")
    DOCUMENTS_REQUESTED = "documents_requested", _("Documents requested")
    HOLD = "hold", _("On hold")
    DISQUALIFIED = "disqualified", _("Disqualified")
    REVIEW = "review", _("Sent to review")
    CONCLUDED = "concluded", _("Agreement concluded")


class SourceKind(TextChoices):
    WEBSITE_FORM = "website_form", _("Website form")
    LANDING_PAGE = "landing_page", _("Landing page")
    WEBINAR = "webinar", _("Webinar")
    GUIDE_DOWNLOAD = "guide_download", _("Guide download")
    ONLINE_AD = "online_ad", _("Online ad")
    PARTNER_REFERRAL = "partner_referral", _("Partner referral")
    INBOUND_CALL = "inbound_call", _("Inbound call")
    PURCHASED_LIST = "purchased_list", _("Purchased list")
    IMPORT = "import", _("Import")
    MANUAL = "manual", _("Entered by staff")


FIRST_HAND = frozenset(
    {
        SourceKind.WEBSITE_FORM,
        SourceKind.LANDING_PAGE,
        SourceKind.WEBINAR,
        SourceKind.GUIDE_DOWNLOAD,
        SourceKind.ONLINE_AD,
        SourceKind.INBOUND_CALL,
    }
)
"""Where the person acts, so that what they agree to is a fresh act of theirs; elsewhere somebody speaks for them."""


class Budget(TextChoices):
    APPROVED = "approved", _("Approved")
    PLANNED = "planned", _("Planned")
    NONE = "none", _("None")
    UNKNOWN = "unknown", _("Unknown")


class Agreement(TextChoices):
    NONE = "none", _("None")
    SENT = "sent", _("Sent")
    SIGNED = "signed", _("Signed")
    BLOCKED = "blocked", _("Blocked")


class ContactRole(TextChoices):
    DECISION_MAKER = "decision_maker", _("Decision maker")
    CLINICAL_LEAD = "clinical_lead", _("Clinical lead")
    PROCUREMENT = "procurement", _("Procurement")
    ADMINISTRATOR = "administrator", _("Administrator")
    OFFICE_MANAGER = "office_manager", _("Office manager")
    INFLUENCER = "influencer", _("Influencer")
    CAREGIVER = "caregiver", _("Caregiver or guardian")
    SCHEDULER = "scheduler", _("Arranges visits")
    FINANCE = "finance", _("Finance")
    IT_SECURITY = "it_security", _("IT and security")
    UNKNOWN = "unknown", _("Unknown")


class InteractionKind(TextChoices):
    FORM_SUBMISSION = "form_submission", _("Form submission")
    GUIDE_DOWNLOAD = "guide_download", _("Guide download")
    WEBINAR_ATTENDED = "webinar_attended", _("Webinar attended")
    PAGE_VISIT = "page_visit", _("Page visit")
    EMAIL_OPEN = "email_open", _("E-mail opened")
    EMAIL_CLICK = "email_click", _("E-mail link clicked")
    EMAIL_REPLY = "email_reply", _("E-mail reply")
    SMS_REPLY = "sms_reply", _("Text reply")
    INBOUND_CALL = "inbound_call", _("Inbound call")
    CALL = "call", _("Call")
    VOICEMAIL = "voicemail", _("Voicemail")
    NOTE = "note", _("Note")
    DOCUMENT = "document", _("Document")
    APPOINTMENT = "appointment", _("Appointment")
    CONSENT_CHANGE = "consent_change", _("Consent change")
    ASSIGNMENT = "assignment", _("Assignment")
    SYSTEM = "system", _("System")


class NoteFact(TextChoices):
    """The parts of a note; who wrote it and when is noted by itself [2.17]."""

    REQUESTED = "requested", _("Requested")
    CONFIRMED = "confirmed", _("Confirmed")
    NOT_CONFIRMED = "not_confirmed", _("Not confirmed")
    TOLD = "told", _("Told the lead")
    ACTION = "action", _("Action taken")
    NEXT = "next", _("Next step")
    CONTACT_CHANGE = "contact_change", _("Change of contact preference")
    SPOKEN_WITH = "spoken_with", _("Spoken with")
    FACT_SOURCE = "fact_source", _("Source of the facts")
    OTHER_PROVIDER = "other_provider", _("Provider chosen instead")
    CONSENT_STEP = "consent_step", _("Answer to the consent step")


class Direction(TextChoices):
    INBOUND = "inbound", _("From the lead")
    OUTBOUND = "outbound", _("To the lead")
    INTERNAL = "internal", _("Internal")


class DocumentState(TextChoices):
    MISSING = "missing", _("Missing")
    REQUESTED = "requested", _("Requested")
    RECEIVED = "received", _("Received")
    REJECTED = "rejected", _("Rejected")
    EXPIRED = "expired", _("Expired")


class AuthorizationState(TextChoices):
    NOT_NEEDED = "not_needed", _("Not needed")
    NEEDED = "needed", _("Needed")
    SUBMITTED = "submitted", _("Submitted")
    APPROVED = "approved", _("Approved")
    DENIED = "denied", _("Denied")
    EXPIRED = "expired", _("Expired")


class AppointmentState(TextChoices):
    BOOKED = "booked", _("Booked")
    CONFIRMED = "confirmed", _("Confirmed")
    ATTENDED = "attended", _("Attended")
    NO_SHOW = "no_show", _("No-show")
    CANCELLED = "cancelled", _("Cancelled")
    RESCHEDULED = "rescheduled", _("Rescheduled")


class ReportingClass(TextChoices):
    """How a stop counts in reports: duplicate and invalid leave the denominators of conversion."""

    DENIED = "denied", _("Denied")
    LOST = "lost", _("Lost")
    DUPLICATE = "duplicate", _("Duplicate")
    INVALID = "invalid", _("Invalid")
