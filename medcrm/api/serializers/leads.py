"""How the API shows and takes in leads, and what happened to them."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from consent.ledger import SKEW
from consent.vocabulary import Purpose
from leads.models import Authorization, DocumentStatus, Inquiry, Interaction, Lead, Stakeholder
from leads.serializers import InquirySerializer
from leads.vocabulary import AuthorizationState, ContactRole, DocumentState, InteractionKind, Outcome
from medcrm.api.fields import Code, Day, Instant, Text
from medcrm.api.serializers.shown import IN_FULL, PUBLIC_ID, Reach, Shown, example, public_id
from medcrm.lib import masking
from routing.saying import ANSWERS

NOT_FACTS = ("lead_type", "documents", "consent", "campaign", "page_url", "is_test")


FREE = ("question", "preferred_time", "referring_provider", "organisation", "approver", "rollout", "next_action")
"""Texts as somebody wrote them, in which a number or a mailbox may stand."""


@extend_schema_serializer(
    examples=example(
        {
            "lead": PUBLIC_ID,
            "lead_type": "patient",
            "source": "web_consult",
            "first_name": "Ana",
            "last_name": "Reed",
            "phone": "+15125550142",
            "email": None,
            "preferred_channel": "voice",
            "preferred_time": "after 4 pm",
            "language": "en",
            "for_whom": "self",
            "age": 45,
            "is_existing_patient": False,
            "zip": "78704",
            "city": "Austin",
            "state": "TX",
            "timezone": "America/Chicago",
            "service": "ortho",
            "preferred_clinic": "aus",
            "request": "appointment",
            "question": "",
            "timing": "two_weeks",
            "window_opens_on": "2026-12-01",
            "window_closes_on": "2026-12-15",
            "urgency": "routine",
            "payer": "ppo",
            "referring_provider": "",
            "organisation": "",
            "organisation_type": None,
            "specialty": None,
            "care_setting": None,
            "npi": "",
            "sites": None,
            "contact_role": "",
            "clinic_size": None,
            "budget": "",
            "rollout": "",
            "approver": "",
            "agreement": "",
            "score": 71,
            "score_band": "high",
            "fit": "high",
            "readiness": "high",
            "stage": "forwarded",
            "cycle": 1,
            "fit_check": "pass",
            "capacity_check": "pass",
            "readiness_check": "pass",
            "decision_path_check": "pass",
            "decision": "forward",
            "next_step": "appointment",
            "hold_reason": None,
            "stop_reason": None,
            "team": "scheduling",
            "next_action": "Book the appointment",
            "next_action_due_at": "2026-12-01T18:00:00Z",
            "merged_into": None,
            "created_at": "2026-12-01T16:00:00Z",
            "advanced_at": "2026-12-01T16:00:02Z",
        }
    )
)
class LeadSerializer(Reach):
    """A lead: who it is, what it asks for, and where it stands."""

    masked = ("phone", "email", *FREE)

    lead = public_id("public_id")
    phone = serializers.CharField(source="phone.value", default=None, allow_null=True, help_text=IN_FULL)
    email = serializers.CharField(source="email.value", default=None, allow_null=True, help_text=IN_FULL)
    merged_into = serializers.UUIDField(source="merged_into.public_id", default=None, allow_null=True)

    class Meta:
        model = Lead
        read_only_fields = fields = (
            "lead lead_type source first_name last_name phone email preferred_channel preferred_time language "
            "for_whom age is_existing_patient zip city state timezone service preferred_clinic request question "
            "timing window_opens_on window_closes_on urgency payer referring_provider organisation organisation_type "
            "specialty care_setting npi sites contact_role clinic_size budget rollout approver agreement score "
            "score_band fit readiness stage cycle fit_check capacity_check readiness_check decision_path_check "
            "decision next_step hold_reason stop_reason team next_action next_action_due_at merged_into created_at "
            "advanced_at"
        ).split()


@extend_schema_serializer(examples=example({"timing": "two_weeks", "payer": "ppo"}, request=True))
class FactsSerializer(InquirySerializer):
    """Facts of a lead; what is left out or blank stays as it is. Codes are those of the catalogue.

    Permission belongs to a number or a mailbox: none is carried over to another one.
    """

    def get_fields(self) -> dict[str, serializers.Field]:
        return {name: field for name, field in super().get_fields().items() if name not in NOT_FACTS}

    def validate(self, given: dict[str, object]) -> dict[str, object]:
        """A text that was read masked must not take the place of the one that has the number."""
        problems = {
            name: [
                f"This holds a masked number or mailbox and would overwrite the real one. Leave “{name}” out, or "
                "write what you know in full."
            ]
            for name in LeadSerializer.masked
            if masking.MASKED in str(given.get(name) or "")
        }
        if problems:
            raise serializers.ValidationError(problems)
        return super().validate(given)


class LeadStatusSerializer(Shown):
    """Where a lead stands on the road, without anything personal."""

    lead = public_id("public_id")
    sequence = serializers.SerializerMethodField()

    class Meta:
        model = Lead
        fields = ("lead stage cycle score_band fit readiness decision next_step team sequence advanced_at").split()

    def get_sequence(self, lead: Lead) -> str | None:
        from nurture.models import Enrollment

        return Enrollment.objects.active().filter(lead=lead.pk).values_list("sequence__code", flat=True).first()


class InquiryRowSerializer(Shown):
    """What came in and what became of it; the raw body stays inside."""

    inquiry = public_id("public_id")
    lead = serializers.UUIDField(source="lead.public_id", default=None, allow_null=True)

    class Meta:
        model = Inquiry
        read_only_fields = fields = (
            "inquiry source campaign page_url status lead is_repeat received_at settled_at"
        ).split()


ACTIVITIES = [
    InteractionKind.GUIDE_DOWNLOAD,
    InteractionKind.WEBINAR_ATTENDED,
    InteractionKind.PAGE_VISIT,
    InteractionKind.EMAIL_OPEN,
    InteractionKind.EMAIL_CLICK,
    InteractionKind.EMAIL_REPLY,
    InteractionKind.SMS_REPLY,
]


class EventSerializer(Reach):
    """One entry of a lead's timeline."""

    masked = ("text",)

    event = serializers.IntegerField(source="pk")

    class Meta:
        model = Interaction
        read_only_fields = fields = ["event", "kind", "direction", "at", "disposition", "service", "count", "text"]


@extend_schema_serializer(examples=example({"kind": "page_visit", "service": "ortho", "count": 3}, request=True))
class ActivitySerializer(serializers.Serializer):
    """Something the lead did. A reply is heard: what it says about permission goes to the ledger first."""

    kind = serializers.ChoiceField([(kind.value, kind.label) for kind in ACTIVITIES])
    service = Code(required=False)
    count = serializers.IntegerField(min_value=1, max_value=10_000, default=1)
    text = Text(max_length=2000, required=False, allow_blank=True, default="", help_text="The words of a reply.")
    at = Instant(required=False, help_text="When it happened, not when it is sent on; left out: now.")
    message_id = Text(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text="The carrier's id of a reply; the ledger takes the same one once.",
    )

    def validate_at(self, at: datetime) -> datetime:
        """Clocks of other systems may run a little ahead of ours; what is further ahead has not happened."""
        now = timezone.now()
        if at > now + SKEW:
            raise serializers.ValidationError(_("This is still to come. Give the time at which it happened."))
        return min(at, now)


class EventReceiptSerializer(serializers.Serializer):
    event = serializers.IntegerField(source="pk")
    kind = serializers.CharField()
    at = serializers.DateTimeField()


@extend_schema_serializer(examples=example({"purpose": "informational"}, request=True))
class CallRequestSerializer(serializers.Serializer):
    """What the call is for. One that informs sells nothing: it is about a booked visit or the person's own request."""

    purpose = serializers.ChoiceField(
        [(each.value, each.label) for each in (Purpose.MARKETING, Purpose.INFORMATIONAL)],
        default=Purpose.MARKETING.value,
        help_text="Refused as NOTHING_PENDING for `informational` without a booked visit or an open request.",
    )


class ReservationSerializer(serializers.Serializer):
    """May this call be made now? Only a reservation that is allowed may be followed by an outbound call."""

    attempt = serializers.IntegerField(source="pk")
    purpose = serializers.CharField(help_text="What was asked for; one for `informational` sells nothing.")
    is_allowed = serializers.BooleanField()
    code = serializers.CharField(help_text="e.g. ALLOWED, QUIET_HOURS, REVOKED.")
    detail = serializers.CharField(source="sentence")
    next_allowed_at = serializers.DateTimeField(allow_null=True)
    dial_before = serializers.DateTimeField(allow_null=True, help_text="Who dials later reserves again.")


@extend_schema_serializer(
    examples=example({"disposition": "no_answer", "attempt": 4711, "note": "Rang out twice."}, request=True)
)
class CallSerializer(serializers.Serializer):
    """How a call ended. With a reserved `attempt` it was ours; without one the lead called."""

    disposition = Code()
    outcome = serializers.ChoiceField(Outcome.choices, required=False)
    reason = Text(max_length=300, required=False, allow_blank=True, default="")
    missing = serializers.ListField(child=Code(), required=False, max_length=20, default=list)
    follow_up_on = Day(required=False, allow_null=True, default=None)
    callback_at = Instant(required=False, allow_null=True, default=None)
    note = Text(max_length=2000, required=False, allow_blank=True, default="")
    facts = FactsSerializer(required=False)
    attempt = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**63 - 1, default=None)
    consent_step = serializers.ChoiceField(
        ANSWERS,
        required=False,
        allow_blank=True,
        default="",
        help_text="What they answered to what the script of a sensitive service asks first.",
    )


class DocumentSerializer(Shown):
    class Meta:
        model = DocumentStatus
        read_only_fields = fields = ["document", "status", "changed_at", "expires_on"]


@extend_schema_serializer(examples=example({"status": "received", "expires_on": "2027-06-30"}, request=True))
class DocumentChangeSerializer(serializers.Serializer):
    """Where a document stands; one that is received wakes a lead that waits for it."""

    status = serializers.ChoiceField(DocumentState.choices)
    expires_on = Day(required=False, allow_null=True, default=None)


class PersonSerializer(Reach):
    """Somebody on the decision path of a lead."""

    masked = ("name", "phone", "email")

    roles = serializers.ListField(child=serializers.ChoiceField(ContactRole.choices), read_only=True)
    phone = serializers.CharField(source="phone.value", default=None, allow_null=True, help_text=IN_FULL)
    email = serializers.CharField(source="email.value", default=None, allow_null=True, help_text=IN_FULL)

    class Meta:
        model = Stakeholder
        read_only_fields = fields = ["name", "roles", "can_approve", "can_block", "may_be_told", "phone", "email"]


@extend_schema_serializer(
    examples=example({"name": "Pat Reed", "roles": ["finance", "decision_maker"], "can_block": False}, request=True)
)
class PersonChangeSerializer(serializers.Serializer):
    """Somebody on the decision path; who is known by that name gains what is said, and keeps the rest."""

    name = Text(max_length=120)
    roles = serializers.ListField(child=serializers.ChoiceField(ContactRole.choices), allow_empty=False)
    can_approve = serializers.BooleanField(required=False, allow_null=True, default=None)
    can_block = serializers.BooleanField(required=False, allow_null=True, default=None)
    may_be_told = serializers.BooleanField(required=False, allow_null=True, default=None)
    phone = Text(max_length=40, required=False, allow_blank=True, default="")
    email = Text(max_length=254, required=False, allow_blank=True, default="")


class AuthorizationSerializer(Shown):
    class Meta:
        model = Authorization
        read_only_fields = fields = ["service", "payer", "status", "reference", "changed_at", "expires_on"]


@extend_schema_serializer(examples=example({"status": "approved", "reference": "PA-20931"}, request=True))
class AuthorizationChangeSerializer(serializers.Serializer):
    """Where the payer's prior authorization stands; a decision wakes a lead that waits for it."""

    status = serializers.ChoiceField(AuthorizationState.choices)
    reference = Text(max_length=60, required=False, allow_blank=True, default="")
    expires_on = Day(required=False, allow_null=True, default=None)
