"""The schema: each operation of a dialect documents the errors that dialect answers with."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema as StockSchema

from doculume.dialects import ApiError, Dialect
from doculume.dialects.base import CODES

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
}


class AutoSchema(StockSchema):
    """Adds the error responses that a view's dialect, method and path imply."""

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
        error = ApiError(status, CODES[status], message, fields, path=self.path, request_id="019a…")
        body = type(dialect).error_body(error)
        schema = {"type": "object", "properties": {name: _schema_of(value) for name, value in body.items()}}
        return {"description": message, "content": {"application/json": {"schema": schema, "example": body}}}

    def get_tags(self) -> list[str]:
        parts = self.path.removeprefix("/api/v1/").split("/")
        return [parts[0] or "api"]


def _schema_of(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"type": "object", "additionalProperties": True}
    return {"type": "integer"} if isinstance(value, int) else {"type": "string"}
