"""The simulator: where would this lead go under the rules in force, or under the draft? Nothing is kept of it."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent import addresses
from leads.models import Clinic, Lead, Payer, ServiceLine, Source, TimingWindow
from leads.search import find_leads
from leads.visibility import visible
from leads.vocabulary import LeadType, Request, Urgency
from medcrm.lib import reading
from medcrm.lib.actions import ActionForm
from medcrm.lib.errors import RuleError
from medcrm.lib.models import VersionStatus
from routing import explain
from routing.models import RouteSet

TYPED = ("lead_type", "source", "service", "preferred_clinic", "zip", "timing", "request", "payer", "urgency")
CODED = {"source": Source, "service": ServiceLine, "preferred_clinic": Clinic, "payer": Payer, "timing": TimingWindow}


class SimulatorForm(ActionForm):
    """A lead by its id, name or number; or, with that left empty, an inquiry typed in."""

    lead = forms.CharField(label=_("A lead"), max_length=80, required=False, help_text=_("Its id, phone or e-mail."))
    rules = forms.ChoiceField(label=_("Under"))
    lead_type = forms.ChoiceField(label=_("Lead type"), choices=LeadType.choices)
    source = forms.ChoiceField(label=_("Source"))
    service = forms.ChoiceField(label=_("Service"), required=False)
    preferred_clinic = forms.ChoiceField(label=_("Preferred clinic"), required=False)
    zip = forms.RegexField(r"^\d{5}$", label=_("ZIP"), required=False)
    timing = forms.ChoiceField(label=_("When"), required=False)
    request = forms.ChoiceField(label=_("Asks for"), choices=[("", "—"), *Request.choices], required=False)
    payer = forms.ChoiceField(label=_("Pays with"), required=False)
    urgency = forms.ChoiceField(label=_("Urgency"), choices=Urgency.choices, initial=Urgency.ROUTINE, required=False)
    language = forms.CharField(label=_("Language"), max_length=8, initial="en", required=False)
    age = forms.IntegerField(label=_("Age"), min_value=0, max_value=120, required=False)
    phone = forms.CharField(label=_("Phone"), max_length=20, required=False, help_text=_("E.g. 512-555-0100."))

    def __init__(self, data: object = None, *, obj: Lead | None = None, request: HttpRequest) -> None:
        super().__init__(data, obj=obj, request=request)
        for name, model in CODED.items():
            rows = list(model.objects.filter(is_active=True).order_by("name").values_list("pk", "name"))
            self.fields[name].choices = rows if name == "source" else [("", "—"), *rows]
        open_sets = RouteSet.objects.exclude(status=VersionStatus.RETIRED).order_by("-status", "-version")
        self.fields["rules"].choices = [(row.pk, str(row)) for row in open_sets]
        self.look()

    def clean_phone(self) -> str:
        raw = self.cleaned_data["phone"]
        try:
            return addresses.normalise_phone(raw) if raw else ""
        except RuleError as error:
            raise forms.ValidationError(error.message) from error

    def clean_lead(self) -> Lead | None:
        words = self.cleaned_data["lead"].strip()
        if not words:
            return None
        found = list(find_leads(Lead.objects.filter(visible(self.request.user)), words)[:2])
        if len(found) != 1:
            message = _("No such lead.") if not found else _("More than one lead fits; use its id.")
            raise forms.ValidationError(message)
        return found[0]


def simulator_view(request: HttpRequest) -> HttpResponse:
    """Ask the router by POST, so that nothing typed in is left in addresses; nothing is written."""
    if not request.user.has_perm("routing.view_routeset"):
        raise PermissionDenied
    is_asked = request.method == "POST"
    form = SimulatorForm(request.POST if is_asked else None, request=request)
    if not is_asked and request.GET.get("lead"):
        form.initial = {"lead": request.GET["lead"]}
    context = {**admin.site.each_context(request), "title": _("Where would it go?"), "form": form}
    if is_asked and form.is_valid():
        context |= {"answer": answer(form, at=timezone.now())}
    return TemplateResponse(request, "routing/simulator.html", context)


def answer(form: SimulatorForm, *, at: datetime) -> explain.Answer:
    values = form.cleaned_data
    if values["lead"]:
        reading.note(form.request, "view", "leads.lead", [values["lead"].pk])
    rule_set = RouteSet.objects.get(pk=values["rules"])
    if values["lead"]:
        lead = Lead.objects.select_related("service", "hold_reason", "stop_reason").get(pk=values["lead"].pk)
        return explain.Answer(lead, explain.simulate(lead.pk, at=at, rule_set=rule_set))
    fields = {name: values[name] for name in (*TYPED, "language", "age") if values.get(name) not in ("", None)}
    return explain.simulate_new(fields, phone=values["phone"], at=at, rule_set=rule_set)
