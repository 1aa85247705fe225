"""What can the API do? Its OpenAPI 3.1 description, drawn from the views, and a page to read it without any script."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from gateway.vocabulary import TOLD_WITH, EventKind, ScopeCode
from medcrm.api.base import ClientView, etag_of
from medcrm.api.errors import ErrorSerializer

Schema = dict[str, Any]

REFUSALS = {
    "400": "The request cannot be used as it is; `errors` says what to mend.",
    "401": "No key, or one that is not in force.",
    "403": "The key may not do this.",
    "404": "There is no such thing, or the key may not see it.",
    "406": "Only JSON is answered.",
    "409": "The rules say no, or this Idempotency-Key was used for another request.",
    "412": "It changed since you read it (If-Match).",
    "413": "The body is too large.",
    "415": "Only JSON is read.",
    "429": "Too many requests; try again after the seconds in Retry-After.",
}
ALWAYS = ("401", "403", "406", "429")
# What the web server says itself, as a page, before the request reaches us.
AHEAD = {
    "414": "The address with its query is longer than 4,094 characters; ask for less at a time. A page, not JSON.",
    "431": "A header is longer than 8,190 characters; shorten it. A page, not JSON.",
}
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag as read: a 412 if it changed since."
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag as read: a 304 if it is still that."
)
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Any text of yours, up to 200 characters: the same request again answers as the first time.",
)


class Description(AutoSchema):
    """One operation: the first line of the method's docstring, its scope, and every refusal it may answer with."""

    def _is_list_view(self, serializer: object = None) -> bool:
        is_list = self.method == "GET" and getattr(self.view, "is_list", False)
        return is_list or super()._is_list_view(serializer)

    def get_summary(self) -> str:
        return super().get_description().partition("\n")[0]

    def get_description(self) -> str:
        scope = getattr(self.view, "scopes", {}).get(self.method)
        rest = super().get_description().partition("\n")[2].strip()
        return "\n\n".join(filter(None, [rest, f"Scope: `{scope}`." if scope else ""]))

    def get_tags(self) -> list[str]:
        return [self.path.split("/")[3]]

    def get_override_parameters(self) -> list[object]:
        found = list(super().get_override_parameters())
        if not isinstance(self.view, ClientView):
            return found
        return found + {"GET": [IF_NONE_MATCH], "POST": [IDEMPOTENCY], "PUT": [IF_MATCH]}.get(self.method, [])

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: object) -> Schema:
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return operation
        error = self.resolve_serializer(ErrorSerializer, "response").ref
        for code in self.refusals():
            answer = {"description": REFUSALS[code], "content": {"application/json": {"schema": error}}}
            if code == "429":
                answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
            operation["responses"][code] = answer
        for code, description in AHEAD.items():
            page = {"text/html": {"schema": {"type": "string"}}}
            operation["responses"][code] = {"description": description, "content": page}
        if method == "GET" and isinstance(self.view, ClientView):
            operation["responses"]["304"] = {"description": "It is still what your If-None-Match says."}
            operation["responses"]["200"].setdefault("headers", {})["ETag"] = {"schema": {"type": "string"}}
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def refusals(self) -> list[str]:
        found = {*ALWAYS, "404"} if "{" in self.path else {*ALWAYS}
        if self.method == "GET":
            found |= {"400", "404"}
        if self.method in ("POST", "PUT", "PATCH"):
            found |= {"400", "409", "413", "415"}
        if self.method == "POST":
            found |= {"404"}
        if self.method in ("PUT", "PATCH"):
            found |= {"412"}
        return sorted(found)


class SourceKeyScheme(OpenApiAuthenticationExtension):
    target_class = "leads.authentication.SourceKeyAuthentication"
    name = "sourceKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        return {"type": "http", "scheme": "bearer", "description": "The key of a source: it posts inquiries."}


class ClientKeyScheme(OpenApiAuthenticationExtension):
    target_class = "medcrm.api.authentication.ClientKeyAuthentication"
    name = "clientKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        return {"type": "http", "scheme": "bearer", "description": "A key of an API client, with its scopes."}


def finish(result: Schema, generator: object, request: object, public: bool) -> Schema:
    """Say what the outgoing webhooks carry, and call codes and days in paths what they are."""
    patterns = {"day": {"type": "string", "format": "date"}}
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] == "date":
                    parameter["schema"] = patterns["day"]
                elif parameter["in"] == "path" and parameter["name"] in ("document", "service", "clinic"):
                    parameter["schema"] = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"}
                elif parameter["in"] == "path" and parameter["name"] == "appointment":
                    parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}
                elif parameter["name"] == "limit":
                    parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": 200}
    result["webhooks"] = {kind: {"post": _told(kind, label)} for kind, label in EventKind.choices}
    return result


def _told(kind: str, label: object) -> Schema:
    body = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": kind},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {
                "type": "object",
                "required": ["lead"],
                "properties": {"lead": {"type": "string", "format": "uuid"}},
                "additionalProperties": True,
            },
        },
    }
    headers = [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ]
    return {
        "operationId": "on_" + kind.replace(".", "_"),
        "summary": f"{label}.",
        "description": f"Scope: `{TOLD_WITH[EventKind(kind)].value}`, and `{ScopeCode.WEBHOOKS.value}`.",
        "tags": ["what you are told"],
        "parameters": headers,
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": {"204": {"description": "Any 2xx: it arrived. 410 ends the webhook; anything else is retried."}},
    }


@cache
def describe() -> Schema:
    """The description; it changes only with the code."""
    return json.loads(json.dumps(SchemaGenerator(api_version="1").get_schema(public=True), default=str))


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI description as JSON."""
    etag = etag_of(describe())
    answer = JsonResponse(describe(), headers={"ETag": etag, "Cache-Control": "public, max-age=300"})
    return get_conditional_response(request, etag=etag, response=answer)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The description as one page, without scripts and without anything from elsewhere."""
    parts: dict[str, list[Schema]] = {}
    for where in ("paths", "webhooks"):
        for path, operations in describe()[where].items():
            for method, operation in operations.items():
                row = {**operation, "method": method.upper(), "path": path if where == "paths" else "your URL"}
                row["description"] = operation.get("description", "").replace("`", "")
                row["body"] = _example(operation.get("requestBody", {}))
                row["answers"] = [
                    {"code": code, **answer, "example": _example(answer)}
                    for code, answer in operation["responses"].items()
                    if code not in ALWAYS
                ]
                parts.setdefault(operation["tags"][0], []).append(row)
    context = {"info": describe()["info"], "parts": parts, "refusals": dict(sorted((REFUSALS | AHEAD).items()))}
    return render(request, "api/docs.html", context)


def _example(body: Schema) -> str:
    content = body.get("content", {}).get("application/json", {})
    for found in content.get("examples", {}).values():
        return json.dumps(found["value"], indent=2, ensure_ascii=False)
    return ""
