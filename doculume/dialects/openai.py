"""The dialect of OpenAI's API: `{"error": {"message", "type", "param", "code"}}`, with its words where it has one."""

from __future__ import annotations

import re
from typing import Any

from rest_framework.response import Response

from doculume.dialects.base import QUOTA_EXCEEDED, ApiError, Dialect

WORDS = {
    "unauthenticated": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
    QUOTA_EXCEEDED: "insufficient_quota",
}
PLACE = re.compile(r"\.(\d+)(?=\.|$)")


def error_body(error: ApiError) -> dict[str, Any]:
    field = next((name for name in error.fields if name != "non_field_errors"), None)
    return {
        "error": {
            "message": error.message,
            "type": _type(error),
            "param": PLACE.sub(r"[\1]", field) if field else None,
            "code": WORDS.get(error.code, error.code),
        }
    }


def _type(error: ApiError) -> str:
    if error.code == QUOTA_EXCEEDED:
        return "insufficient_quota"
    if error.status == 429:
        return "requests"
    return "server_error" if error.status >= 500 else "invalid_request_error"


class OpenAIDialect(Dialect):
    error_body = staticmethod(error_body)

    @classmethod
    def handle_error(cls, error: Exception, context: dict[str, Any]) -> Response | None:
        response = super().handle_error(error, context)
        described = getattr(response, "api_error", None)
        if response is not None and described and described.code == QUOTA_EXCEEDED:
            # Its clients try a 429 again by themselves, which no month waits for.
            response["x-should-retry"] = "false"
        return response
