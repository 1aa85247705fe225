"""May this person be contacted, as of any moment? And: the person wants to be left alone."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from consent import addresses, ledger, withdrawals
from consent.models import Address
from gateway.idempotency import Reply
from gateway.vocabulary import ScopeCode
from leads.models import Lead
from medcrm.api.base import ClientView, plain
from medcrm.api.fields import Instant
from medcrm.api.serializers.permission import (
    LookupSerializer,
    PermissionsSerializer,
    RevocationReceiptSerializer,
    RevocationSerializer,
)
from medcrm.lib.access import scope_of

ADDRESS = "consent.address"


class AsOfSerializer(serializers.Serializer):
    at = Instant(required=False)


class LeadPermissionView(ClientView):
    serializer_class = PermissionsSerializer
    filter_backends = ()
    pagination_class = None
    scopes = {"GET": ScopeCode.CONSENT_READ}

    @extend_schema(parameters=[OpenApiParameter("at", datetime, description="As of when; left out: now.")])
    def get(self, request: Request, lead: str) -> Response:
        """Read what is permitted on each channel of a lead, as of any moment."""
        asked = AsOfSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        row = self.lead()
        at = asked.validated_data.get("at") or timezone.now()
        return Response(_shown([a for a in (row.phone, row.email) if a], at))


class LookupView(ClientView):
    serializer_class = PermissionsSerializer
    scopes = {"POST": ScopeCode.CONSENT_READ}

    @extend_schema(request=LookupSerializer, responses={200: PermissionsSerializer})
    def post(self, request: Request) -> Response:
        """Read what is permitted for an address, as of any moment. Only for clients that see every team.

        An address that only leads have which the client does not see is not found.
        """
        self.note([], model=ADDRESS)  # a guessed number is logged too
        if not scope_of(request.user).sees_all_teams:
            raise PermissionDenied
        given = self.read(LookupSerializer)
        address = addresses.find(*_normalised(given))
        if address is None or not self.sees(address):
            raise NotFound(_("Nothing is on record about this address, or this key may not see it."))
        self.note([address.pk], model=ADDRESS)
        return Response(_shown([address], given.get("at") or timezone.now()))

    def sees(self, address: Address) -> bool:
        """Whether the client sees a lead that has it; what no lead has, such as a stranger's opt-out, is nobody's."""
        has_it = Q(phone=address) | Q(email=address)
        return self.leads().filter(has_it).exists() or not Lead.objects.filter(has_it).exists()


class RevocationsView(ClientView):
    serializer_class = RevocationReceiptSerializer
    scopes = {"POST": ScopeCode.CONSENT_REVOKE}

    @extend_schema(request=RevocationSerializer, responses={201: RevocationReceiptSerializer})
    def post(self, request: Request) -> Response:
        """Record that a person withdraws permission. Also for an address that nobody knows yet."""
        self.note([], model=ADDRESS)
        given = self.read(RevocationSerializer)
        pair = _normalised(given)

        def act() -> Reply:
            now = timezone.now()
            event = withdrawals.withdraw(
                pair,
                given["scope"],
                said=given["said"],
                occurred_at=given.get("occurred_at") or now,
                by=request.user,
                at=now,
            )
            return Reply(201, plain(RevocationReceiptSerializer(event)))

        answer = self.once(act)
        found = addresses.find(*pair)
        self.note([found and found.pk], model=ADDRESS)
        return answer


def _normalised(given: dict[str, object]) -> tuple[str, str]:
    if given.get("phone"):
        return addresses.PHONE, addresses.normalise_phone(str(given["phone"]))
    return addresses.EMAIL, addresses.normalise_email(str(given["email"]))


def _shown(found: list[Address], at: datetime) -> object:
    rows = [{"address": a.kind, **asdict(view)} for a in found for view in ledger.permission(a, at=at)]
    return PermissionsSerializer({"at": at, "permissions": rows}).data
