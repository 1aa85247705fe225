"""What holds for every request: whose clock it shows, how long a session lasts, what a browser may load."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import structlog
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from redis.exceptions import RedisError

from medcrm.sign_in import SEEN, SINCE, has_second_factor

log = structlog.get_logger(__name__)
Handler = Callable[[HttpRequest], HttpResponse]

TOUCH_SECONDS = 30  # a session is written again only after this long, so a page costs no write
BACKGROUND = "X-Background"  # what a page fetches by itself keeps nobody signed in
ADMIN = "/admin/"


def reader_zone(get_response: Handler) -> Handler:
    """Show times on the clock of the reader's team; the lead's own is on the lead's page."""

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            # The profile that routing adds; read here, it serves the scope of this request too.
            zone = ZoneInfo(request.user.agent.team.timezone)
        except (ObjectDoesNotExist, AttributeError):
            zone = None
        with timezone.override(zone):
            return get_response(request)

    return middleware


def idle_limit(get_response: Handler) -> Handler:
    """End a session after the idle minutes, or after the longest day; each request of a person prolongs it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = timezone.now().timestamp()
            session = request.session
            since, seen = session.setdefault(SINCE, now), session.setdefault(SEEN, now)
            if now - seen > settings.SESSION_COOKIE_AGE or now - since > settings.SESSION_LONGEST:
                logout(request)
            elif now - seen > TOUCH_SECONDS and BACKGROUND not in request.headers:
                session[SEEN] = now
        response = get_response(request)
        if not response.headers.get("Location", "").startswith(reverse("admin:login")):
            return response
        return _in_whole(request) if request.headers.get("HX-Request") == "true" else _back(request, response)

    return middleware


def _in_whole(request: HttpRequest) -> HttpResponse:
    """Lead the whole page to signing in where only a fragment of it would be replaced by it."""
    return HttpResponse(headers={"HX-Redirect": _sign_in(request.headers.get("HX-Current-URL", ""))})


def _back(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """After signing in, to the page whose button was pressed: what the button does is no page to come back to."""
    if request.method not in ("GET", "HEAD") and not request.path.startswith(_open_pages()):
        response.headers["Location"] = _sign_in(request.headers.get("Referer", ""))
    return response


def _sign_in(page: str) -> str:
    """The way to sign in and back to a page of ours, of which only the path is taken."""
    back = urlsplit(page).path or reverse("admin:index")
    return f"{reverse('admin:login')}?{urlencode({'next': back})}"


def second_factor(get_response: Handler) -> Handler:
    """Lead whoever has only a password to the page that sets up a second factor, and nowhere else."""

    def middleware(request: HttpRequest) -> HttpResponse:
        is_inside = request.path.startswith(ADMIN) and not request.path.startswith(_open_pages())
        if settings.MFA_REQUIRED and is_inside and request.user.is_authenticated and not has_second_factor(request):
            return HttpResponseRedirect(reverse("mfa_index"))
        return get_response(request)

    return middleware


def cache_away(get_response: Handler) -> Handler:
    """Say what to do where the cache is away that counts wrong passwords: uncounted, nobody signs in."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, RedisError) or not request.path.startswith(_open_pages()):
            return None
        log.error("cache_away", error=type(error).__name__)
        response = render(request, "account/away.html", status=503)
        response.headers["Retry-After"] = "60"
        return response

    middleware.process_exception = process_exception
    return middleware


def _open_pages() -> tuple[str, ...]:
    return (f"{ADMIN}account/", f"{ADMIN}login/", f"{ADMIN}logout/", f"{ADMIN}jsi18n/")


class ContentPolicy(CSPMiddleware):
    """Send the strict policy everywhere but under the admin, whose theme needs two exceptions."""

    def get_policy_parts(self, request: HttpRequest, response: HttpResponse, report_only: bool = False) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith(ADMIN) and not report_only:
            parts.replace = {**settings.ADMIN_POLICY, **(parts.replace or {})}
        return parts

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return super().process_response(request, response)
