"""Intake over HTTP: one inquiry in, the lead's public id out."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import UnreadablePostError
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leads.authentication import HasSource, SourceKeyAuthentication
from leads.models import Inquiry
from leads.serializers import InquirySerializer
from leads.services import intake
from leads.services.intake import BodyTooLarge, Delivery, KeyReused, StillBeingTakenIn
from medcrm.lib.errors import InvalidFields, RuleError


class ReceiptSerializer(serializers.Serializer):
    """Where the inquiry went."""

    inquiry = serializers.UUIDField(source="public_id")
    lead = serializers.UUIDField(source="lead.public_id")
    is_repeat = serializers.BooleanField()
    status_url = serializers.SerializerMethodField()

    def get_status_url(self, inquiry: Inquiry) -> str:
        path = reverse("lead-status", args=[inquiry.lead.public_id])
        return self.context["request"].build_absolute_uri(path)


class InquiryView(APIView):
    authentication_classes = [SourceKeyAuthentication]
    permission_classes = [HasSource]

    @extend_schema(
        request=InquirySerializer,
        responses={201: ReceiptSerializer, 200: ReceiptSerializer},
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request) -> Response:
        """Take in one inquiry. The same `Idempotency-Key` with the same body answers as the first time."""
        delivery = Delivery(
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            remote_addr=request.META.get("REMOTE_ADDR"),
            user_agent=request.headers.get("User-Agent", ""),
        )
        try:
            inquiry = intake.receive(request.auth, _body(request, delivery), delivery, at=timezone.now())
        except InvalidFields as error:
            return Response(error.errors, status=status.HTTP_400_BAD_REQUEST)
        except (KeyReused, StillBeingTakenIn) as error:
            return _problem(error, status.HTTP_409_CONFLICT)
        except BodyTooLarge as error:
            return _problem(error, status.HTTP_413_REQUEST_ENTITY_TOO_LARGE)
        receipt = ReceiptSerializer(inquiry, context={"request": request})
        return Response(receipt.data, status=status.HTTP_201_CREATED)


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


def _problem(error: RuleError, code: int) -> Response:
    return Response({"code": error.code, "detail": error.message}, status=code)
