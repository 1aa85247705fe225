"""What does the log say of a request? Its route, status and time under an id; never a path, an address or a body."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponse

from medcrm.health import REQUESTS

log = structlog.get_logger(__name__)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
Handler = Callable[[HttpRequest], HttpResponse]


def requests(get_response: Handler) -> Handler:
    """Log each request by its route with status and time, under an id that all its lines carry; count it too."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request_id = uuid4().hex[:16]
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(request=request_id):
            response = get_response(request)
            took = time.monotonic() - began
            route = getattr(request.resolver_match, "route", "") or "none"
            method = request.method if request.method in METHODS else "other"  # a series each, and anybody may send one
            REQUESTS.labels(method, route, str(response.status_code)).observe(took)
            if not route.startswith(("health/", "metrics")):
                log.info(
                    "request",
                    method=method,
                    route=route,
                    status=response.status_code,
                    ms=round(took * 1000),
                    user=getattr(getattr(request, "user", None), "pk", None),
                )
        response["X-Request-Id"] = request_id
        return response

    return middleware
