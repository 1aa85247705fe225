"""Who is in which sequence and what went out: read here, written by services; the enrolment's page looks ahead."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from consent.sentences import sentence
from leads import timing
from leads.admin.base import OfLead
from leads.models import Lead
from leads.search import find_leads
from leads.visibility import visible
from medcrm.lib import reading
from medcrm.lib.actions import ActionForm, service_action, verb_permission
from medcrm.lib.admin import ReadOnlyAdmin, ReadOnlyInline
from medcrm.lib.among import Among
from medcrm.lib.badges import badge
from medcrm.lib.columns import badge_column, display, link
from medcrm.lib.filters import ChoicesDropdownFilter, DropdownFilter
from nurture import calls, enrollment, plan
from nurture.models import CallTask, Enrollment, Message, Skip, Step
from nurture.vocabulary import Medium, SkipCode


class LeaveForm(ActionForm):
    note = forms.CharField(label=_("Why"), max_length=300, help_text=_("It is kept in the history."))


class MessageInline(ReadOnlyInline):
    model = Message
    fields = readonly_fields = ("reserved_at", "step", "subject", "state", "error")
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("step__sequence", "step__template")


class SkipInline(ReadOnlyInline):
    model = Skip
    fields = readonly_fields = ("at", "step", "kind", "code", "sentence", "until")
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("step__sequence", "step__template")


@admin.register(Enrollment)
class EnrollmentAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("of_lead", "sequence", "state_badge", "step", "next_due_at", "started_at", "why_it_ended")
    list_select_related = ("lead", "sequence", "step__sequence", "step__template")
    list_filter = (("state", ChoicesDropdownFilter), ("exit_code", ChoicesDropdownFilter))
    fields = readonly_fields = (
        "of_lead",
        "sequence",
        "state",
        "step",
        "next_due_at",
        "started_at",
        "ended_at",
        "why_it_ended",
        "coming",
    )
    inlines = (MessageInline, SkipInline)
    actions_detail = ("leave",)
    state_badge = badge_column("state", _("State"))
    has_leave_permission = verb_permission("leave")

    @display(description=_("Why it ended"))
    def why_it_ended(self, obj: Enrollment) -> str:
        return " ".join(part for part in (obj.get_exit_code_display(), obj.exit_note) if part)

    @display(description=_("Next 30 days"))
    def coming(self, obj: Enrollment) -> SafeString | str:
        """What will be sent when, and what is held or blocked and why; asked of the code that will send it."""
        if obj.state != "active":
            return "—"
        url = reverse("admin:nurture_enrollment_plan", args=[obj.lead_id])
        return format_html(
            '<a class="mc-link" href="{}">{}</a>', url, _("What goes out when, and what is held and why")
        )

    def get_urls(self) -> list:
        view = self.admin_site.admin_view(self.plan)
        return [path("lead/<int:lead_id>/plan/", view, name="nurture_enrollment_plan"), *super().get_urls()]

    def plan(self, request: HttpRequest, lead_id: int) -> TemplateResponse:
        """What a lead gets in the next 30 days; by itself, or as a part of the lead's page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        lead = Lead.objects.filter(visible(request.user), pk=lead_id).select_related("source__seller").first()
        reading.note(request, "view", "leads.lead", [lead_id])
        if lead is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": _("Next 30 days for %(lead)s") % {"lead": lead},
            "opts": self.opts,
            "lead": lead,
            "zone": timing.zone_of(lead),
            "steps": plan.for_lead(lead_id, at=timezone.now()),
        }
        is_part = request.headers.get("HX-Request") == "true"
        return TemplateResponse(request, "nurture/plan_part.html" if is_part else "nurture/plan.html", context)

    @service_action(
        _("Remove from the sequence"),
        permissions=["leave"],
        form=LeaveForm,
        icon="logout",
        text=_("No further step goes out, and the lead does not enter this sequence again in this cycle."),
    )
    def leave(self, request: HttpRequest, pk: int, *, at: datetime, note: str) -> None:
        enrollment.leave(pk, at=at, by=request.user, note=note)


class MediumFilter(DropdownFilter):
    """Messages of the steps that write by this medium: few keys, looked up first, so that their index is read."""

    title = _("medium")
    parameter_name = "medium"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, object]]:
        return list(Medium.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in Medium.values:
            return queryset
        steps = Step.objects.filter(template__medium=self.value()).order_by().values_list("pk", flat=True)
        return queryset.filter(Among("step", steps))


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    about = ("leads.lead", "enrollment.lead_id")
    list_display = ("reserved_at", "of_lead", "step", "subject", "state_badge", "provider", "error")
    list_select_related = ("enrollment__lead", "step__sequence", "step__template")
    list_filter = (("state", ChoicesDropdownFilter), MediumFilter)
    search_fields = ("provider_id",)
    search_help_text = _("Last name, organisation, phone in any format, e-mail or lead id")
    ordering = ("-pk",)
    sortable_by = ()
    fields = readonly_fields = (
        "of_lead", "step", "wording", "state_badge", "subject", "words", "reserved_at", "sent_at", "settled_at",
        "attempt", "provider", "provider_id", "error", "content_sha256",
    )  # fmt: skip
    state_badge = badge_column("state", _("State"))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(visible(request.user, "enrollment__lead__"))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        if not search_term.strip():
            return queryset, False
        leads = find_leads(Lead.objects.filter(visible(request.user)), search_term)
        return queryset.filter(enrollment__lead__in=list(leads.order_by().values_list("pk", flat=True)[:500])), False

    @display(description=_("Lead"))
    def of_lead(self, obj: Message) -> SafeString | None:
        return link(obj.enrollment.lead)

    @display(description=_("Words"))
    def words(self, obj: Message) -> SafeString:
        return format_html('<pre class="mc-words">{}</pre>', obj.body)


@admin.register(Skip)
class SkipAdmin(ReadOnlyAdmin):
    about = ("leads.lead", "enrollment.lead_id")
    list_display = ("at", "of_lead", "step", "kind", "code", "sentence", "until")
    list_select_related = ("enrollment__lead", "step__sequence", "step__template")
    list_filter = (("kind", ChoicesDropdownFilter),)
    ordering = ("-pk",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(visible(request.user, "enrollment__lead__"))

    @display(description=_("Lead"))
    def of_lead(self, obj: Skip) -> SafeString | None:
        return link(obj.enrollment.lead)


def _why_it_lapsed(code: str) -> str:
    """Our own reason, or the ledger's, in words."""
    return str(SkipCode(code).label) if code in SkipCode.values else sentence(code) if code else ""


class CallStateFilter(DropdownFilter):
    """Calls still to make, made, or never made."""

    title = _("state")
    parameter_name = "call"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, object]]:
        return [("open", _("To be called")), ("called", _("Called")), ("lapsed", _("Not called in the end"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "open":
            return queryset.filter(settled_at=None)
        if self.value() == "called":
            return queryset.filter(is_done=True)
        return queryset.filter(is_done=False, settled_at__isnull=False) if self.value() == "lapsed" else queryset


@admin.register(CallTask)
class CallTaskAdmin(OfLead, ReadOnlyAdmin):
    list_display = ("of_lead", "step", "due_at", "state")
    empty_text = _("A sequence asks for a call where a message is not enough; it appears here when it is due.")
    fits: ClassVar = {"mark_done": lambda task: task.settled_at is None}
    list_select_related = ("lead", "step__sequence", "step__template")
    list_filter = (CallStateFilter,)
    actions = ("mark_done",)
    actions_detail = ("mark_done",)
    has_settle_permission = verb_permission("settle")

    @display(description=_("State"))
    def state(self, obj: CallTask) -> SafeString:
        if obj.is_done:
            return badge("met", _now("called"))
        if obj.settled_at:
            return badge("cancelled", _why_it_lapsed(obj.lapsed_code) or _now("no longer needed"))
        return badge("today", _now("to be called"), symbol="call")

    @service_action(
        _("Mark as called"),
        permissions=["settle"],
        icon="call",
        text=_("A call you record on the lead's page settles this by itself; use this for a call made elsewhere."),
    )
    def mark_done(self, request: HttpRequest, pk: int, *, at: datetime) -> None:
        calls.settle(pk, at=at)
