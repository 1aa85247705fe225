"""Intake over HTTP: one inquiry in, the lead's public id out; and what became of what came in."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.db.models import QuerySet
from django.http import UnreadablePostError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gateway import idempotency
from gateway.vocabulary import ScopeCode
from leads.authentication import HasSource, SourceKeyAuthentication
from leads.models import Inquiry, Lead
from leads.serializers import InquirySerializer
from leads.services import intake
from leads.services.intake import BodyTooLarge, Delivery
from medcrm.api.authentication import ClientKeyAuthentication, HasScope, PerKey
from medcrm.api.base import ClientView
from medcrm.api.fields import Since
from medcrm.api.serializers.leads import InquiryRowSerializer, LeadStatusSerializer
from medcrm.api.serializers.shown import PUBLIC_ID
from medcrm.lib import clients
from medcrm.lib.errors import InvalidFields

CONSULT = {
    "lead_type": "patient",
    "first_name": "Ana",
    "last_name": "Reed",
    "phone": "512-555-0142",
    "zip": "78704",
    "service": "ortho",
    "timing": "two_weeks",
    "request": "appointment",
    "payer": "ppo",
    "for_whom": "self",
    "consent": ["voice", "sms"],
}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Taken in",
            value={
                "inquiry": PUBLIC_ID,
                "lead": PUBLIC_ID,
                "is_repeat": False,
                "status_url": f"https://crm.example.org/api/v1/leads/{PUBLIC_ID}/status/",
            },
            response_only=True,
        )
    ]
)
class ReceiptSerializer(serializers.Serializer):
    """Where the inquiry went. Leads that another source opened are not spoken of: anybody can type a phone number."""

    inquiry = serializers.UUIDField(source="public_id")
    lead = serializers.SerializerMethodField(
        help_text="Where this source opened the lead, its id; otherwise the inquiry's own. The status is asked by it."
    )
    is_repeat = serializers.SerializerMethodField(help_text="Whether it joined a lead that this source had opened.")
    status_url = serializers.SerializerMethodField()

    def get_lead(self, inquiry: Inquiry) -> UUID:
        return inquiry.lead.public_id if is_own(inquiry) else inquiry.public_id

    def get_is_repeat(self, inquiry: Inquiry) -> bool:
        return inquiry.is_repeat and is_own(inquiry)

    def get_status_url(self, inquiry: Inquiry) -> str:
        path = reverse("api:lead-status", args=[self.get_lead(inquiry)])
        return self.context["request"].build_absolute_uri(path)


def is_own(inquiry: Inquiry) -> bool:
    """Whether the source opened the lead that its inquiry is in, and so may be told of it."""
    return inquiry.lead.source_id == inquiry.source_id


class InquiryFilter(filters.FilterSet):
    received_since = Since("received_at")

    class Meta:
        model = Inquiry
        fields = ("status", "source")


class InquiriesView(ClientView):
    """Sources post here with their own key; API clients read what came in."""

    serializer_class = InquiryRowSerializer
    is_list = True
    queryset = Inquiry.objects.none()  # names the model to the description
    filterset_class = InquiryFilter
    scopes = {"GET": ScopeCode.INQUIRIES_READ}

    def get_authenticators(self) -> list[object]:
        return [SourceKeyAuthentication()] if _is_post(self) else [ClientKeyAuthentication()]

    def get_permissions(self) -> list[object]:
        return [HasSource()] if _is_post(self) else [HasScope()]

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        # A body that cannot be read whole is kept as a refused inquiry, so it is read by the method itself.
        super(ClientView, self).initial(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet:
        return Inquiry.objects.filter(lead__isnull=False).filter(self.of_leads()).select_related("lead")

    def get(self, request: Request) -> Response:
        """List inquiries, newest first."""
        return self.listed(self.get_queryset(), InquiryRowSerializer)

    @extend_schema(
        request=InquirySerializer,
        responses={201: ReceiptSerializer},
        examples=[OpenApiExample("Consult request", value=CONSULT, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Take in one inquiry. The same `Idempotency-Key` with the same body answers as the first time."""
        idempotency.check_key(request.headers.get("Idempotency-Key", ""))
        delivery = Delivery(
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            remote_addr=clients.address_of(request._request),
            user_agent=request.headers.get("User-Agent", ""),
        )
        inquiry = intake.receive(request.auth, _body(request, delivery), delivery, at=timezone.now())
        receipt = ReceiptSerializer(inquiry, context={"request": request})
        return Response(receipt.data, status=status.HTTP_201_CREATED)


class InquiryView(ClientView):
    serializer_class = InquiryRowSerializer
    scopes = {"GET": ScopeCode.INQUIRIES_READ}

    def get(self, request: Request, inquiry: str) -> Response:
        """Say what became of one inquiry."""
        rows = Inquiry.objects.filter(lead__isnull=False).filter(self.of_leads()).select_related("lead")
        self.note([])
        row = get_object_or_404(rows, public_id=inquiry)
        self.note([row.lead_id])
        return Response(InquiryRowSerializer(row).data)


class LeadStatusView(APIView):
    authentication_classes = [SourceKeyAuthentication]
    permission_classes = [HasSource]
    throttle_classes = [PerKey]

    @extend_schema(responses=LeadStatusSerializer)
    def get(self, request: Request, lead: str) -> Response:
        """Say where a lead stands that this source opened; 404 for any other.

        By the id of an inquiry that joined a lead of another source: as it was when it came in.
        """
        opened = Lead.objects.filter(source=request.auth).select_related("merged_into")
        found = opened.filter(public_id=lead).first()
        if found is None:
            joined = Inquiry.objects.filter(source=request.auth, lead__isnull=False).exclude(lead__source=request.auth)
            found = Lead(public_id=get_object_or_404(joined, public_id=lead).public_id)
        stays = found.merged_into
        if stays is not None and stays.source_id == found.source_id:
            found = stays  # an old id speaks of who stays
        return Response(LeadStatusSerializer(found).data)


def _is_post(view: APIView) -> bool:
    return getattr(view.request, "method", "") == "POST"


def _body(request: Request, delivery: Delivery) -> bytes:
    """The raw body. Raise BodyTooLarge or InvalidFields when it cannot be read whole."""
    try:
        return request.body
    except RequestDataTooBig:
        size = int(request.META.get("CONTENT_LENGTH") or 0)
        intake.note_unread(request.auth, size, delivery, at=timezone.now())
        raise BodyTooLarge(size) from None
    except UnreadablePostError:
        raise InvalidFields({"body": ["The connection ended before the body was complete. Send it again."]}) from None
