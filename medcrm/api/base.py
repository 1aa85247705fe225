"""What every endpoint has in common: key, scope, rate, one page after another, ETags, and each POST once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import parse_etags
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from gateway import idempotency, keys
from gateway.idempotency import Reply
from gateway.models import Key
from leads.models import Lead
from leads.visibility import visible
from medcrm.api.authentication import ClientKeyAuthentication, HasScope, PerKey
from medcrm.api.errors import Stale
from medcrm.lib import reading


class Pages(CursorPagination):
    """Newest first; a page stays what it is while rows arrive."""

    ordering = "-pk"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    invalid_cursor_message = _("This cursor is not one of ours. Begin again without it.")

    def decode_cursor(self, request: Request) -> Cursor | None:
        if "\x00" in request.query_params.get(self.cursor_query_param, ""):
            raise ValidationError({"cursor": [self.invalid_cursor_message]})
        return super().decode_cursor(request)


class ClientView(GenericAPIView):
    """An endpoint for API clients. `scopes` says which scope each method needs."""

    authentication_classes: ClassVar = [ClientKeyAuthentication]
    permission_classes: ClassVar = [HasScope]
    throttle_classes: ClassVar = [PerKey]
    filter_backends: ClassVar = [DjangoFilterBackend]
    pagination_class = Pages
    scopes: ClassVar[Mapping[str, str]] = {}

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        request._request.body  # noqa: B018 - read whole now: the digest of an idempotent request needs it

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> None:
        """Refuse, and log which client was refused what; whoever has no key is nobody we know."""
        if isinstance(request.auth, Key):
            self.note([])
        super().permission_denied(request, message, code)

    def finalize_response(self, request: Request, response: Response, *args: object, **kwargs: object) -> Response:
        """Give each readable answer its ETag, and a 304 to who has it already."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "private, no-store" if response.status_code >= 400 else "private, no-cache"
        if response.status_code == 200 and response.data is not None:
            response["ETag"] = etag_of(response.data)
            if request.method in ("GET", "HEAD"):
                return get_conditional_response(request, etag=response["ETag"], response=response)
        return response

    def leads(self) -> QuerySet[Lead]:
        """The leads this client sees, as its user would on the screens."""
        client = self.request.auth.client
        return Lead.objects.filter(visible(self.request.user), keys.narrowed(client))

    def of_leads(self, path: str = "lead__") -> object:
        """The same as a condition on rows that point to a lead."""
        return visible(self.request.user, path) & keys.narrowed(self.request.auth.client, path)

    def lead(self) -> Lead:
        """The lead of the path; where it was merged meanwhile, what is written goes to the one that stays."""
        self.note([])  # a guessed id is logged too
        found = self.leads().select_related("phone", "email", "source")
        row = get_object_or_404(found, public_id=self.kwargs["lead"])
        if row.merged_into_id and self.request.method not in SAFE_METHODS:
            row = get_object_or_404(found, pk=row.merged_into_id)
        self.note([row.pk])
        return row

    def note(self, keys: Iterable[object], *, model: str = "leads.lead") -> None:
        """Note in the access log whom this request is about, and which client asks."""
        inner = self.request._request
        inner.medcrm_client = str(self.request.auth.client)
        action = "view" if self.request.method in ("GET", "HEAD") else "change"
        reading.note(inner, action, model, keys, query=inner.GET.urlencode())

    def read(self, serializer: type[BaseSerializer] | None = None) -> Mapping[str, object]:
        """The request's body, checked. Raise ValidationError."""
        found = (serializer or self.get_serializer_class())(data=self.request.data, context={"request": self.request})
        found.is_valid(raise_exception=True)
        return found.validated_data

    def listed(self, queryset: QuerySet, serializer: type[BaseSerializer]) -> Response:
        page = self.paginate_queryset(self.filter_queryset(queryset))
        self.note(row.pk if isinstance(row, Lead) else getattr(row, "lead_id", None) for row in page)
        return self.get_paginated_response(serializer(page, many=True, context={"request": self.request}).data)

    def once(self, act: Callable[[], Reply]) -> Response:
        """Act on a POST: with an Idempotency-Key at most once, whatever is sent again."""
        key = self.request.headers.get("Idempotency-Key", "")
        if key:
            digest = idempotency.digest("POST", self.request.path, self.request._request.body)
            reply = idempotency.once(self.request.auth.client, key, digest, act, at=timezone.now())
        else:
            reply = act()
        answer = Response(reply.body, status=reply.status)
        if reply.is_replayed:
            answer["Idempotent-Replayed"] = "true"
        return answer

    def demand_match(self, current: object) -> None:
        """Raise Stale unless the row, locked by the caller, is what If-Match says; `current` None: there is none."""
        wanted = parse_etags(self.request.headers.get("If-Match", ""))
        if not wanted:
            return
        if current is None or (wanted != ["*"] and etag_of(current) not in wanted):
            raise Stale


def etag_of(data: object) -> str:
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def plain(serializer: BaseSerializer) -> object:
    """The answer as it goes out, so that it can be kept and given again."""
    return json.loads(JSONRenderer().render(serializer.data))
