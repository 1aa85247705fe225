"""Which codes does the consent room speak in? Labels are editable, codes are not."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class AddressKind(TextChoices):
    PHONE = "phone", _("Phone")
    EMAIL = "email", _("E-mail")


class LineType(TextChoices):
    """What kind of line a number is; unknown is treated as a mobile, the stricter case [T20]."""

    MOBILE = "mobile", _("Mobile")
    LANDLINE = "landline", _("Landline")
    VOIP = "voip", _("Internet telephone")
    TOLL_FREE = "toll_free", _("Toll-free")
    UNKNOWN = "unknown", _("Not known")


class Channel(TextChoices):
    """How the contact is made; all but e-mail are phone channels, all but the hand-dialled call are automated."""

    VOICE_MANUAL = "voice_manual", _("Hand-dialled call")
    VOICE_AUTODIAL = "voice_autodial", _("Call by a dialler")
    VOICE_PRERECORDED = "voice_prerecorded", _("Recorded call")
    VOICE_AI = "voice_ai", _("Call with an artificial voice")
    SMS = "sms", _("Text message")
    EMAIL = "email", _("E-mail")


class GrantChannel(TextChoices):
    """What a person gives permission for; a grant speaks of voice, however the call is placed."""

    VOICE = "voice", _("Calls")
    SMS = "sms", _("Texts")
    EMAIL = "email", _("E-mail")


class Purpose(TextChoices):
    MARKETING = "marketing", _("Marketing")
    INFORMATIONAL = "informational", _("Information")
    TRANSACTIONAL = "transactional", _("Transaction")
    HEALTHCARE_EXEMPT = "healthcare_exempt", _("Exempt healthcare message")
    OPTOUT_CONFIRMATION = "optout_confirmation", _("Opt-out confirmation")
    HELP_REPLY = "help_reply", _("Answer to HELP")
    CONVERSATIONAL_REPLY = "conversational_reply", _("Reply in a conversation")


class Level(TextChoices):
    """How strong a permission is: express, express written [64.1200(f)(9)], or an e-mail opt-in."""

    PEC = "PEC", _("Express consent")
    PEWC = "PEWC", _("Express written consent")
    EMAIL_OPTIN = "EMAIL_OPTIN", _("E-mail opt-in")


class ContactKind(TextChoices):
    CONSUMER = "consumer", _("Consumer")
    BUSINESS = "business", _("Business")


class EventKind(TextChoices):
    """Everything the ledger can hold about an address."""

    GRANT = "grant", _("Permission given")
    REVOKE = "revoke", _("Permission withdrawn")
    CLARIFY = "clarify", _("Withdrawal narrowed by the person")
    INTERNAL_DNC = "internal_dnc", _("Do-not-call request")
    INBOUND = "inbound", _("Message from the person")
    REVIEW = "review", _("Message read by a person")
    EMAIL_UNSUB = "email_unsub", _("E-mail unsubscribed")
    EMAIL_COMPLAINT = "email_complaint", _("Marked as spam")
    EMAIL_HARD_BOUNCE = "email_hard_bounce", _("Mailbox does not exist")
    NUMBER_CHECK = "number_check", _("Reassigned-numbers check")
    LINE_TYPE = "line_type", _("Kind of line found out")
    REASSIGNED = "reassigned", _("Number belongs to someone else")
    INVALID_NUMBER = "invalid_number", _("Number does not work")
    WRONG_NUMBER = "wrong_number", _("Wrong person answers")
    DECEASED = "deceased", _("Person has died")
    INQUIRY = "inquiry", _("The person asked us")
    PURCHASE = "purchase", _("The person bought or was treated")
    PURCHASED = "purchased", _("Address bought from a vendor")
    EBR_TERMINATED = "ebr_terminated", _("Relationship ended by the person")
    HIPAA_AUTHORIZATION = "hipaa_authorization", _("HIPAA authorization signed")
    HIPAA_REVOKED = "hipaa_revoked", _("HIPAA authorization revoked")
    UNENCRYPTED_ACCEPTED = "unencrypted_accepted", _("Unencrypted messages accepted")
    LOCATION = "location", _("Person said where they are")
    ERASURE = "erasure", _("Personal data erased")
    READMISSION = "readmission", _("Came back after erasure")
    CORRECTION = "correction", _("Earlier entry corrected")


WITHDRAWN = (EventKind.REVOKE.value, EventKind.INTERNAL_DNC.value, EventKind.EMAIL_UNSUB.value)
"""What a person says to end a permission."""


class Scope(TextChoices):
    """How far a withdrawal reaches [contact_rules 19]."""

    MARKETING = "marketing", _("Marketing")
    ALL = "all", _("Marketing, and anything automated")
    ALL_CONTACT = "all_contact", _("Calls, texts and e-mail")
    EVERYTHING = "everything", _("Every contact, by hand too")


class Verdict(TextChoices):
    """What a message from the person, or a person reading it, says about permission."""

    REVOKE = "revoke", _("Stop")
    REVIEW = "review", _("A person must read it")
    NONE = "none", _("Nothing about permission")
    HELP = "help", _("Asks for help")
    START = "start", _("Wants messages again")


class CheckResult(TextChoices):
    """Answer of the Reassigned Numbers Database [T22]."""

    YES = "yes", _("Reassigned")
    NO = "no", _("Not reassigned")
    NO_DATA = "no_data", _("No data")
    NOT_CHECKED = "not_checked", _("Not checked")


class ListKind(TextChoices):
    NATIONAL_DNC = "national_dnc", _("National Do Not Call Registry")
    STATE_DNC = "state_dnc", _("State do-not-call list")


class ExportKind(TextChoices):
    EVIDENCE = "evidence", _("Evidence bundle")
    FHIR = "fhir", _("FHIR Consent")
    CHECKPOINT = "checkpoint", _("Checkpoint")


PHONE_CHANNELS = frozenset(Channel.values) - {Channel.EMAIL.value}
AUTOMATED = PHONE_CHANNELS - {Channel.VOICE_MANUAL.value}
AUTOMATED_VOICE = AUTOMATED - {Channel.SMS.value}
REPLIES = frozenset({Purpose.HELP_REPLY.value, Purpose.CONVERSATIONAL_REPLY.value})


def granted_as(channel: str) -> str:
    """Name the channel as a grant does."""
    return channel if channel in ("sms", "email") else "voice"
