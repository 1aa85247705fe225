"""The edge of the workspace: reads the clock and the request, calls one service, shows what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from consent.vocabulary import REPLIES, Purpose
from leads import contact, voicemail
from leads.admin.appointments import BookForm
from leads.models import Lead
from leads.outcomes import CallReport
from leads.services import checklist
from leads.visibility import visible
from medcrm import journey
from medcrm.lib import reading
from medcrm.lib.errors import InvalidFields, RuleError
from medcrm.workspace import drafts, entering, lists, recording, searching
from medcrm.workspace import my_work as work
from medcrm.workspace import page as pages
from medcrm.workspace.forms import CallForm
from medcrm.workspace.models import Draft
from nurture import personal
from nurture.vocabulary import Medium
from routing import saying, worklist

Reach = Callable[..., Q]
RELATED = (
    "service",
    "source__seller",
    "preferred_clinic",
    "timing",
    "payer",
    "organisation_type",
    "specialty",
    "care_setting",
    "phone",
    "email",
    "owner",
    "hold_reason",
    "stop_reason",
)


def lead_of(request: HttpRequest, pk: int, *, verb: str = "view", reach: Reach = entering.in_reach) -> Lead:
    """The lead, or the one it was merged into, if this person may do `verb` and it is in their scope; as if it were
    not there otherwise. Whoever is in a call with a lead keeps it until the call is recorded."""
    action = "view" if request.method == "GET" else request.resolver_match.url_name
    reading.note(request, action, "leads.lead", [pk])
    if not request.user.has_perm(f"leads.{verb}_lead"):
        raise PermissionDenied
    kept = Lead.objects.filter(pk=pk).values("merged_into")
    rows = Lead.objects.filter(reach(request.user, at=timezone.now()), merged_into=None)
    row = get_object_or_404(rows.select_related(*RELATED), pk=Coalesce(Subquery(kept), Value(pk)))
    reading.note(request, action, "leads.lead", [row.pk])
    return row


def is_partial(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def shown(request: HttpRequest, template: str, title: object, **context: object) -> TemplateResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})


@require_GET
@never_cache
def my_work(request: HttpRequest) -> HttpResponse:
    """What to do next, in order."""
    if not request.user.has_perm("leads.view_lead"):
        raise PermissionDenied
    number = request.GET.get("page", "1")
    at = timezone.now()
    read = work.read(request.user, at=at, number=int(number) if number.isdecimal() and int(number) else 1)
    reading.note(request, "list", "leads.lead", read.leads)
    return shown(request, "workspace/my_work.html", _("My work"), work=read, at=at)


@require_POST
def call_next(request: HttpRequest) -> HttpResponse:
    """Lease the best lead that may be called now, and go there; or say when the next may be called."""
    if not request.user.has_perm("leads.change_lead"):
        raise PermissionDenied
    return _go_on(request)


def _go_on(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    try:
        offer = worklist.take_next(request.user, at=at)
    except RuleError as refusal:
        messages.warning(request, refusal.message)
        return HttpResponseRedirect(reverse("workspace:my_work"))
    if offer.lease is not None:
        return HttpResponseRedirect(reverse("workspace:lead", args=[offer.lease.lead_id]))
    messages.info(request, nobody_to_call(offer, at))
    return HttpResponseRedirect(reverse("workspace:my_work"))


def nobody_to_call(offer: worklist.Offer, at: object) -> str:
    if not offer.held_back:
        return _("There is nobody left to call. New leads will appear here.")
    told = {"n": offer.held_back, "when": work.held_until(at, offer.next_at)}
    return _("Nobody may be called right now; %(n)d are waiting. The first may be called at %(when)s.") % told


@require_GET
@never_cache
def lead(request: HttpRequest, pk: int) -> HttpResponse:
    """One lead, from handoff to result."""
    row = lead_of(request, pk, reach=entering.to_record)
    return _show(request, row) if row.pk == pk else HttpResponseRedirect(reverse("workspace:lead", args=[row.pk]))


def _show(request: HttpRequest, row: Lead, form: CallForm | None = None) -> HttpResponse:
    at = timezone.now()
    if not entering.may_read(row, request.user):
        return _show_result_alone(request, row, form, at)
    read = pages.read(row, request, at=at)
    if form is None:
        form = CallForm(lead=row, at=at, initial=_typed(read.draft))
    context = {
        "ws": read,
        "sheet": read.sheet,
        "score": read.score,
        "page": read.page,
        "lead": row,
        "form": form,
        "may_record": _may_record(request),
        "opened_at": at.isoformat(),
    }
    title = searching.name_of(row)
    return shown(request, "workspace/lead.html", title, content_title=title, **context)


def _show_result_alone(request: HttpRequest, row: Lead, form: CallForm | None, at: datetime) -> HttpResponse:
    """The talk turned to what this person is not trained for: how it ended is still recorded, the story stays shut."""
    kept = drafts.of(row.pk, request.user)
    context = {
        "ws": {"consent_step": saying.first_words_to(row), "draft": kept},
        "lead": row,
        "form": form or CallForm(lead=row, at=at, initial=_typed(kept)),
        "may_record": _may_record(request),
        "opened_at": at.isoformat(),
    }
    return shown(request, "workspace/result_alone.html", searching.name_of(row), **context)


def _may_record(request: HttpRequest) -> bool:
    return request.user.has_perm("leads.change_lead")


def _typed(draft: object) -> dict[str, object]:
    """What was typed, as the initial values of the form."""
    fields = draft.fields if draft else {}
    return {name: values if name == "missing" else values[0] for name, values in fields.items() if values}


@require_POST
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what was typed so far, and say so; warn when somebody else has the lead."""
    row, at = lead_of(request, pk, verb="change", reach=entering.to_record), timezone.now()
    if _is_recorded(request, row):  # from another window, or overtaken by the record
        return TemplateResponse(request, "workspace/kept.html", {"is_recorded": True})
    kept = _keep_typed(request, row, at)
    others = drafts.editors(row.pk, request.user, at=at)
    return TemplateResponse(request, "workspace/kept.html", {"draft": kept, "editors": others})


def _keep_typed(request: HttpRequest, row: Lead, at: datetime) -> Draft:
    typed = {name: request.POST.getlist(name) for name in CallForm.base_fields if name in request.POST}
    return drafts.keep(row.pk, typed, by=request.user, at=at)


@require_POST
def call(request: HttpRequest, pk: int) -> HttpResponse:
    """Reserve the call, then show the number to dial."""
    row, at = lead_of(request, pk, verb="change"), timezone.now()
    purpose = Purpose.INFORMATIONAL if request.POST.get("purpose") == Purpose.INFORMATIONAL else Purpose.MARKETING
    return _reach(request, row, at, lambda: drafts.begin_call(row, purpose=purpose, by=request.user, at=at), dials=True)


@require_POST
def called_us(request: HttpRequest, pk: int) -> HttpResponse:
    row, at = lead_of(request, pk, verb="change"), timezone.now()
    return _reach(request, row, at, lambda: drafts.note_inbound(row, by=request.user, at=at))


def _reach(request: HttpRequest, row: Lead, at: object, act: object, *, dials: bool = False) -> HttpResponse:
    """Do one act of contact and show the reach of the lead again, with what was refused in words."""
    refusal = ""
    try:
        act()
    except RuleError as error:
        refusal = error.message
    if not is_partial(request):
        if refusal:
            messages.error(request, refusal)
        return HttpResponseRedirect(reverse("workspace:lead", args=[row.pk]))
    contacts, draft = pages.lead_page.road.contacts_of([row], at=at)[row.pk], drafts.of(row.pk, request.user)
    context = {
        "lead": row,
        "contacts": contacts,
        "draft": draft,
        "dial": drafts.dial(draft, row, contacts, at=at),
        "message": voicemail.wish_of(row, at=at),
        "refusal": refusal,
        "dials": dials and not refusal,
        "may_record": True,
    }
    return TemplateResponse(request, "workspace/reach.html", context)


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep one answer at once, and show what the checks, the score and the suggestion say now."""
    row, at = lead_of(request, pk, verb="change"), timezone.now()
    code, problems = request.POST.get("code", ""), []
    try:
        drafts.answer(row.pk, code, request.POST.get("value", ""), by=request.user, at=at)
    except InvalidFields as error:
        problems = [sentence for sentences in error.errors.values() for sentence in sentences]
    if not is_partial(request):
        for sentence in problems:
            messages.error(request, sentence)
        return HttpResponseRedirect(reverse("workspace:lead", args=[row.pk]))
    sheet = checklist.sheet(row, at=at) if problems else checklist.assess_now(row.pk, at=at)
    now = Lead.objects.get(pk=row.pk)
    context = {
        "lead": now,
        "sheet": sheet,
        "score": pages.score_sentence(now, pages.lead_page.score_parts(now)),
        "message": voicemail.wish_of(now, at=at),
        "problems": problems,
        "answered": code,
        "may_record": True,
        "oob": True,
    }
    return TemplateResponse(request, "workspace/checklist.html", context)


@require_POST
def write(request: HttpRequest, pk: int, medium: str) -> HttpResponse:
    """Send one text or mail of one's own words."""
    if medium not in (Medium.SMS, Medium.EMAIL):
        raise Http404
    row = lead_of(request, pk, verb="change")
    subject, body = request.POST.get("subject", ""), request.POST.get("body", "")
    errors: dict[str, list[str]] = {}
    try:
        personal.write(row.pk, medium, subject=subject, body=body, by=request.user, clock=timezone.now)
    except InvalidFields as error:
        errors = error.errors
    except RuleError as error:
        errors = {"": [error.message]}
    page = reverse("workspace:lead", args=[row.pk])
    if not errors:
        messages.success(request, _("Sent: it is on the timeline."))
        return HttpResponse(headers={"HX-Redirect": page}) if is_partial(request) else HttpResponseRedirect(page)
    if not is_partial(request):
        for sentences in errors.values():
            messages.error(request, " ".join(sentences))
        return HttpResponseRedirect(page)
    context = {
        "lead": row,
        "medium": medium,
        "is_reply": contact.purpose_of_words(row, medium, at=timezone.now()) in REPLIES,
        "subject": subject,
        "body": body,
        "errors": errors,
    }
    return TemplateResponse(request, "workspace/write_form.html", context)


@require_POST
def record(request: HttpRequest, pk: int) -> HttpResponse:
    """Record how the call ended; then the next lead, or this one again."""
    row, at = lead_of(request, pk, verb="change", reach=entering.to_record), timezone.now()
    form = CallForm(request.POST, lead=row, at=at)
    if _is_recorded(request, row):
        messages.info(request, _("This call is already recorded."))
        return _leave(request, row)
    if form.is_valid():
        try:
            report, step = form.report(), form.cleaned_data["consent_step"]
            needs_day = _owes_a_day(request, row, report)
            entry = recording.record(row.pk, report, by=request.user, at=at, consent_step=step, needs_day=needs_day)
        except RuleError as error:
            form.show(error)
        else:
            told = {"who": searching.name_of(row), "what": _result(entry, form)}
            journey.advance_one(row.pk, at=at)  # so that the next offer knows of this call, before the bell is heard
            messages.success(request, _("Recorded for %(who)s: %(what)s.") % told)
            return _leave(request, row)
    _keep_typed(request, row, at)  # a dialog that mends what was refused comes back to the lead's page
    return _show(request, row, form)


def _owes_a_day(request: HttpRequest, row: Lead, report: CallReport) -> bool:
    """Whether the visit that was said to be set is still to be booked, by a person who can, on a day that is open."""
    if not recording.leaves_booking_owed(row, report) or not request.user.has_perm("leads.book_appointment"):
        return False
    is_mine = Lead.objects.filter(visible(request.user), pk=row.pk).exists()
    return is_mine and bool(BookForm(obj=row, request=request).fields["slot"].choices)


def _leave(request: HttpRequest, row: Lead) -> HttpResponse:
    """On to the next lead where that was asked for; else back to this one, unless it has gone to another team."""
    if request.POST.get("then") == "next":
        return _go_on(request)
    if Lead.objects.filter(visible(request.user), pk=row.pk).exists():
        return HttpResponseRedirect(reverse("workspace:lead", args=[row.pk]))
    return HttpResponseRedirect(reverse("workspace:my_work"))


def _is_recorded(request: HttpRequest, row: Lead) -> bool:
    """Whether the page this comes from was opened before its call was recorded: by a second click, or out of order."""
    try:
        opened = datetime.fromisoformat(request.POST.get("opened_at", ""))
    except ValueError:
        return False
    if opened.tzinfo is None or drafts.of(row.pk, request.user) is not None:  # another call has begun
        return False
    return recording.is_recorded(row.pk, request.user, since=opened)


def _result(entry: object, form: CallForm) -> str:
    """The one obvious result: the outcome where there is one, the disposition otherwise [R36]."""
    outcome = form.cleaned_data["outcome"]
    labels = dict(form.fields["outcome"].choices)
    return str(labels[outcome]) if outcome else str(entry.disposition)


@require_GET
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    """The field of the sidebar and Ctrl+K. Nothing is cached: what it finds is about people."""
    began = time.monotonic()
    hits = searching.find(request, request.GET.get("s", "")[:200])
    paginator = Paginator(hits, max(len(hits), 1))
    context = {
        "page_obj": paginator,
        "results": paginator.page(1),
        "page_counter": 0,
        "execution_time": time.monotonic() - began,
        "command_show_history": False,
    }
    return TemplateResponse(request, "unfold/helpers/command_results.html", context, headers={"HX-Trigger": "search"})


@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the list of leads under a name."""
    if not request.user.has_perm("leads.view_lead"):
        raise PermissionDenied
    query = lists.clean(request.POST.get("query", ""))
    try:
        view = lists.save_list(request.user, request.POST.get("name", ""), query)
    except RuleError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Saved as “%(name)s”.") % {"name": view.name})
    return HttpResponseRedirect(f"{reverse('admin:leads_lead_changelist')}?{query}")


@require_POST
def drop_view(request: HttpRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(lists.of(request.user), pk=pk)
    lists.drop(view)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": view.name})
    return HttpResponseRedirect(reverse("admin:leads_lead_changelist"))
