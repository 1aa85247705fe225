"""What may a connected system do, and what may it be told? Codes are fixed, labels are not."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ScopeCode(TextChoices):
    """One resource and one direction; a client holds any number of them."""

    INQUIRIES_READ = "inquiries:read", _("Read inquiries")
    LEADS_READ = "leads:read", _("Read leads")
    CONTACTS_READ = "contacts:read", _("See numbers and mailboxes in full")
    LEADS_WRITE = "leads:write", _("Correct facts of leads")
    EVENTS_READ = "events:read", _("Read the timeline")
    EVENTS_WRITE = "events:write", _("Add what a lead did")
    CALLS_WRITE = "calls:write", _("Reserve and record calls")
    DOCUMENTS_READ = "documents:read", _("Read documents and authorizations")
    DOCUMENTS_WRITE = "documents:write", _("Record documents and authorizations")
    AVAILABILITY_READ = "availability:read", _("Read open slots")
    AVAILABILITY_WRITE = "availability:write", _("Set open slots")
    APPOINTMENTS_READ = "appointments:read", _("Read appointments")
    APPOINTMENTS_WRITE = "appointments:write", _("Book and settle appointments")
    CONSENT_READ = "consent:read", _("Read permissions")
    CONSENT_REVOKE = "consent:revoke", _("Record a withdrawal")
    CONSENT_RESTART = "consent:restart", _("Pass on a START from the carrier, which ends an opt-out")
    WEBHOOKS = "webhooks:manage", _("Keep its own webhooks")


class EventKind(TextChoices):
    """What a subscriber is told of. The payload holds ids and codes, never a name, number, address or free text."""

    LEAD_CREATED = "lead.created", _("A lead was opened")
    LEAD_STAGE = "lead.stage_changed", _("A lead moved to another stage")
    LEAD_DECIDED = "lead.decided", _("Decision or next step changed")
    LEAD_ASSIGNED = "lead.assigned", _("Team or owner changed")
    LEAD_MERGED = "lead.merged", _("A lead was merged into another")
    CALL = "call.recorded", _("A call was recorded")
    DOCUMENT = "document.changed", _("A document or authorization moved")
    APPOINTMENT = "appointment.changed", _("An appointment moved")
    ACTIVITY = "activity.recorded", _("The lead did something")
    CONSENT = "consent.changed", _("A permission changed")


TOLD_WITH = {
    EventKind.LEAD_CREATED: ScopeCode.LEADS_READ,
    EventKind.LEAD_STAGE: ScopeCode.LEADS_READ,
    EventKind.LEAD_DECIDED: ScopeCode.LEADS_READ,
    EventKind.LEAD_ASSIGNED: ScopeCode.LEADS_READ,
    EventKind.LEAD_MERGED: ScopeCode.LEADS_READ,
    EventKind.CALL: ScopeCode.EVENTS_READ,
    EventKind.DOCUMENT: ScopeCode.DOCUMENTS_READ,
    EventKind.APPOINTMENT: ScopeCode.APPOINTMENTS_READ,
    EventKind.ACTIVITY: ScopeCode.EVENTS_READ,
    EventKind.CONSENT: ScopeCode.CONSENT_READ,
}
"""What a client must be able to read to be told of it."""


class DeliveryState(TextChoices):
    PENDING = "pending", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Given up")
    CANCELLED = "cancelled", _("Subscription ended")
