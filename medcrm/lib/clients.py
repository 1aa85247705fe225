"""From where does a request come? Behind our own proxies, from whom the first of them saw."""

from __future__ import annotations

from allauth.core.internal.httpkit import get_client_ip
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The address that TRUSTED_PROXIES proxies vouch for, the same by which wrong sign-ins are counted."""
    return get_client_ip(request)
