"""Open slots and appointments: what the scheduling system tells us, and what it may read back."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.idempotency import Reply
from gateway.vocabulary import ScopeCode
from leads.models import Appointment, Availability, Offering
from leads.services import appointments, events
from medcrm.api.base import ClientView, plain
from medcrm.api.serializers.capacity import (
    AppointmentSerializer,
    AvailabilitySerializer,
    BookingSerializer,
    ManyDaysSerializer,
    SettlementSerializer,
    SlotsSerializer,
)
from medcrm.api.serializers.shown import CountSerializer
from medcrm.lib.errors import InvalidFields


class AvailabilityFilter(filters.FilterSet):
    service = filters.CharFilter(field_name="offering__service")
    clinic = filters.CharFilter(field_name="offering__clinic")
    date_from = filters.DateFilter(field_name="date", lookup_expr="gte")
    date_to = filters.DateFilter(field_name="date", lookup_expr="lte")

    class Meta:
        model = Availability
        fields = ()


class ManyAvailabilityView(ClientView):
    serializer_class = AvailabilitySerializer
    is_list = True
    filterset_class = AvailabilityFilter
    scopes = {"GET": ScopeCode.AVAILABILITY_READ, "POST": ScopeCode.AVAILABILITY_WRITE}

    def get_queryset(self) -> QuerySet:
        return Availability.objects.select_related("offering")

    def get(self, request: Request) -> Response:
        """List open slots by offering and day."""
        return self.listed(self.get_queryset(), AvailabilitySerializer)

    @extend_schema(request=ManyDaysSerializer, responses={200: CountSerializer})
    def post(self, request: Request) -> Response:
        """Set the open slots of many days at once."""
        days = self.read(ManyDaysSerializer)["days"]

        @transaction.atomic
        def act() -> Reply:
            known = set(Offering.objects.values_list("service", "clinic"))
            unknown = [n for n, day in enumerate(days) if (day["service"], day["clinic"]) not in known]
            if unknown:
                raise InvalidFields(
                    {f"days.{n}.service": ["This service is not offered at this clinic."] for n in unknown}
                )
            for day in sorted(days, key=lambda day: (day["service"], day["clinic"], day["date"])):
                events.set_availability(
                    day["service"], day["clinic"], day["date"], day["open_slots"], at=timezone.now()
                )
            return Reply(200, {"count": len(days)})

        return self.once(act)


class OneAvailabilityView(ClientView):
    serializer_class = AvailabilitySerializer
    scopes = {"GET": ScopeCode.AVAILABILITY_READ, "PUT": ScopeCode.AVAILABILITY_WRITE}

    def get(self, request: Request, service: str, clinic: str, date: date) -> Response:
        """Read the open slots of one offering on one day."""
        days = Availability.objects.select_related("offering")
        row = get_object_or_404(days, offering__service=service, offering__clinic=clinic, date=date)
        return Response(AvailabilitySerializer(row).data)

    @extend_schema(request=SlotsSerializer)
    @transaction.atomic
    def put(self, request: Request, service: str, clinic: str, date: date) -> Response:
        """Set the open slots of one offering on one day."""
        offering = get_object_or_404(Offering.objects.select_for_update(), service=service, clinic=clinic)
        current = Availability.objects.select_related("offering").filter(offering=offering, date=date).first()
        self.demand_match(current and AvailabilitySerializer(current).data)
        slots = self.read(SlotsSerializer)["open_slots"]
        row = events.set_availability(service, clinic, date, slots, at=timezone.now())
        return Response(AvailabilitySerializer(row).data)


class AppointmentFilter(filters.FilterSet):
    date_from = filters.DateFilter(field_name="date", lookup_expr="gte")
    date_to = filters.DateFilter(field_name="date", lookup_expr="lte")

    class Meta:
        model = Appointment
        fields = ("status", "clinic", "service")


class AppointmentsView(ClientView):
    serializer_class = AppointmentSerializer
    is_list = True
    queryset = Appointment.objects.none()  # names the model to the description
    filterset_class = AppointmentFilter
    scopes = {"GET": ScopeCode.APPOINTMENTS_READ}

    def get_queryset(self) -> QuerySet:
        return Appointment.objects.filter(self.of_leads()).select_related("lead")

    def get(self, request: Request) -> Response:
        """List appointments, newest first."""
        return self.listed(self.get_queryset(), AppointmentSerializer)


class BookingsView(ClientView):
    serializer_class = AppointmentSerializer
    is_list = True
    filter_backends = ()
    scopes = {"GET": ScopeCode.APPOINTMENTS_READ, "POST": ScopeCode.APPOINTMENTS_WRITE}

    def get(self, request: Request, lead: str) -> Response:
        """List a lead's appointments, newest first."""
        return self.listed(self.lead().appointments.select_related("lead"), AppointmentSerializer)

    @extend_schema(request=BookingSerializer, responses={201: AppointmentSerializer})
    def post(self, request: Request, lead: str) -> Response:
        """Note a booking. The same service on the same day again changes the booking that is there."""
        row, given = self.lead(), self.read(BookingSerializer)
        if not Offering.objects.filter(service=given["service"], clinic=given["clinic"]).exists():
            raise InvalidFields({"service": ["This service is not offered at this clinic."]})

        def act() -> Reply:
            made = events.record_appointment(
                row.pk,
                service=given["service"],
                clinic=given["clinic"],
                on=given["date"],
                status=given["status"],
                starts_at=given["starts_at"],
                at=timezone.now(),
                by=request.user,
            )
            return Reply(201, plain(AppointmentSerializer(made)))

        return self.once(act)


class AppointmentView(ClientView):
    serializer_class = AppointmentSerializer
    scopes = {"GET": ScopeCode.APPOINTMENTS_READ, "PATCH": ScopeCode.APPOINTMENTS_WRITE}

    def row(self) -> Appointment:
        rows = Appointment.objects.filter(self.of_leads()).select_related("lead")
        self.note([])
        row = get_object_or_404(rows, pk=self.kwargs["appointment"])
        self.note([row.lead_id])
        return row

    def get(self, request: Request, appointment: int) -> Response:
        """Read one appointment."""
        return Response(AppointmentSerializer(self.row()).data)

    @extend_schema(request=SettlementSerializer)
    @transaction.atomic
    def patch(self, request: Request, appointment: int) -> Response:
        """Confirm a live appointment or note how it ended."""
        row = self.row()
        row = Appointment.objects.select_for_update(of=("self",)).select_related("lead").get(pk=row.pk)
        self.demand_match(AppointmentSerializer(row).data)
        status = self.read(SettlementSerializer)["status"]
        made = appointments.settle_appointment(row.pk, status, by=request.user, at=timezone.now())
        return Response(AppointmentSerializer(made).data)
