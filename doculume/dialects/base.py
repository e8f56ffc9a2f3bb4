"""What every dialect shares: one error in, its status, code, message and field errors out.

A dialect is a mixin for views. It names the paths it speaks for, its pagination and how it writes an error; the
handler here first turns a domain error into REST framework's, then lets the stock handler do its work (it sets
`WWW-Authenticate` and `Retry-After` and rolls the transaction back), and only then writes the body.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler as stock_handler

from doculume.errors import CHALLENGE, DoculumeError, InvalidRequest, PayloadTooLarge

log = logging.getLogger(__name__)

QUOTA_EXCEEDED = "quota_exceeded"
CODES = {
    400: "invalid_request",
    401: "unauthenticated",
    402: QUOTA_EXCEEDED,
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "invalid_request",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "rate_limited",
    502: "provider_error",
    504: "provider_timeout",
}
MESSAGES = {404: "Not found.", 500: "Something went wrong on the server."}


@dataclass(frozen=True, slots=True)
class ApiError:
    """One error, in no shape yet. `fields` is `{field: [messages]}` and empty unless input was at fault."""

    status: int
    code: str
    message: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    path: str = ""
    request_id: str = ""
    details: Any = None


class DomainError(exceptions.APIException):
    """A `DoculumeError` on its way through REST framework."""

    def __init__(self, error: DoculumeError) -> None:
        self.status_code = error.status_code
        self.error = error
        if error.retry_after is not None:
            self.wait = math.ceil(error.retry_after)
        super().__init__(error.message, error.code)


class Dialect:
    """Mixin for API views. Subclasses set the status of validation errors and of used-up quotas, and how an error
    is written."""

    validation_status: ClassVar[int] = 400
    quota_status: ClassVar[int] = 429

    @staticmethod
    def error_body(error: ApiError) -> dict[str, Any]:
        """The error on the wire."""
        raise NotImplementedError

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return self.handle_error

    @classmethod
    def handle_error(cls, error: Exception, context: dict[str, Any]) -> Response | None:
        error = as_api_exception(error)
        if isinstance(error, exceptions.ValidationError):
            error.status_code = cls.validation_status
        elif isinstance(error, DomainError) and error.error.code == QUOTA_EXCEEDED:
            error.status_code = cls.quota_status
        response = stock_handler(error, context)
        if response is not None:
            if response.status_code == 401:
                # RFC 9110 wants a challenge also where no authenticator was asked (sign-in itself).
                response.setdefault("WWW-Authenticate", CHALLENGE)
            request: Request = context["request"]
            described = describe(error, response.status_code, request)
            response.data = cls.error_body(described)
            # For middleware: not every shape says the code.
            response.api_error = described  # type: ignore[attr-defined]
            response.content_type = "application/json"
        return response

    @classmethod
    def error_response(cls, status_code: int, request: HttpRequest, message: str = "") -> JsonResponse:
        """An error from outside a view: an unknown path, a crash."""
        text = message or MESSAGES.get(status_code, "The request was refused.")
        error = ApiError(
            status_code, CODES.get(status_code, "server_error"), text, path=request.path, request_id=request_id(request)
        )
        return JsonResponse(cls.error_body(error), status=status_code)


def as_api_exception(error: Exception) -> Exception:
    if isinstance(error, InvalidRequest) and error.code == InvalidRequest.code and isinstance(error.details, dict):
        # About fields, so that each dialect answers with its own status for those.
        return exceptions.ValidationError(error.details)
    if isinstance(error, DoculumeError):
        return DomainError(error)
    if isinstance(error, ModelValidationError):
        return exceptions.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
    if isinstance(error, RequestDataTooBig | TooManyFilesSent):
        return DomainError(PayloadTooLarge())
    if isinstance(error, SuspiciousOperation):
        return exceptions.ParseError("The request could not be read.")
    return error


def describe(error: Exception, status_code: int, request: Request) -> ApiError:
    """The shapeless description of `error`; never says more of the inside than its message."""
    code = CODES.get(status_code, "server_error")
    message, fields, details = "", {}, None
    if isinstance(error, DomainError):
        code, message, details = error.error.code, error.error.message, error.error.details
        if isinstance(details, dict):
            fields = details
    elif isinstance(error, exceptions.ValidationError):
        fields = flatten(error.detail)
        message = "; ".join(f"{name}: {texts[0]}" if name else texts[0] for name, texts in fields.items())
    elif isinstance(error, Http404 | exceptions.NotFound):
        # One text for all of them: whether a thing exists elsewhere must not show.
        message = MESSAGES[404]
    elif isinstance(error, exceptions.APIException):
        message, code = _plain(error.detail), _code(error, code)
    elif isinstance(error, PermissionDenied):
        message = "You do not have permission to perform this action."
    return ApiError(
        status_code,
        code,
        message or MESSAGES.get(status_code, "The request was refused."),
        fields,
        path=request.path,
        request_id=request_id(request),
        details=details,
    )


def _code(error: exceptions.APIException, code: str) -> str:
    """An exception may bring a documented code of its own, such as `otp_attempt_required`."""
    return getattr(error, "api_code", code)


def _plain(detail: Any) -> str:
    """simplejwt's errors carry a dict where all others carry a string."""
    if isinstance(detail, dict):
        return str(detail.get("detail", next(iter(detail.values()), "")))
    if isinstance(detail, list):
        return str(detail[0]) if detail else ""
    return str(detail)


def flatten(detail: Any, name: str = "") -> dict[str, list[str]]:
    """REST framework's nested errors as `{dotted.name: [messages]}`; errors of no field go under `non_field_errors`."""
    if isinstance(detail, dict):
        flat: dict[str, list[str]] = {}
        for key, value in detail.items():
            # What is wrong with a nested list or object as a whole goes under its own name.
            inner = name if key == "non_field_errors" else f"{name}.{key}"
            flat |= flatten(value, inner if name else str(key))
        return flat
    if isinstance(detail, list) and any(isinstance(part, dict | list) for part in detail):
        flat = {}
        for index, value in enumerate(detail):
            if value:
                flat |= flatten(value, f"{name}.{index}" if name else str(index))
        return flat
    texts = [str(part) for part in detail] if isinstance(detail, list) else [str(detail)]
    return {name or "non_field_errors": texts}


def request_id(request: HttpRequest | Request) -> str:
    return getattr(request, "request_id", "") or getattr(getattr(request, "_request", None), "request_id", "")
