"""The lead: lists of what is owed, and a page that says where a lead stands on the road and why.

Nothing here is typed over: facts are corrected by an action that keeps who did it, state moves by the road alone.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from consent import addresses
from leads import fhir
from leads.admin import lead_page
from leads.admin.activity import ActivityActions
from leads.admin.appointments import BookingActions
from leads.admin.deciding import DecideForm
from leads.admin.documents import DocumentActions
from leads.admin.journal import NoteActions
from leads.filters import BehindFilter, CapturedFilter, DueFilter, OpenFilter, OwnerFilter, TeamFilter, start_of_day
from leads.models import CareSetting, Clinic, Lead, OrganisationType, Payer, ServiceLine, Specialty, TimingWindow
from leads.search import find_leads
from leads.services import corrections, retyping, reviews, wishes
from leads.visibility import visible
from leads.vocabulary import Agreement, Budget, ContactRole, ForWhom, LeadType, Outcome, Request, Urgency
from medcrm.lib import masking
from medcrm.lib.access import scope_of, team_names
from medcrm.lib.actions import ActionForm, service_action
from medcrm.lib.admin import ReadOnlyAdmin
from medcrm.lib.badges import badge
from medcrm.lib.columns import badge_column, display
from medcrm.lib.errors import RuleError
from medcrm.lib.filters import ChoicesDropdownFilter, RelatedDropdownFilter
from medcrm.lib.npi import check_npi
from medcrm.lib.phones import spoken

UNCHANGED = [("", _("leave as it is"))]
OWN_PERMISSION = _("What was permitted for the old one is not carried over.")


def choose(label: object, choices: list[tuple[str, object]]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=[*UNCHANGED, *choices], required=False)


class Row(forms.ModelChoiceField):
    """A catalogue row in force; the service gets its code."""

    def __init__(self, label: object, model: type) -> None:
        super().__init__(model.objects.filter(is_active=True), label=label, required=False, empty_label=UNCHANGED[0][1])

    def clean(self, value: object) -> str:
        row = super().clean(value)
        return row.pk if row else ""


class FactsForm(ActionForm):
    """What may be corrected by hand; a box left empty changes nothing."""

    first_name = forms.CharField(label=_("First name"), max_length=80, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=80, required=False)
    phone = forms.CharField(label=_("Phone"), max_length=40, required=False, help_text=OWN_PERMISSION)
    email = forms.CharField(label=_("E-mail"), max_length=254, required=False, help_text=OWN_PERMISSION)
    zip = forms.RegexField(r"^\d{5}$", label=_("ZIP"), required=False, help_text=_("Five digits, e.g. 78701."))
    service = Row(_("Service"), ServiceLine)
    preferred_clinic = Row(_("Preferred clinic"), Clinic)
    timing = Row(_("When"), TimingWindow)
    payer = Row(_("Pays with"), Payer)
    referring_provider = forms.CharField(label=_("Referred by"), max_length=120, required=False)
    request = choose(_("Asks for"), Request.choices)
    for_whom = choose(_("For whom"), ForWhom.choices)
    age = forms.IntegerField(label=_("Age"), min_value=0, max_value=120, required=False)
    urgency = choose(_("Urgency"), Urgency.choices)
    preferred_time = forms.CharField(label=_("Best time, as said"), max_length=80, required=False)
    question = forms.CharField(label=_("The lead's question"), max_length=200, required=False)

    def clean(self) -> dict[str, object]:
        return {"fields": super().clean() or {}}

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            known = _known(self.obj, name)
            if name in addresses.KINDS:
                known = masking.contact(spoken(known) if name == "phone" else known, self.request.user)
                field.widget.attrs["autocomplete"] = "off"  # the browser would offer the reader's own
            if isinstance(field, forms.ModelChoiceField):
                field.empty_label = f"{UNCHANGED[0][1]}: {known}" if known else UNCHANGED[0][1]
                field.widget.choices = field.choices
            elif isinstance(field, forms.ChoiceField) and known:
                field.choices = [("", f"{UNCHANGED[0][1]}: {known}"), *field.choices[1:]]
            elif known:
                now = _now("Now “%(known)s”.") % {"known": known}
                field.help_text = f"{now} {field.help_text}".strip()


def _known(lead: Lead | None, name: str) -> str:
    """What the lead says now, as its page shows it."""
    named = getattr(lead, f"get_{name}_display", None)
    return str((named() if named else getattr(lead, name, "")) or "")


class OrganisationForm(FactsForm):
    for_whom = age = payer = referring_provider = None
    organisation = forms.CharField(label=_("Organisation"), max_length=120, required=False)
    organisation_type = Row(_("Type of organisation"), OrganisationType)
    specialty = Row(_("Specialty"), Specialty)
    care_setting = Row(_("Care setting"), CareSetting)
    npi = forms.CharField(
        label=_("NPI"), max_length=10, required=False, validators=[check_npi], help_text=_("Ten digits.")
    )
    sites = forms.IntegerField(label=_("Sites"), min_value=0, max_value=100_000, required=False)
    contact_role = choose(_("Contact's role"), ContactRole.choices)
    clinic_size = forms.IntegerField(label=_("People at the site"), min_value=0, required=False)
    budget = choose(_("Budget"), Budget.choices)
    rollout = forms.CharField(label=_("Rollout"), max_length=80, required=False)
    approver = forms.CharField(label=_("Who approves vendors"), max_length=120, required=False)
    agreement = choose(_("Agreement"), Agreement.choices)


def facts_form(data: object = None, *, obj: Lead | None = None, request: HttpRequest) -> FactsForm:
    form = OrganisationForm if obj is not None and obj.is_organisation else FactsForm
    return form(data, obj=obj, request=request)


class TypeForm(ActionForm):
    """Of which kind it is, and how we know."""

    lead_type = forms.ChoiceField(label=_("It is a"))
    reason = forms.CharField(
        label=_("Why"), max_length=200, help_text=_("What you know and from where, e.g. “asks for the whole clinic”.")
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        now = self.obj.lead_type if self.obj is not None else ""
        self.fields["lead_type"].choices = [(code, label) for code, label in LeadType.choices if code != now]
        self.look()


class WishesForm(ActionForm):
    """What the person answered, channel by channel."""

    WISHES = (("", _("not said")), (wishes.YES, _("yes")), (wishes.NO, _("no")))
    voice = forms.ChoiceField(label=_("Calls"), choices=WISHES, required=False)
    sms = forms.ChoiceField(label=_("Texts"), choices=WISHES, required=False)
    email = forms.ChoiceField(label=_("E-mail"), choices=WISHES, required=False)
    said = forms.CharField(
        label=_("In their words"),
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        help_text=_("In their words, e.g. “texts are fine, no calls at work”."),
    )
    accepts_unencrypted = forms.BooleanField(
        label=_("Accepts health details by e-mail and text"), required=False, help_text=wishes.WARNING
    )


@admin.register(Lead)
class LeadAdmin(BookingActions, ActivityActions, DocumentActions, NoteActions, ReadOnlyAdmin):
    about = ("leads.lead", "pk")
    list_display = (
        "who_and_what",
        "stage_badge",
        "next",
        "due",
        "in_whose_hands",
        "score_column",
        "readiness_badge",
        "captured",
    )
    list_display_links = ("who_and_what",)
    list_select_related = ("service", "owner", "hold_reason", "stop_reason")
    list_filter = (
        DueFilter,
        OwnerFilter,
        TeamFilter,
        OpenFilter,
        ("stage", ChoicesDropdownFilter),
        ("next_step", ChoicesDropdownFilter),
        ("decision", ChoicesDropdownFilter),
        ("score_band", ChoicesDropdownFilter),
        ("readiness", ChoicesDropdownFilter),
        ("fit", ChoicesDropdownFilter),
        ("hold_reason", RelatedDropdownFilter),
        ("stop_reason", RelatedDropdownFilter),
        ("service", RelatedDropdownFilter),
        ("source", RelatedDropdownFilter),
        ("lead_type", ChoicesDropdownFilter),
        CapturedFilter,
        BehindFilter,
    )
    search_fields = ("last_name",)
    search_help_text = _("Last name, organisation, phone in any format or its last four digits, e-mail or lead id")
    sortable_by = ("captured",)
    change_form_template = "leads/lead.html"
    list_before_template = "workspace/saved_views.html"
    actions = ("record_activity",)
    actions_detail = (
        "correct_facts",
        "correct_type",
        "book_visit",
        "add_note",
        "record_document",
        "record_agreement",
        "record_authorization",
        "record_wishes",
        "record_activity",
        "decide",
    )
    fits: ClassVar = {"record_agreement": lambda lead: lead.is_organisation}
    empty_text = _(
        "Leads appear here as inquiries come in. To receive inquiries, an administrator makes a key for a source."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lead]:
        rows = super().get_queryset(request).filter(visible(request.user), merged_into=None)
        return rows.select_related("source", *self.list_select_related)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # A team's own list reads in the order of what is owed, by the team's index; all teams read newest first.
        return ("-pk",) if scope_of(request.user).sees_all_teams else ("next_action_due_at", "pk")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return find_leads(queryset, search_term), False

    @display(description=_("Lead"))
    def who(self, obj: Lead) -> str:
        if obj.is_organisation and obj.organisation:
            return f"{obj.organisation} ({obj.name})" if obj.name else obj.organisation
        return obj.name or _now("no name given")

    @display(description=_("Lead"))
    def who_and_what(self, obj: Lead) -> SafeString:
        return format_html('{}<span class="mc-under">{}</span>', self.who(obj), obj.service or "")

    stage_badge = badge_column("stage", _("Stage"))
    readiness_badge = badge_column("readiness", _("Readiness"))

    @display(description=_("Next step"))
    def next(self, obj: Lead) -> object:
        reason = obj.hold_reason or obj.stop_reason
        step = obj.get_next_step_display() if obj.next_step not in ("", "none") else ""
        return " · ".join(str(part) for part in (step, reason) if part)

    @display(description=_("Due"))
    def due(self, obj: Lead) -> SafeString | None:
        return due_badge(obj, at=timezone.now())

    @display(description=_("Score"))
    def score_column(self, obj: Lead) -> SafeString | None:
        if obj.score is None:
            return None
        band = obj.get_score_band_display()
        return badge(obj.score_band, format_html('{}<span class="mc-hidden"> {}</span>', obj.score, band), title=band)

    @display(description=_("Owner"))
    def in_whose_hands(self, obj: Lead) -> str | None:
        """Who has it; where nobody does, the team whose queue it waits in, or that answers it [R51]."""
        if obj.owner or not obj.team:
            return str(obj.owner) if obj.owner else None
        words = _now("queue of %(team)s") if obj.next_action_due_at else _now("%(team)s, when they get in touch")
        return words % {"team": obj.team.replace("_", " ")}

    @display(description=_("Captured"), ordering="created_at")
    def captured(self, obj: Lead) -> str:
        return date_format(timezone.localtime(obj.created_at), "M\xa0j, g:i\xa0A")

    @service_action(
        _("Correct facts"),
        permissions=["correct"],
        form=facts_form,
        icon="edit",
        text=_("Fill in only what changes. The checks run again, and your correction is noted on the timeline."),
        submit=_("Save"),
    )
    def correct_facts(self, request: HttpRequest, pk: int, *, at: datetime, fields: dict[str, object]) -> None:
        corrections.correct_facts(pk, fields, by=request.user, at=at)

    @service_action(
        _("Correct the lead type"),
        permissions=["correct"],
        form=TypeForm,
        icon="swap_horiz",
        text=_(
            "Facts that only the other kind has are emptied, a new cycle opens, and the lead goes to the team of this "
            "kind. Its history stays."
        ),
        submit=_("Correct"),
    )
    def correct_type(self, request: HttpRequest, pk: int, *, at: datetime, lead_type: str, reason: str) -> None:
        retyping.correct_type(pk, lead_type, reason=reason, by=request.user, at=at)

    @service_action(
        _("Record contact preferences"),
        permissions=["correct"],
        form=WishesForm,
        icon="record_voice_over",
        text=wishes.QUESTION,
        submit=_("Save"),
    )
    def record_wishes(
        self, request: HttpRequest, pk: int, *, at: datetime, said: str, accepts_unencrypted: bool, **answers: str
    ) -> None:
        wishes.record_wishes(pk, answers, said=said, accepts_unencrypted=accepts_unencrypted, by=request.user, at=at)

    @service_action(
        _("Decide without a call"),
        permissions=["correct"],
        form=DecideForm,
        icon="gavel",
        text=_("For leads that need no call, or may not be called. It stands until something about the lead changes."),
        submit=_("Decide"),
    )
    def decide(
        self,
        request: HttpRequest,
        pk: int,
        *,
        at: datetime,
        outcome: str,
        reason: str,
        follow_up: date | None,
        note: str,
    ) -> None:
        given = {"reason": reason, "until": follow_up, "text": note}
        reviews.decide_by_hand(pk, Outcome(outcome), by=request.user, at=at, **given)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.fhir_view))
        return [path("<int:pk>/fhir/", view, name="leads_lead_fhir"), *super().get_urls()]

    def fhir_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Hand out one person as FHIR R4; who took it and why is kept."""
        lead = self.get_object(request, str(pk))
        if lead is None:
            raise Http404
        try:
            text = fhir.export(lead.pk, at=timezone.now(), by=request.user, reason=request.POST.get("reason", ""))
        except RuleError as error:
            raise PermissionDenied(error.message) from None
        name = f"person-{lead.pk}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return HttpResponse(text, content_type="application/fhir+json", headers=headers)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        lead = self.get_object(request, object_id)
        stays = Lead.objects.filter(merged_from=object_id).first() if lead is None and object_id.isdigit() else None
        if stays is not None and self.get_object(request, str(stays.pk)) is not None:
            return HttpResponseRedirect(reverse("admin:leads_lead_change", args=[stays.pk]))
        if lead is not None and self.has_view_permission(request, lead):
            page = lead_page.read(lead, request, at=timezone.now())
            title = {"title": self.who(lead), "subtitle": None, "content_title": self.who(lead)}
            extra_context = {**(extra_context or {}), **title, "page": page, "teams": team_names()}
        return super().change_view(request, object_id, form_url, extra_context)

    def has_correct_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("leads.change_lead")


def due_badge(lead: Lead, *, at: datetime) -> SafeString | None:
    """When the next action is owed, as a word: overdue and for how long, today at what time, or the date."""
    due = lead.next_action_due_at
    if due is None:
        return None
    local = timezone.localtime(due)
    if due < at:
        return badge("overdue", _now("overdue %(time)s") % {"time": timesince(due, at, depth=1)}, title=local)
    if (due - start_of_day(at)).days < 1:
        return badge("today", _now("today %(time)s") % {"time": date_format(local, "g:i A")}, title=local)
    return badge("later", _now("in %(time)s") % {"time": timeuntil(due, at, depth=1)}, title=local)
