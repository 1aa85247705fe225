"""How the API shows and takes in leads, what happened to them, and what they wait for."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from consent.vocabulary import Scope
from gateway.vocabulary import EventKind
from leads.models import Appointment, Authorization, Availability, DocumentStatus, Inquiry, Interaction, Lead
from leads.serializers import InquirySerializer
from leads.vocabulary import AppointmentState, AuthorizationState, DocumentState, InteractionKind, Outcome
from medcrm.api.fields import Code, Day, Instant, Text
from medcrm.lib import masking

PUBLIC_ID = "0197a4de-5c1b-7c3e-9d2a-3b1f0a6c2e11"
IN_FULL = "Masked, like (512) •••-0142, without the scope `contacts:read`."
NOT_FACTS = ("lead_type", "phone", "email", "documents", "consent", "page_url", "is_test")


def example(value: object, *, request: bool = False) -> list[OpenApiExample]:
    only = {"request_only": True} if request else {"response_only": True}
    return [OpenApiExample("Example", value=value, **only)]


class Choice(serializers.ChoiceField):
    """A code as it is shown: blank while it is not known."""

    def __init__(self, choices: object, **kwargs: object) -> None:
        super().__init__(choices, **(kwargs | {"allow_blank": True}))


class Shown(serializers.ModelSerializer):
    """Rows as they are shown; nothing is written by them."""

    serializer_choice_field = Choice


class Reach(Shown):
    """Rows with a way to reach a person: masked for a client without `contacts:read`, single rows too.

    A program reads a list one by one without effort, so that here no page of its own shows in full.
    """

    masked: ClassVar[tuple[str, ...]] = ()

    def to_representation(self, row: object) -> dict[str, object]:
        shown = super().to_representation(row)
        reader = self.context["request"].user
        return shown | {name: masking.contact(shown[name], reader) for name in self.masked if shown[name]}


def public_id(path: str = "lead.public_id", **kwargs: object) -> serializers.UUIDField:
    return serializers.UUIDField(source=path, read_only=True, **kwargs)


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
            "organisation": "",
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

    masked = ("phone", "email", "question")

    lead = public_id("public_id")
    phone = serializers.CharField(source="phone.value", default=None, allow_null=True, help_text=IN_FULL)
    email = serializers.CharField(source="email.value", default=None, allow_null=True, help_text=IN_FULL)
    merged_into = serializers.UUIDField(source="merged_into.public_id", default=None, allow_null=True)

    class Meta:
        model = Lead
        read_only_fields = fields = (
            "lead lead_type source first_name last_name phone email preferred_channel preferred_time language for_whom "
            "age is_existing_patient zip city state timezone service preferred_clinic request question timing "
            "window_opens_on window_closes_on urgency payer organisation contact_role clinic_size budget rollout "
            "approver agreement score score_band fit readiness stage cycle fit_check capacity_check readiness_check "
            "decision_path_check decision next_step hold_reason stop_reason team next_action next_action_due_at "
            "merged_into created_at advanced_at"
        ).split()


@extend_schema_serializer(examples=example({"timing": "two_weeks", "payer": "ppo"}, request=True))
class FactsSerializer(InquirySerializer):
    """Facts of a lead; what is left out or blank stays as it is. Codes are those of the catalogue."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {name: field for name, field in super().get_fields().items() if name not in NOT_FACTS}

    def validate_question(self, text: str) -> str:
        """A text that was read masked must not take the place of the one that has the number."""
        if masking.MASKED in text:
            raise serializers.ValidationError(
                "This holds a masked number or mailbox and would overwrite the real one. Leave “question” out, or "
                "write what you know in full."
            )
        return text


class LeadStatusSerializer(Shown):
    """Where a lead stands on the road, without anything personal."""

    lead = public_id("public_id")
    sequence = serializers.SerializerMethodField()

    class Meta:
        model = Lead
        fields = ("lead stage cycle score_band fit readiness decision next_step team sequence advanced_at").split()

    def get_sequence(self, lead: Lead) -> str | None:
        from nurture.models import Enrollment

        return Enrollment.objects.active().filter(lead=lead).values_list("sequence__code", flat=True).first()


class InquiryRowSerializer(Shown):
    """What came in and what became of it; the raw body stays inside."""

    inquiry = public_id("public_id")
    lead = serializers.UUIDField(source="lead.public_id", default=None, allow_null=True)

    class Meta:
        model = Inquiry
        read_only_fields = fields = ["inquiry", "source", "status", "lead", "is_repeat", "received_at", "settled_at"]


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


class EventReceiptSerializer(serializers.Serializer):
    event = serializers.IntegerField(source="pk")
    kind = serializers.CharField()
    at = serializers.DateTimeField()


class ReservationSerializer(serializers.Serializer):
    """May this call be made now? Only a reservation that is allowed may be followed by an outbound call."""

    attempt = serializers.IntegerField(source="pk")
    is_allowed = serializers.BooleanField()
    code = serializers.CharField(help_text="e.g. ALLOWED, QUIET_HOURS, REVOKED.")
    detail = serializers.CharField(source="sentence")
    next_allowed_at = serializers.DateTimeField(allow_null=True)


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


class DocumentSerializer(Shown):
    class Meta:
        model = DocumentStatus
        read_only_fields = fields = ["document", "status", "changed_at", "expires_on"]


@extend_schema_serializer(examples=example({"status": "received", "expires_on": "2027-06-30"}, request=True))
class DocumentChangeSerializer(serializers.Serializer):
    """Where a document stands; one that is received wakes a lead that waits for it."""

    status = serializers.ChoiceField(DocumentState.choices)
    expires_on = Day(required=False, allow_null=True, default=None)


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


class AvailabilitySerializer(Shown):
    service = serializers.CharField(source="offering.service_id")
    clinic = serializers.CharField(source="offering.clinic_id")

    class Meta:
        model = Availability
        read_only_fields = fields = ["service", "clinic", "date", "open_slots", "updated_at"]


@extend_schema_serializer(examples=example({"open_slots": 4}, request=True))
class SlotsSerializer(serializers.Serializer):
    """Slots that were added wake who waits for them, best score first."""

    open_slots = serializers.IntegerField(min_value=0, max_value=1000)


class DaySlotsSerializer(SlotsSerializer):
    service = Code()
    clinic = Code()
    date = Day()


@extend_schema_serializer(
    examples=example(
        {"days": [{"service": "ortho", "clinic": "aus", "date": "2026-12-09", "open_slots": 4}]}, request=True
    )
)
class ManyDaysSerializer(serializers.Serializer):
    """Many days in one transaction: all of them, or none with what is wrong."""

    days = DaySlotsSerializer(many=True, allow_empty=False, max_length=500)


class CountSerializer(serializers.Serializer):
    count = serializers.IntegerField()


class AppointmentSerializer(Shown):
    appointment = serializers.IntegerField(source="pk")
    lead = public_id()

    class Meta:
        model = Appointment
        read_only_fields = fields = (
            "appointment lead service clinic date starts_at status cycle created_at changed_at"
        ).split()


@extend_schema_serializer(
    examples=example(
        {"service": "ortho", "clinic": "aus", "date": "2026-12-09", "starts_at": "2026-12-09T15:30:00Z"}, request=True
    )
)
class BookingSerializer(serializers.Serializer):
    """A booking made in the scheduling system; the date is on the clinic's calendar."""

    service = Code()
    clinic = Code()
    date = Day()
    starts_at = Instant(required=False, allow_null=True, default=None)
    status = serializers.ChoiceField(
        [s for s in AppointmentState.choices if s[0] in ("booked", "confirmed")], default="booked"
    )


@extend_schema_serializer(examples=example({"status": "attended"}, request=True))
class SettlementSerializer(serializers.Serializer):
    """What became of a booking: attended closes the road, a no-show or cancellation re-opens it."""

    status = serializers.ChoiceField([s for s in AppointmentState.choices if s[0] != "booked"])


class PermissionSerializer(serializers.Serializer):
    """Permission on one channel as of the moment asked for, folded from the ledger."""

    address = serializers.ChoiceField(["phone", "email"])
    channel = serializers.CharField()
    state = serializers.CharField(help_text="granted, none, review or blocked.")
    code = serializers.CharField(help_text="Why it is blocked, e.g. REVOKED.", allow_blank=True)
    level = serializers.CharField(allow_blank=True)
    purposes = serializers.ListField(child=serializers.CharField())
    sellers = serializers.ListField(child=serializers.CharField())
    since = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(
    examples=example(
        {
            "at": "2026-12-01T16:00:00Z",
            "permissions": [
                {
                    "address": "phone",
                    "channel": "sms",
                    "state": "granted",
                    "code": "",
                    "level": "PEWC",
                    "purposes": ["marketing"],
                    "sellers": ["harbor"],
                    "since": "2026-11-30T15:12:00Z",
                    "expires_at": None,
                }
            ],
        }
    )
)
class PermissionsSerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    permissions = PermissionSerializer(many=True)


class AddressSerializer(serializers.Serializer):
    """One address: a phone number in any usual form, or an e-mail address."""

    phone = Text(max_length=40, required=False)
    email = Text(max_length=254, required=False)

    def validate(self, data: dict[str, object]) -> dict[str, object]:
        if len([name for name in ("phone", "email") if data.get(name)]) != 1:
            raise serializers.ValidationError("Give either phone or email.")
        return data


@extend_schema_serializer(examples=example({"phone": "512-555-0142", "at": "2026-12-01T16:00:00Z"}, request=True))
class LookupSerializer(AddressSerializer):
    """Sent in a body, so that no address stands in a URL or its log."""

    at = Instant(required=False, help_text="As of when; left out: now.")


@extend_schema_serializer(
    examples=example(
        {"phone": "512-555-0142", "scope": "all_contact", "said": "Wrote to the front desk: no more calls."},
        request=True,
    )
)
class RevocationSerializer(AddressSerializer):
    """The person wants to be left alone; any reasonable means counts, and it holds from this moment."""

    scope = serializers.ChoiceField([*Scope.choices, ("dnc", "Do not call")], default="all_contact")
    said = Text(max_length=1000, help_text="How the person said it, as proof.")
    occurred_at = Instant(required=False, help_text="When the person said it; left out: now.")


class RevocationReceiptSerializer(serializers.Serializer):
    event = serializers.UUIDField(source="pk")
    kind = serializers.CharField()
    recorded_at = serializers.DateTimeField()


class SubscriptionSerializer(serializers.Serializer):
    webhook = serializers.UUIDField(source="public_id")
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField(EventKind.choices))
    is_active = serializers.BooleanField()
    ended_because = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


@extend_schema_serializer(
    examples=example({"url": "https://example.org/hooks/medcrm", "events": ["lead.stage_changed"]}, request=True)
)
class SubscribeSerializer(serializers.Serializer):
    """Where to post what. Bodies hold ids and codes; read the rest with the API."""

    url = Text(max_length=500)
    events = serializers.ListField(child=serializers.ChoiceField(EventKind.choices), allow_empty=False, max_length=20)


class ResubscribeSerializer(SubscribeSerializer):
    url = Text(max_length=500, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(EventKind.choices), allow_empty=False, max_length=20, required=False
    )


class SecretSerializer(serializers.Serializer):
    """The signing secret, shown this once; signatures follow Standard Webhooks."""

    webhook = serializers.UUIDField()
    secret = serializers.CharField()


class DeliverySerializer(serializers.Serializer):
    delivery = serializers.IntegerField(source="pk")
    event = serializers.UUIDField(source="event.public_id", help_text="The webhook-id of every attempt.")
    kind = serializers.CharField(source="event.kind")
    lead = serializers.UUIDField(source="lead.public_id")
    happened_at = serializers.DateTimeField(source="event.at")
    state = serializers.CharField()
    tries = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)
    last_status = serializers.IntegerField(allow_null=True)
    last_code = serializers.CharField(allow_null=True)


@extend_schema_serializer(examples=example({"since": "2026-12-01T00:00:00Z"}, request=True))
class ReplaySerializer(serializers.Serializer):
    """Send again what ended since a moment, in order and with the ids it had."""

    since = Instant()
    only_failed = serializers.BooleanField(default=False)
