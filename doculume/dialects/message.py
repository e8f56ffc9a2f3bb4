"""The message dialect (Datalumo): `{"message": "…"}`, with `errors` on validation."""

from __future__ import annotations

from typing import Any

from doculume.dialects.base import ApiError, Dialect

FIXED = {401: "Unauthenticated.", 402: "Usage quota exceeded.", 404: "Not found.", 429: "Too many requests."}


def error_body(error: ApiError) -> dict[str, Any]:
    body: dict[str, Any] = {"message": FIXED.get(error.status, error.message)}
    if error.fields:
        body["errors"] = error.fields
    return body


class MessageDialect(Dialect):
    validation_status = 422
    error_body = staticmethod(error_body)
