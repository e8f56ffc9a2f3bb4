"""The schema: each operation of a dialect documents the errors that dialect answers with."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema as StockSchema

from doculume.dialects import ApiError, Dialect
from doculume.dialects.base import CODES
from doculume.errors import DoculumeError, InvalidRequest

EXAMPLES = {
    401: "Authentication credentials were not provided.",
    402: "Usage quota exceeded.",
    403: "You do not have permission to perform this action.",
    404: "Not found.",
    409: "The request conflicts with the current state.",
    413: "What was sent is too large.",
    415: "Unsupported media type.",
    422: "name: This field is required.",
    429: "Too many requests.",
    503: "The service is not available at the moment.",
}


class AutoSchema(StockSchema):
    """Adds the error responses that a view's dialect, method and path imply.

    A view's `raises` are the errors (classes that need no arguments) that it tells clients apart by: each is an
    example of its status.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None and isinstance(self.view, Dialect):
            for status in self._error_statuses(self.view):
                operation["responses"].setdefault(str(status), self._error_response(self.view, status))
        return operation

    def _error_statuses(self, dialect: Dialect) -> list[int]:
        writes = self.method in {"POST", "PUT", "PATCH"}
        # Only what is written counts against a quota.
        statuses = {429, *(status for status in getattr(self.view, "error_statuses", ()) if writes or status != 402)}
        statuses |= {status_of(error, dialect) for error in self._raised()}
        if self.view.authentication_classes:
            statuses |= {401, 403}
        if "{" in self.path:
            statuses.add(404)
        if self._is_list_view() and self.method == "GET" and getattr(self.view, "pagination_class", None):
            statuses.add(dialect.validation_status)
        if writes:
            statuses |= {400, dialect.validation_status, 415}
        return sorted(statuses)

    def _error_response(self, dialect: Dialect, status: int) -> dict[str, Any]:
        message = EXAMPLES.get(status, "The request was invalid.")
        fields = {"name": ["This field is required."]} if status == dialect.validation_status else {}
        body = self._body(dialect, status, CODES.get(status, "server_error"), message, fields)
        schema = {"type": "object", "properties": {name: _schema_of(value) for name, value in body.items()}}
        shown: dict[str, Any] = {"example": body}
        if raised := [error for error in self._raised() if status_of(error, dialect) == status]:
            shown = {"examples": {type(error).__name__: self._example(dialect, error) for error in raised}}
            message = message if fields else raised[0].message
            if fields:
                shown["examples"]["InvalidField"] = {"summary": message, "value": body}
        return {"description": message, "content": {"application/json": {"schema": schema, **shown}}}

    def _raised(self) -> list[DoculumeError]:
        return [error() for error in getattr(self.view, "raises", ())]

    def _example(self, dialect: Dialect, error: DoculumeError) -> dict[str, Any]:
        fields = error.details if isinstance(error.details, dict) else {}
        message = "; ".join(f"{name}: {texts[0]}" for name, texts in fields.items()) or error.message
        body = self._body(dialect, status_of(error, dialect), error.code, message, fields)
        return {"summary": message, "value": body}

    def _body(
        self, dialect: Dialect, status: int, code: str, message: str, fields: dict[str, list[str]]
    ) -> dict[str, Any]:
        error = ApiError(status, code, message, fields, path=self.path, request_id="019a…")
        return type(dialect).error_body(error)

    def get_tags(self) -> list[str]:
        parts = self.path.removeprefix("/api/v1/").split("/")
        return [parts[0] or "api"]


def status_of(error: DoculumeError, dialect: Dialect) -> int:
    about_fields = isinstance(error, InvalidRequest) and isinstance(error.details, dict)
    return dialect.validation_status if about_fields else error.status_code


def _schema_of(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"type": "object", "additionalProperties": True}
    return {"type": "integer"} if isinstance(value, int) else {"type": "string"}
