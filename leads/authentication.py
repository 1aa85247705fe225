"""Which source is posting? `Authorization: Bearer <key of the source>`."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from leads.models import Source
from leads.services.source_keys import find_key


class SourceKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[AnonymousUser, Source] | None:
        """Return nobody and the source, or None without a key. Raise AuthenticationFailed on an unusable one."""
        scheme, _space, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        key = find_key(token.strip())
        if key is None:
            raise AuthenticationFailed(_("This key is not known. Ask an administrator for the source's key."))
        if key.revoked_at is not None:
            raise AuthenticationFailed(_("This key was revoked. Ask an administrator for a new one."))
        if not key.source.is_active:
            raise AuthenticationFailed(_("This source is retired and takes no more inquiries."))
        return AnonymousUser(), key.source

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="MedCRM"'


class HasSource(BasePermission):
    message = _("Send the source's key as “Authorization: Bearer …”.")

    def has_permission(self, request: Request, view: object) -> bool:
        return isinstance(request.auth, Source)
