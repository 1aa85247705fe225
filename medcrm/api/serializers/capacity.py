"""How the API shows and takes in open slots and visits."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from leads.models import Appointment, Availability
from leads.vocabulary import AppointmentState
from medcrm.api.fields import Code, Day, Instant
from medcrm.api.serializers.shown import Shown, example, public_id


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
