"""Which system is asking, may it do this, and is it asking too often?"""

from __future__ import annotations

import time

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from gateway import keys
from gateway.models import Key
from gateway.vocabulary import ScopeCode
from medcrm.lib import rates

MINUTE = 60

# What the screens ask of a person before the same thing, so that the role matrix holds for machines too.
PERMISSIONS = {
    ScopeCode.INQUIRIES_READ: "leads.view_inquiry",
    ScopeCode.LEADS_READ: "leads.view_lead",
    ScopeCode.CONTACTS_READ: "leads.see_contacts_lead",
    ScopeCode.LEADS_WRITE: "leads.change_lead",
    ScopeCode.EVENTS_READ: "leads.view_interaction",
    ScopeCode.EVENTS_WRITE: "leads.change_lead",
    ScopeCode.CALLS_WRITE: "leads.change_lead",
    ScopeCode.DOCUMENTS_READ: "leads.view_documentstatus",
    ScopeCode.DOCUMENTS_WRITE: "leads.record_documentstatus",
    ScopeCode.AVAILABILITY_READ: "leads.view_availability",
    ScopeCode.AVAILABILITY_WRITE: "leads.change_availability",
    ScopeCode.APPOINTMENTS_READ: "leads.view_appointment",
    ScopeCode.APPOINTMENTS_WRITE: "leads.record_appointment",
    ScopeCode.CONSENT_READ: "consent.view_permission",
    ScopeCode.CONSENT_REVOKE: "consent.revoke_address",
    ScopeCode.CONSENT_RESTART: "leads.change_lead",
    ScopeCode.WEBHOOKS: "gateway.change_subscription",
}


class ClientKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key of the client>`."""

    def authenticate(self, request: Request) -> tuple[object, Key] | None:
        """Return the client's user, scoped as the client is, and the key. Raise AuthenticationFailed."""
        scheme, _space, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        key, now = keys.find_key(token.strip()), timezone.now()
        if key is None:
            raise AuthenticationFailed(_("This key is not known. Ask an administrator for a key of your API client."))
        if key.revoked_at is not None or (key.expires_at and key.expires_at <= now):
            raise AuthenticationFailed(_("This key has ended. Ask an administrator for a new one."))
        if not key.client.is_active:
            raise AuthenticationFailed(_("This API client is retired."))
        keys.note_use(key, at=now)
        user = key.client.user
        user._medcrm_scope = keys.scope_of(key.client)
        return user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="MedCRM"'


class HasScope(BasePermission):
    """The client holds the scope, and its role the permission that the screens ask for."""

    message = _("This key may not do that. Ask an administrator for the scope named in the description.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, Key):
            return False
        scope = view.scopes.get("GET" if request.method == "HEAD" else request.method)  # HEAD runs get
        if scope is None:  # no such method here; the view says so itself
            return True
        return scope in request.auth.client.scopes and request.user.has_perm(PERMISSIONS[scope])


class PerKey(BaseThrottle):
    """So many requests a minute per client, or per source; counted in the cache, and let through while that is away."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        name, limit = self.whose(request)
        if limit is None:
            return True
        self.now = time.time()
        counted = rates.count(name, at=self.now, seconds=MINUTE)
        return counted is None or counted <= limit

    def wait(self) -> float:
        return max(1, MINUTE - self.now % MINUTE)

    def whose(self, request: Request) -> tuple[str, int | None]:
        if isinstance(request.auth, Key):
            return f"client:{request.auth.client_id}", request.auth.client.rate_per_minute
        if request.auth is not None:
            return f"source:{request.auth.pk}", settings.API_SOURCE_RATE
        return "", None
