"""Signing in and out belongs to the log too, and what somebody signs in with."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
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


@receiver(authentication_failed, dispatch_uid="audit.factor_refused")
def factor_refused(request: HttpRequest, user: object, **kwargs: object) -> None:
    _write("second_factor", request, user=user, status=401)


@receiver(authenticator_added, dispatch_uid="audit.factor_added")
def factor_added(request: HttpRequest, user: object, authenticator: Authenticator, **kwargs: object) -> None:
    _write("factor_added", request, user=user, query=authenticator.type)


@receiver(authenticator_removed, dispatch_uid="audit.factor_removed")
def factor_removed(request: HttpRequest, user: object, authenticator: Authenticator, **kwargs: object) -> None:
    _write("factor_removed", request, user=user, query=authenticator.type)


@receiver(authenticator_reset, dispatch_uid="audit.factor_renewed")
def factor_renewed(request: HttpRequest, user: object, authenticator: Authenticator, **kwargs: object) -> None:
    _write("factor_renewed", request, user=user, query=authenticator.type)


def _write(action: str, request: HttpRequest, **facts: object) -> None:
    place = {"method": request.method or "", "path": request.path, "address": address_of(request)}
    log.write(action, at=timezone.now(), **place, **facts)
