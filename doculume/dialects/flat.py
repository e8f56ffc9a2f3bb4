"""The flat dialect (Docutrix): `{"error": "…"}`, with `errors` on validation."""

from __future__ import annotations

from typing import Any

from doculume.dialects.base import ApiError, Dialect


def error_body(error: ApiError) -> dict[str, Any]:
    body: dict[str, Any] = {"error": error.message}
    if error.fields:
        body["errors"] = error.fields
    return body


class FlatDialect(Dialect):
    validation_status = 422
    error_body = staticmethod(error_body)
