"""How does the API say no? One shape for every refusal: `code` for machines, `detail` for people, `errors` by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found
from rest_framework import exceptions, serializers, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from leads.services.intake import BodyTooLarge, KeyReused, StillBeingTakenIn
from medcrm.lib.errors import InvalidFields, RuleError


class ErrorSerializer(serializers.Serializer):
    """A refusal. `errors` maps each field of the request that must be mended to what is wrong with it."""

    code = serializers.CharField(help_text="Stable, e.g. INVALID_FIELDS.")
    detail = serializers.CharField()
    errors = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class Stale(exceptions.APIException):
    """The row is not what If-Match says any more."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "stale"
    default_detail = "It changed since you read it. Read it again and repeat your change."


CODES = {
    exceptions.NotAuthenticated: "NOT_AUTHENTICATED",
    exceptions.AuthenticationFailed: "NOT_AUTHENTICATED",
    exceptions.PermissionDenied: "NOT_PERMITTED",
    exceptions.NotFound: "NOT_FOUND",
    exceptions.MethodNotAllowed: "METHOD_NOT_ALLOWED",
    exceptions.NotAcceptable: "NOT_ACCEPTABLE",
    exceptions.UnsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE",
    exceptions.Throttled: "TOO_MANY_REQUESTS",
    exceptions.ParseError: "UNREADABLE",
    Stale: "STALE",
}


def problem(code: str, detail: object, code_http: int, errors: Mapping[str, Sequence[str]] | None = None) -> Response:
    return Response({"code": code, "detail": str(detail), "errors": dict(errors or {})}, status=code_http)


def handle(error: Exception, context: Mapping[str, object]) -> Response | None:
    """Answer a refusal; None for what is a bug. Whatever was begun is rolled back."""
    answer = _answer(error)
    if answer is not None:
        set_rollback()
    return answer


def _answer(error: Exception) -> Response | None:
    match error:
        case InvalidFields():
            return problem(error.code, _("Mend the fields named in “errors”."), 400, error.errors)
        case BodyTooLarge():
            return problem(error.code, error.message, 413)
        case KeyReused() | StillBeingTakenIn():
            return problem(error.code, error.message, 409)
        case RuleError():
            errors = {error.field: [error.message]} if error.field else {}
            return problem(error.code, error.message, 400 if error.field else 409, errors)
        case exceptions.ValidationError():
            return problem("INVALID_FIELDS", _("Mend the fields named in “errors”."), 400, flat(error.detail))
        case Http404():
            return problem("NOT_FOUND", _("There is no such thing, or this key may not see it."), 404)
        case PermissionDenied():
            return problem("NOT_PERMITTED", _("This key may not do that."), 403)
        case RequestDataTooBig():
            return problem("BODY_TOO_LARGE", _("The body is too large. Send less at a time."), 413)
        case UnreadablePostError():
            text = _("The connection ended before the body was complete. Send it again.")
            return problem("INVALID_FIELDS", text, 400, {"body": [text]})
        case exceptions.APIException():
            answer = problem(CODES.get(type(error), error.default_code.upper()), error.detail, error.status_code)
            if header := getattr(error, "auth_header", None):
                answer["WWW-Authenticate"] = header
            if wait := getattr(error, "wait", None):
                answer["Retry-After"] = str(int(wait))
            return answer
    return None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a path that leads nowhere: below /api/ in the API's own shape."""
    if not request.path.startswith("/api/"):
        return page_not_found(request, exception)
    text = _("There is no such thing, or this key may not see it.")
    return JsonResponse({"code": "NOT_FOUND", "detail": text, "errors": {}}, status=404)


def flat(detail: object, prefix: str = "") -> dict[str, list[str]]:
    """DRF nests errors; a caller wants one list per field, with dots for what is inside."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            key = "body" if name == "non_field_errors" else str(name)
            found |= flat(inner, f"{prefix}.{key}" if prefix else key)
        return found
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        if any(isinstance(item, Mapping) for item in detail):
            return {k: v for index, item in enumerate(detail) for k, v in flat(item, f"{prefix}.{index}").items()}
        return {prefix or "body": [str(item) for item in detail]}
    return {prefix or "body": [str(detail)]}
