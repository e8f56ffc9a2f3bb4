"""The message dialect (Datalumo): `{"message": "…"}`, with `errors` on validation."""

from __future__ import annotations

from typing import Any

from doculume.dialects.base import ApiError, Dialect

FIXED = {401: "Unauthenticated.", 402: "Usage quota exceeded.", 404: "Not found.", 429: "Too many requests."}
# REST framework's words for what Laravel calls a field that is required.
MISSING = {"This field is required.", "This field may not be null.", "This field may not be blank."}


def error_body(error: ApiError) -> dict[str, Any]:
    if not error.fields:
        return {"message": FIXED.get(error.status, error.message)}
    errors = {name: [_worded(name, text) for text in texts] for name, texts in error.fields.items()}
    return {"message": _summed_up([text for texts in errors.values() for text in texts]), "errors": errors}


def _worded(name: str, text: str) -> str:
    """A message that can stand by itself."""
    return f"The {name} field is required." if text in MISSING else text


def _summed_up(texts: list[str]) -> str:
    more = len(texts) - 1
    if not more:
        return texts[0]
    return f"{texts[0]} (and {more} more error{'s' if more > 1 else ''})"


class MessageDialect(Dialect):
    validation_status = 422
    quota_status = 402
    error_body = staticmethod(error_body)
