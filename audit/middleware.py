"""Write down what a request looked at, once it has been answered. If that fails, the answer is not given."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from audit import log
from medcrm.lib import reading
from medcrm.lib.admin import note_picked, note_url
from medcrm.lib.clients import address_of

Handler = Callable[[HttpRequest], HttpResponse]


def access_log(get_response: Handler) -> Handler:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.resolver_match and request.resolver_match.url_name == "autocomplete" and response.status_code == 200:
            note_picked(admin.site, request, response)
        if reading.noted(request) is None:
            note_url(admin.site, request)
        noted = reading.noted(request)
        if noted is not None:
            log.write(
                "export" if _is_file(response) else noted.action,
                at=timezone.now(),
                user=getattr(request, "user", None),
                client=getattr(request, "medcrm_client", ""),
                model=noted.model,
                subjects=noted.subjects,
                query=noted.query,
                method=request.method or "",
                path=request.path,
                status=_status(request, response),
                address=address_of(request),
            )
        return response

    return middleware


def _is_file(response: HttpResponse) -> bool:
    return response.status_code == 200 and "attachment" in response.headers.get("Content-Disposition", "")


def _status(request: HttpRequest, response: HttpResponse) -> int:
    """The admin answers “there is no such row for you” with a way back to its first page: that is a refusal."""
    is_away = request.method == "GET" and response.status_code in (301, 302)
    return 404 if is_away and response.headers.get("Location") == reverse("admin:index") else response.status_code
