"""The structured dialect: Quillium's error object with the members of RFC 9457 beside it, and its page shapes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from rest_framework.response import Response

from doculume.dialects.base import ApiError, Dialect


def error_body(error: ApiError) -> dict[str, Any]:
    return {
        "error": {"code": error.code, "message": error.message, "details": error.fields or error.details},
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "instance": error.path,
        "request_id": error.request_id,
    }


class StructuredDialect(Dialect):
    validation_status = 400
    error_body = staticmethod(error_body)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """For views that name no dialect: the schema's own pages."""
    return StructuredDialect.handle_error(error, context)
