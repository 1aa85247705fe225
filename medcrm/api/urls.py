"""The paths of /api/v1/."""

from __future__ import annotations

from datetime import date

from django.urls import path, register_converter

from medcrm.api import capacity, description, inquiries, leads, permission, webhooks


class CodeConverter:
    """A code of the catalogue, so that no other text reaches a view."""

    regex = "[a-z][a-z0-9_]{0,39}"

    def to_python(self, value: str) -> str:
        return value

    to_url = to_python


class DayConverter:
    regex = "20[0-9]{2}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()


class IdConverter:
    """A number that fits into a key."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(CodeConverter, "code")
register_converter(DayConverter, "day")
register_converter(IdConverter, "id")

LEAD = "leads/<uuid:lead>/"
WEBHOOK = "webhooks/<uuid:webhook>/"

app_name = "api"
urlpatterns = [
    path("inquiries/", inquiries.InquiriesView.as_view(), name="inquiries"),
    path("inquiries/<uuid:inquiry>/", inquiries.InquiryView.as_view(), name="inquiry"),
    path("leads/", leads.LeadsView.as_view(), name="leads"),
    path(LEAD, leads.LeadView.as_view(), name="lead"),
    path(f"{LEAD}status/", inquiries.LeadStatusView.as_view(), name="lead-status"),
    path(f"{LEAD}events/", leads.EventsView.as_view(), name="events"),
    path(f"{LEAD}call-reservations/", leads.ReservationsView.as_view(), name="call-reservations"),
    path(f"{LEAD}calls/", leads.CallsView.as_view(), name="calls"),
    path(f"{LEAD}documents/", leads.DocumentsView.as_view(), name="documents"),
    path(f"{LEAD}documents/<code:document>/", leads.DocumentView.as_view(), name="document"),
    path(f"{LEAD}people/", leads.PeopleView.as_view(), name="people"),
    path(f"{LEAD}authorizations/", leads.AuthorizationsView.as_view(), name="authorizations"),
    path(f"{LEAD}authorizations/<code:service>/", leads.AuthorizationView.as_view(), name="authorization"),
    path(f"{LEAD}appointments/", capacity.BookingsView.as_view(), name="bookings"),
    path(f"{LEAD}consent/", permission.LeadPermissionView.as_view(), name="lead-consent"),
    path("appointments/", capacity.AppointmentsView.as_view(), name="appointments"),
    path("appointments/<id:appointment>/", capacity.AppointmentView.as_view(), name="appointment"),
    path("availability/", capacity.ManyAvailabilityView.as_view(), name="availability"),
    path(
        "availability/<code:service>/<code:clinic>/<day:date>/",
        capacity.OneAvailabilityView.as_view(),
        name="availability-day",
    ),
    path("consent/lookup/", permission.LookupView.as_view(), name="consent-lookup"),
    path("consent/revocations/", permission.RevocationsView.as_view(), name="consent-revocations"),
    path("webhooks/", webhooks.WebhooksView.as_view(), name="webhooks"),
    path(WEBHOOK, webhooks.WebhookView.as_view(), name="webhook"),
    path(f"{WEBHOOK}secret/", webhooks.SecretView.as_view(), name="webhook-secret"),
    path(f"{WEBHOOK}deliveries/", webhooks.DeliveriesView.as_view(), name="webhook-deliveries"),
    path(f"{WEBHOOK}replay/", webhooks.ReplayView.as_view(), name="webhook-replay"),
    path("schema/", description.schema, name="schema"),
    path("docs/", description.docs, name="docs"),
]
