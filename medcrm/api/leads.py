"""Leads and what happens to them: read, corrected in facts, events, calls, documents and authorizations."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent import gate
from consent.lifecycle import AttemptState
from consent.models import Attempt
from gateway.idempotency import Reply
from gateway.vocabulary import ScopeCode
from leads import contact
from leads.models import Authorization, Document, DocumentStatus, Lead, ServiceLine
from leads.outcomes import CallReport
from leads.services import calls, corrections, events, people, reaching
from leads.services.people import Person
from leads.submission import check_facts
from leads.vocabulary import InteractionKind
from medcrm.api.base import ClientView, plain
from medcrm.api.fields import Since
from medcrm.api.serializers.leads import (
    ActivitySerializer,
    AuthorizationChangeSerializer,
    AuthorizationSerializer,
    CallRequestSerializer,
    CallSerializer,
    DocumentChangeSerializer,
    DocumentSerializer,
    EventReceiptSerializer,
    EventSerializer,
    FactsSerializer,
    LeadSerializer,
    PersonChangeSerializer,
    PersonSerializer,
    ReservationSerializer,
)
from medcrm.lib.errors import InvalidFields, RuleError
from routing import saying

SHOWN = ("phone", "email", "merged_into")


class LeadFilter(filters.FilterSet):
    created_since = Since("created_at")
    updated_since = Since("updated_at")

    class Meta:
        model = Lead
        fields = ("stage", "decision", "next_step", "score_band", "lead_type", "team", "service", "source")


class LeadsView(ClientView):
    serializer_class = LeadSerializer
    is_list = True
    queryset = Lead.objects.none()  # names the model to the description
    filterset_class = LeadFilter
    scopes = {"GET": ScopeCode.LEADS_READ}

    def get_queryset(self) -> QuerySet:
        return self.leads().select_related(*SHOWN)

    def get(self, request: Request) -> Response:
        """List leads, newest first."""
        return self.listed(self.get_queryset(), LeadSerializer)


class LeadView(ClientView):
    serializer_class = LeadSerializer
    scopes = {"GET": ScopeCode.LEADS_READ, "PATCH": ScopeCode.LEADS_WRITE}

    def get(self, request: Request, lead: str) -> Response:
        """Read one lead."""
        return Response(self.get_serializer(self.lead()).data)

    @extend_schema(request=FactsSerializer)
    @transaction.atomic
    def patch(self, request: Request, lead: str) -> Response:
        """Correct facts of a lead; the checks run again. State is changed by what happens, never here."""
        pk, facts = self.lead().pk, check_facts(self.read(FactsSerializer))
        reaching.lock_addresses(pk, facts)  # addresses are locked before any lead
        row = Lead.objects.lock().get(pk=pk)
        self.demand_match(self.get_serializer(row).data)
        corrections.correct_facts(row.pk, facts, by=request.user, at=timezone.now())
        return Response(self.get_serializer(Lead.objects.select_related(*SHOWN).get(pk=row.pk)).data)


class EventsView(ClientView):
    serializer_class = EventSerializer
    is_list = True
    filter_backends = ()
    scopes = {"GET": ScopeCode.EVENTS_READ, "POST": ScopeCode.EVENTS_WRITE}

    def get(self, request: Request, lead: str) -> Response:
        """List a lead's timeline, newest first."""
        return self.listed(self.lead().interactions.all(), EventSerializer)

    @extend_schema(request=ActivitySerializer, responses={201: EventReceiptSerializer})
    def post(self, request: Request, lead: str) -> Response:
        """Add something the lead did. Activity alone never qualifies; a reply may wake it or withdraw permission.

        A STOP is always taken. A START is taken only as the carrier brought it, with `message_id` and `at`, from a
        client with the scope `consent:restart`; otherwise it is refused with NOT_HEARSAY.
        """
        row, given = self.lead(), self.read(ActivitySerializer)
        check_facts({"service": given.get("service", "")})

        def act() -> Reply:
            made = events.record_activity(
                row.pk,
                InteractionKind(given["kind"]),
                at=timezone.now(),
                service=given.get("service", ""),
                count=given["count"],
                text=given["text"],
                key=given["message_id"],
                happened_at=given.get("at"),
                by=request.user,
                source=request.user.get_username(),
                is_relayed=ScopeCode.CONSENT_RESTART in request.auth.client.scopes,
            )
            return Reply(201, plain(EventReceiptSerializer(made)))

        return self.once(act)


class ReservationsView(ClientView):
    serializer_class = ReservationSerializer
    scopes = {"POST": ScopeCode.CALLS_WRITE}

    @extend_schema(request=CallRequestSerializer, responses={201: ReservationSerializer})
    def post(self, request: Request, lead: str) -> Response:
        """Reserve one hand-dialled call. A refusal is kept too, and answered with its reason."""
        row, purpose = self.lead(), self.read(CallRequestSerializer)["purpose"]

        def act() -> Reply:
            at = timezone.now()
            if row.phone_id is None:
                raise RuleError("NO_NUMBER", _("This lead has no phone number."))
            before = set(Attempt.objects.filter(address=row.phone_id, at=at).values_list("pk", flat=True))
            attempt = contact.reserve_call(row, purpose=purpose, at=at, by=request.user)
            if attempt is None:  # refused, and the refusal is on record
                attempt = Attempt.objects.filter(address=row.phone_id, at=at).exclude(pk__in=before).latest("pk")
            attempt.is_allowed = attempt.kind == "allow"
            attempt.dial_before = at + contact.DIAL_WITHIN if attempt.is_allowed else None
            return Reply(201, plain(ReservationSerializer(attempt)))

        return self.once(act)


class CallsView(ClientView):
    serializer_class = EventReceiptSerializer
    scopes = {"POST": ScopeCode.CALLS_WRITE}

    @extend_schema(request=CallSerializer, responses={201: EventReceiptSerializer})
    def post(self, request: Request, lead: str) -> Response:
        """Record how a call ended and, with an outcome, where that puts the lead.

        Where the script of a sensitive service asks for consent first, `consent_step` is demanded as on the screens.
        """
        row, given = self.lead(), dict(self.read(CallSerializer))
        reserved, answer = given.pop("attempt"), given.pop("consent_step")
        facts = check_facts(given.pop("facts", {}))
        told = replace(CallReport(**given), fields=facts)
        if gaps := calls.misfits(row, told):
            raise InvalidFields(gaps)

        @transaction.atomic  # what is refused must not use the reservation up
        def act() -> Reply:
            at = timezone.now()
            attempt = contact.find_reservation(row, reserved, at=at)
            report = saying.with_consent_step(row, told, answer)
            if attempt is not None:
                gate.settle(attempt.pk, AttemptState.SENT, at=at, outcome=report.disposition)
            call = calls.record_call(row.pk, report, at=at, by=request.user, attempt=attempt)
            return Reply(201, plain(EventReceiptSerializer(call)))

        return self.once(act)


class DocumentsView(ClientView):
    serializer_class = DocumentSerializer
    pagination_class = None
    filter_backends = ()
    scopes = {"GET": ScopeCode.DOCUMENTS_READ}

    @extend_schema(responses=DocumentSerializer(many=True))
    def get(self, request: Request, lead: str) -> Response:
        """List where the documents of a lead stand."""
        return Response(DocumentSerializer(self.lead().documents.order_by("document"), many=True).data)


class DocumentView(ClientView):
    serializer_class = DocumentSerializer
    scopes = {"GET": ScopeCode.DOCUMENTS_READ, "PUT": ScopeCode.DOCUMENTS_WRITE}

    def get(self, request: Request, lead: str, document: str) -> Response:
        """Read where one document of a lead stands."""
        return Response(DocumentSerializer(get_object_or_404(DocumentStatus, lead=self.lead(), document=document)).data)

    @extend_schema(request=DocumentChangeSerializer)
    @transaction.atomic
    def put(self, request: Request, lead: str, document: str) -> Response:
        """Record where a document stands."""
        get_object_or_404(Document, pk=document, is_active=True)
        row = Lead.objects.lock().get(pk=self.lead().pk)
        current = DocumentStatus.objects.filter(lead=row, document=document).first()
        self.demand_match(current and DocumentSerializer(current).data)
        given = self.read(DocumentChangeSerializer)
        made = events.record_document(row.pk, document, at=timezone.now(), by=request.user, **given)
        return Response(DocumentSerializer(made).data)


class PeopleView(ClientView):
    serializer_class = PersonSerializer
    pagination_class = None
    filter_backends = ()
    scopes = {"GET": ScopeCode.LEADS_READ, "POST": ScopeCode.LEADS_WRITE}

    @extend_schema(responses=PersonSerializer(many=True))
    def get(self, request: Request, lead: str) -> Response:
        """List who is on the decision path of a lead."""
        rows = self.lead().stakeholders.select_related("phone", "email").order_by("pk")
        return Response(self.get_serializer(rows, many=True).data)

    @extend_schema(request=PersonChangeSerializer, responses={201: PersonSerializer})
    def post(self, request: Request, lead: str) -> Response:
        """Note somebody on the decision path; the checks run again."""
        row, person = self.lead(), Person(**self.read(PersonChangeSerializer))

        def act() -> Reply:
            return Reply(201, plain(self.get_serializer(people.note_person(row.pk, person, at=timezone.now()))))

        return self.once(act)


class AuthorizationsView(ClientView):
    serializer_class = AuthorizationSerializer
    pagination_class = None
    filter_backends = ()
    scopes = {"GET": ScopeCode.DOCUMENTS_READ}

    @extend_schema(responses=AuthorizationSerializer(many=True))
    def get(self, request: Request, lead: str) -> Response:
        """List the prior authorizations of a lead."""
        return Response(AuthorizationSerializer(self.lead().authorizations.order_by("service"), many=True).data)


class AuthorizationView(ClientView):
    serializer_class = AuthorizationSerializer
    scopes = {"GET": ScopeCode.DOCUMENTS_READ, "PUT": ScopeCode.DOCUMENTS_WRITE}

    def get(self, request: Request, lead: str, service: str) -> Response:
        """Read one prior authorization."""
        row = get_object_or_404(Authorization, lead=self.lead(), service=service)
        return Response(AuthorizationSerializer(row).data)

    @extend_schema(request=AuthorizationChangeSerializer)
    @transaction.atomic
    def put(self, request: Request, lead: str, service: str) -> Response:
        """Record where the payer's prior authorization stands."""
        get_object_or_404(ServiceLine, pk=service, is_active=True)
        row = Lead.objects.lock().get(pk=self.lead().pk)
        current = Authorization.objects.filter(lead=row, service=service).first()
        self.demand_match(current and AuthorizationSerializer(current).data)
        given = dict(self.read(AuthorizationChangeSerializer))
        made = events.record_authorization(
            row.pk, service, given.pop("status"), at=timezone.now(), by=request.user, **given
        )
        return Response(AuthorizationSerializer(made).data)
