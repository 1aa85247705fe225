"""Signing in and out belongs to the log too."""

from __future__ import annotations

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from audit import log
from medcrm.lib.clients import address_of


@receiver(user_logged_in, dispatch_uid="audit.signed_in")
def signed_in(request: HttpRequest, user: object, **kwargs: object) -> None:
    _write("sign_in", request, user=user)


@receiver(user_logged_out, dispatch_uid="audit.signed_out")
def signed_out(request: HttpRequest, user: object, **kwargs: object) -> None:
    _write("sign_out", request, user=user)


@receiver(user_login_failed, dispatch_uid="audit.refused")
def refused(credentials: dict[str, str], request: HttpRequest | None = None, **kwargs: object) -> None:
    if request is not None:
        _write("sign_in", request, client=credentials.get("username", ""), status=401)


def _write(action: str, request: HttpRequest, **facts: object) -> None:
    place = {"method": request.method or "", "path": request.path, "address": address_of(request)}
    log.write(action, at=timezone.now(), **place, **facts)
