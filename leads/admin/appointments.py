"""Visits: booked from the lead's page against open slots; moved, called off or settled from their own page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from leads import capacity, ical
from leads.admin import panels
from leads.admin.base import OfLead
from leads.models import Appointment, Availability, Lead
from leads.querysets import LIVE_VISIT
from leads.services import appointments
from leads.services.appointments import Booking
from leads.vocabulary import AppointmentState
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.columns import badge_column, display
from medcrm.lib.filters import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter, RelatedDropdownFilter

DAYS_OFFERED = 60  # open days in each group to choose from; the form stays readable
SETTLED = [
    (state.value, state.label)
    for state in (
        AppointmentState.CONFIRMED,
        AppointmentState.ATTENDED,
        AppointmentState.NO_SHOW,
        AppointmentState.CANCELLED,
    )
]


Days = list[tuple[str, list[tuple[str, str]]]]


def open_days(lead: Lead, service: str | None, *, first: str | None, at: datetime) -> Days:
    """Open days of a service in two groups: where the lead is offered it, clinic `first` before the rest, and where
    that takes a reason. Three queries."""
    is_first = ExpressionWrapper(Q(offering__clinic=first), output_field=BooleanField())
    days = capacity.open_days(at=at).filter(offering__service=service, offering__clinic__is_active=True)
    if not lead.is_existing_patient:
        days = days.filter(offering__accepts_new_patients=True)
    days = days.alias(is_first=is_first).order_by("-is_first", "date", "pk").select_related("offering__clinic")
    offered = Q(offering__in=capacity.offered_to(lead.pk))
    groups = [(_now("Offered"), days.filter(offered)), (_now("Elsewhere: say why"), days.exclude(offered))]
    choices = [(name, [_choice(row) for row in rows[:DAYS_OFFERED]]) for name, rows in groups]
    return [(name, found) for name, found in choices if found]


def _choice(row: Availability) -> tuple[str, str]:
    words = _now("%(clinic)s, %(day)s: %(n)d open")
    day = date_format(row.date, "D, M j")
    return f"{row.offering_id}:{row.date.isoformat()}", words % {
        "clinic": row.offering.clinic,
        "day": day,
        "n": row.open_slots,
    }


class BookForm(ActionForm):
    """A day with open slots, and a time of day on the clinic's clock."""

    slot = forms.ChoiceField(
        label=_("Clinic and day"), error_messages={"required": _("Choose the day they agreed to.")}
    )
    time = forms.TimeField(
        label=_("Time at the clinic"),
        required=False,
        help_text=_("Blank: the clinic tells the person when to come."),
    )
    reason = forms.CharField(
        label=_("Why"),
        max_length=300,
        required=False,
        help_text=_("Needed against a failed check or elsewhere than offered, e.g. “records follow”."),
    )

    def __init__(self, data: object = None, *, obj: Lead | None = None, request: HttpRequest) -> None:
        super().__init__(data, obj=obj, request=request)
        # No day stands there already: a hasty Enter would book it.
        days, slot = self.days() if obj is not None else [], self.fields["slot"]
        slot.choices = [("", _("choose…")), *days] if days else []
        if not days:
            slot.help_text = _("No day is open for this service. Open slots are set under “Offerings and slots”.")
        self.look()

    def days(self) -> Days:
        return open_days(self.obj, self.obj.service_id, first=self.obj.preferred_clinic_id, at=timezone.now())

    def clean(self) -> dict[str, object]:
        values = super().clean() or {}
        offering, _sep, day = str(values.pop("slot", "")).partition(":")
        when = values.pop("time", None)
        if day:
            values["booking"] = Booking(int(offering), date.fromisoformat(day), when)
        return values


class MoveForm(BookForm):
    reason = forms.CharField(label=_("Why"), max_length=300, help_text=_("E.g. “asked for a later day”."))

    def days(self) -> Days:
        return open_days(self.obj.lead, self.obj.service_id, first=self.obj.clinic_id, at=timezone.now())


class BookingActions:
    """What the lead's page offers to who may book."""

    @service_action(
        _("Book a visit"),
        permissions=["book"],
        form=BookForm,
        icon="event_available",
        text=_("One open slot of that day is taken, and “appointment set” is kept as the outcome."),
        submit=_("Book"),
    )
    def book_visit(self, request: HttpRequest, pk: int, *, at: datetime, booking: Booking, reason: str) -> None:
        appointments.book(pk, booking, by=request.user, at=at, reason=reason)

    def has_book_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.book_appointment")


class SettleForm(ActionForm):
    status = forms.ChoiceField(label=_("What became of it?"), choices=SETTLED)
    note = forms.CharField(label=_("Note"), max_length=300, required=False)


class WhenFilter(DropdownFilter):
    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: object) -> Sequence[tuple[str, object]]:
        return [("today", _("Today")), ("coming", _("To come")), ("unsettled", _("Over, and nobody said how it went"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        today = timezone.localdate()
        live = Q(status__in=LIVE_VISIT)
        found = {
            "today": Q(date=today),
            "coming": live & Q(date__gte=today),
            "unsettled": Q(pk__in=Appointment.objects.unsettled(timezone.now()).values("pk")),
        }
        return queryset.filter(found.get(self.value() or "", Q()))


@admin.register(Appointment)
class AppointmentAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("date", "at_time", "of_lead", "service", "clinic", "status_badge", "by")
    list_select_related = ("lead", "service", "clinic", "by")
    list_filter = (
        WhenFilter,
        ("date", RangeDateFilter),
        ("status", ChoicesDropdownFilter),
        ("clinic", RelatedDropdownFilter),
        ("service", RelatedDropdownFilter),
    )
    fields = (
        ("lead", "status"),
        ("date", "at_time"),
        ("service", "clinic"),
        "calendar_files",
        ("by", "note"),
        ("created_at", "changed_at"),
        "replaces",
    )
    readonly_fields = ("at_time", "calendar_files")
    actions = ("record",)
    actions_detail = ("record", "move")
    empty_text = _("Visits appear here when they are booked from a lead's page or by the scheduling system.")
    status_badge = badge_column("status", _("Status"))
    has_record_permission = verb_permission("record")
    has_book_permission = verb_permission("book")

    def get_inlines(self, request: HttpRequest, obj: Appointment | None) -> list[type]:
        return [*super().get_inlines(request, obj), *panels.inlines_of(Appointment)]

    @display(description=_("Time there"))
    def at_time(self, obj: Appointment) -> str | None:
        return clinic_time(obj)

    @display(description=_("Calendar"))
    def calendar_files(self, obj: Appointment) -> SafeString:
        names = {ical.Reader.PERSON: _now("For the person"), ical.Reader.CLINIC: _now("For the clinic")}
        links = (
            (reverse("admin:leads_appointment_calendar", args=[obj.pk, r.value]), name) for r, name in names.items()
        )
        return format_html_join(" · ", '<a class="mc-link" href="{}">{}</a>', links)

    @service_action(
        _("Record the result"),
        permissions=["record"],
        form=SettleForm,
        icon="event_note",
        text=_("An attended visit closes the lead's road; a missed or cancelled one starts the call-back."),
        submit=_("Save"),
    )
    def record(self, request: HttpRequest, pk: int, *, at: datetime, status: str, note: str) -> None:
        appointments.settle_appointment(pk, status, by=request.user, at=at, note=note)

    @service_action(
        _("Move the visit"),
        permissions=["book"],
        form=MoveForm,
        icon="update",
        text=_("The old slot is free again. Calendars that took the file of the old visit move their entry."),
        submit=_("Move"),
    )
    def move(self, request: HttpRequest, pk: int, *, at: datetime, booking: Booking, reason: str) -> None:
        appointments.reschedule(pk, booking, by=request.user, at=at, reason=reason)

    def get_urls(self) -> list[Callable]:
        view = self.admin_site.admin_view(self.calendar_view)
        own = [path("<int:pk>/calendar/<str:reader>/", view, name="leads_appointment_calendar")]
        return own + super().get_urls()

    def calendar_view(self, request: HttpRequest, pk: int, reader: str) -> HttpResponse:
        """Hand out the visit as an iCalendar file to who may see the visit."""
        row = self.get_queryset(request).filter(pk=pk).first()
        if row is None or reader not in set(ical.Reader) or not self.has_view_permission(request, row):
            raise Http404
        self.note(request, "export", [row])
        name = ical.file_name(row, ical.Reader(reader))
        return HttpResponse(
            ical.calendar_file(row, ical.Reader(reader)),
            content_type="text/calendar; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def clinic_time(row: Appointment) -> str | None:
    """When the visit begins on the clinic's clock; nothing while no time was agreed."""
    if row.starts_at is None:
        return None
    return date_format(timezone.localtime(row.starts_at, ZoneInfo(row.clinic.timezone)), "g:i A")
