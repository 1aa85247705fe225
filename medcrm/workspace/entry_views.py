"""The edge of entering a lead: reads the clock and the request, asks, and leads on to the person's page."""

from __future__ import annotations

from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from leads.vocabulary import LeadType
from medcrm.lib import reading
from medcrm.lib.errors import RuleError
from medcrm.workspace import entering
from medcrm.workspace.entry_form import EntryForm, first_source, typed
from medcrm.workspace.views import shown


@never_cache
@require_http_methods(["GET", "POST"])
def new_lead(request: HttpRequest) -> HttpResponse:
    """Enter somebody who rings or walks in, and go on with them at once."""
    _require_entering(request)
    if request.method == "GET":
        usual = {"source": first_source(), "is_here": True, "lead_type": LeadType.PATIENT, "key": uuid4().hex}
        return _ask_for_lead(request, EntryForm(initial=usual))
    form = EntryForm(request.POST)
    if form.is_valid():
        try:
            entered = entering.enter(form.entry(), by=request.user, at=timezone.now())
        except RuleError as error:
            form.show(error)
        else:
            return _landed(request, entered)
    return _ask_for_lead(request, form)


@require_POST
def known_leads(request: HttpRequest) -> HttpResponse:
    """Who has the number or the mailbox that is being typed. By POST: it stands in no log and no history."""
    _require_entering(request)
    return TemplateResponse(request, "workspace/known.html", {"known": _known(request)})


def _require_entering(request: HttpRequest) -> None:
    if not request.user.has_perm("leads.enter_lead"):
        raise PermissionDenied


def _known(request: HttpRequest) -> entering.Known:
    told = typed(request.POST)
    found = entering.known(told["phone"], told["email"], told, reader=request.user)
    reading.note(request, "search", "leads.lead", [row.pk for row in found.leads])
    return found


def _ask_for_lead(request: HttpRequest, form: EntryForm) -> HttpResponse:
    known = _known(request) if form.is_bound else None
    return shown(request, "workspace/new_lead.html", _("New lead"), form=form, known=known)


def _landed(request: HttpRequest, entered: entering.Entered) -> HttpResponse:
    """On the lead's page, to record the talk; elsewhere where the lead is for others."""
    reading.note(request, "enter", "leads.lead", [entered.lead.pk])
    if not entered.is_open:
        text = _(
            "Saved. It belongs to a team you cannot see: put the person through, or say that the team will call back."
        )
        messages.warning(request, text)
        return HttpResponseRedirect(reverse("workspace:my_work"))
    known = _("Already known: the inquiry was added, and the owner stays the same.")
    messages.success(request, known if entered.is_repeat else _("Saved as a new lead."))
    return HttpResponseRedirect(reverse("workspace:lead", args=[entered.lead.pk]))
