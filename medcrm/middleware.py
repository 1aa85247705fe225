"""Whose clock does a page show? That of the reader's team; the lead's own is on the lead's page."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.utils import timezone


def reader_zone(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            # The profile that routing adds; read here, it serves the scope of this request too.
            zone = ZoneInfo(request.user.agent.team.timezone)
        except (ObjectDoesNotExist, AttributeError):
            zone = None
        with timezone.override(zone):
            return get_response(request)

    return middleware
