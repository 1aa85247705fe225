"""The pages without a login: preferences and unsubscribing. GET shows, only POST changes [RFC 8058]."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from consent.models import Seller
from nurture import links, preferences
from nurture.forms import PreferencesForm
from nurture.links import Recipient
from nurture.preferences import Choices

GET_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


@csrf_exempt  # a mail program posts here on the person's behalf, with no cookie; the signed token is the proof
@never_cache
@GET_OR_POST
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """One click in the mail program, or one button here. Link scanners that only look change nothing."""
    recipient = _recipient(links.UNSUBSCRIBE, token)
    if request.method == "POST":
        preferences.unsubscribe(recipient, at=timezone.now())
    page = {"seller": _seller(recipient), "is_done": request.method == "POST"}
    return _page(request, "nurture/unsubscribe.html", page)


@never_cache
@GET_OR_POST
def choose(request: HttpRequest, token: str) -> HttpResponse:
    """When, where and how the person would like to come, and what they want to hear."""
    recipient = _recipient(links.PREFERENCES, token)
    lead = preferences.owned_lead(recipient)
    if lead is None:
        raise Http404
    form = PreferencesForm(request.POST or None, lead=lead)
    is_done = request.method == "POST" and form.is_valid()
    if is_done:
        choices = Choices(form.cleaned_data["stops_email"], form.cleaned_data["stops_texts_and_calls"], form.news)
        preferences.choose(recipient, choices, at=timezone.now())
    page = {"seller": _seller(recipient), "form": form, "is_done": is_done}
    return _page(request, "nurture/preferences.html", page)


def _recipient(signer: object, token: str) -> Recipient:
    recipient = links.read(signer, token)
    if recipient is None:
        raise Http404
    return recipient


def _seller(recipient: Recipient) -> str:
    return Seller.objects.filter(pk=recipient.seller).values_list("name", flat=True).first() or ""


def _page(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    response = render(request, template, context)
    response["Referrer-Policy"] = "no-referrer"  # the address of the page is the key to it
    response["X-Robots-Tag"] = "noindex"
    return response
