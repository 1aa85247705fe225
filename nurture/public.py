"""The pages without a login: a source's form, preferences, unsubscribing. GET shows, only POST changes [RFC 8058]."""

from __future__ import annotations

import time
import uuid

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from consent.models import Seller
from leads.models import Lead, Source
from leads.services.intake import Delivery, StillBeingTakenIn
from leads.vocabulary import Request
from medcrm.lib import clients, rates
from medcrm.lib.errors import InvalidFields
from nurture import hosted, links, preferences
from nurture.forms import PreferencesForm
from nurture.hosted import HostedForm
from nurture.links import Recipient
from nurture.preferences import Choices

GET_OR_POST = require_http_methods(["GET", "HEAD", "POST"])
LANGUAGES = dict(settings.LANGUAGES)
FORMS_PER_SPAN, SPAN_SECONDS = 20, 600  # from one address: a family or a front desk, no program
TOO_MANY_REQUESTS, UNPROCESSABLE = 429, 422


@csrf_exempt  # nobody is logged in here, and a form without cookies must work as well
@never_cache
@GET_OR_POST
def ask(request: HttpRequest, source: str) -> HttpResponse:
    """A source's own form: its questions, its disclosure, and what is wrong beside each answer."""
    row = _source(source)
    with translation.override(_language(request)):
        form = _form(request, row)
        status = 200
        if request.method == "POST":
            status, done = _send(request, form)
            if done:
                return done
        return _page(request, "nurture/form.html", {"seller": row.seller.name, "form": form}, status=status)


@require_safe
def thank(request: HttpRequest, source: str, wish: str) -> HttpResponse:
    """What happens next, by what was asked for: the page knows nothing of any lead."""
    row = _source(source)
    if wish not in Request.values:
        raise Http404
    with translation.override(_language(request)):
        page = {"seller": row.seller.name, "help_contact": row.seller.help_contact, "wish": wish}
        return _page(request, "nurture/thanks.html", page)


@csrf_exempt  # a mail program posts here on the person's behalf, with no cookie; the signed token is the proof
@never_cache
@GET_OR_POST
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """One click in the mail program, or one button here. Link scanners that only look change nothing."""
    recipient = _recipient(links.UNSUBSCRIBE, token)
    if request.method == "POST":
        preferences.unsubscribe(recipient, at=timezone.now())
    is_done = request.method == "POST" or preferences.is_unsubscribed(recipient)
    spoken = Lead.objects.filter(pk=recipient.lead_id).values_list("language", flat=True).first()
    with translation.override(_language(request, spoken or "")):
        page = {"seller": _seller(recipient), "is_done": is_done}
        return _page(request, "nurture/unsubscribe.html", page)


@csrf_exempt  # the signed token is the proof; a page that sends no referrer is answered without an origin too
@never_cache
@GET_OR_POST
def choose(request: HttpRequest, token: str) -> HttpResponse:
    """When, where and how the person would like to come, and what they want to hear."""
    recipient = _recipient(links.PREFERENCES, token)
    lead = preferences.owned_lead(recipient)
    if lead is None:
        raise Http404
    with translation.override(_language(request, lead.language)):
        form = PreferencesForm(request.POST or None, lead=lead, muted=preferences.muted(lead))
        is_done = request.method == "POST" and form.is_valid()
        if is_done:
            said = form.cleaned_data
            ticked = {name: said[name] for name in form.TICKS}
            choices = Choices(**ticked, unwanted=form.unwanted, fields=form.news)
            preferences.choose(recipient, choices, at=timezone.now())
        stopped = form.stops_of(preferences.stopped(lead))
        page = {"seller": _seller(recipient), "form": form, "is_done": is_done, "stopped": stopped}
        return _page(request, "nurture/preferences.html", page)


def _source(code: str) -> Source:
    forms = Source.objects.select_related("seller", "disclosure").filter(is_active=True, kind__in=hosted.HOSTED)
    return get_object_or_404(forms, pk=code)


def _form(request: HttpRequest, source: Source) -> HostedForm:
    if request.method == "POST":
        return HostedForm(source, request.POST)
    return HostedForm(source, initial={"key": uuid.uuid4().hex})


def _send(request: HttpRequest, form: HostedForm) -> tuple[int, HttpResponse | None]:
    """Take in a sent form; without a redirect it is shown again, with the status that says why."""
    if _is_flood(request, form.source):
        form.add_error(None, _("Too many forms were sent from here. Please wait ten minutes and press “Send” again."))
        return TOO_MANY_REQUESTS, None
    if not form.is_valid():
        return UNPROCESSABLE, None
    answered = form.answered(page_url=request.build_absolute_uri()[:500])
    agent = request.headers.get("User-Agent", "")
    delivery = Delivery(answered.key, clients.address_of(request), agent, form.disclosure)
    try:
        hosted.receive(form.source, answered, delivery, at=timezone.now())
    except InvalidFields as error:
        form.show(error.errors)
        return UNPROCESSABLE, None
    except StillBeingTakenIn:
        pass  # the first press of the button is at work
    wish = answered.body.get("request") or Request.INFO
    path = reverse("nurture:thanks", args=[form.source.pk, wish])
    return 303, HttpResponseRedirect(f"{path}?language={translation.get_language()}", status=303)


def _is_flood(request: HttpRequest, source: Source) -> bool:
    counted = rates.count(f"form:{source.pk}:{clients.address_of(request)}", at=time.time(), seconds=SPAN_SECONDS)
    return counted is not None and counted > FORMS_PER_SPAN


def _language(request: HttpRequest, spoken: str = "") -> str:
    """The language asked for in the address, the person's own, or the browser's."""
    asked = request.GET.get("language", "")
    known = next((code for code in (asked, spoken) if code in LANGUAGES), "")
    return known or translation.get_language_from_request(request)


def _recipient(signer: object, token: str) -> Recipient:
    recipient = links.read(signer, token)
    if recipient is None:
        raise Http404
    return recipient


def _seller(recipient: Recipient) -> str:
    return Seller.objects.filter(pk=recipient.seller).values_list("name", flat=True).first() or ""


def _page(request: HttpRequest, template: str, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    """A page that no search engine keeps and that tells no other site its address, which may be the key to it."""
    language = translation.get_language()
    others = [(code, name) for code, name in LANGUAGES.items() if code != language]
    response = render(request, template, {**context, "language": language, "others": others}, status=status)
    response["Content-Language"] = language
    patch_vary_headers(response, ["Accept-Language"])
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
