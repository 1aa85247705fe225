"""The API's root: what spans the rooms, and the URLs of all of them."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leads.api import InquiryView
from leads.authentication import HasSource, SourceKeyAuthentication
from leads.models import Lead
from nurture.models import Enrollment


class LeadStatusSerializer(serializers.ModelSerializer):
    """Where a lead stands on the road, without anything personal."""

    lead = serializers.UUIDField(source="public_id")
    sequence = serializers.SerializerMethodField()

    class Meta:
        model = Lead
        fields = [
            "lead",
            "stage",
            "cycle",
            "score_band",
            "fit",
            "readiness",
            "decision",
            "next_step",
            "team",
            "sequence",
            "advanced_at",
        ]

    def get_sequence(self, lead: Lead) -> str | None:
        return Enrollment.objects.active().filter(lead=lead).values_list("sequence__code", flat=True).first()


class LeadStatusView(APIView):
    authentication_classes = [SourceKeyAuthentication]
    permission_classes = [HasSource]

    @extend_schema(responses=LeadStatusSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """Where a lead stands that this source sent an inquiry for; 404 for any other."""
        leads = Lead.objects.filter(inquiries__source=request.auth).distinct()
        return Response(LeadStatusSerializer(get_object_or_404(leads, public_id=public_id)).data)


urlpatterns = [
    path("inquiries/", InquiryView.as_view(), name="inquiries"),
    path("leads/<uuid:public_id>/status/", LeadStatusView.as_view(), name="lead-status"),
]
