"""Bad bodies of every kind, and the shape in which each must be refused."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

BODIES = {
    "malformed": b'{"question": ',
    "empty": b"",
    "an array": b"[1, 2]",
    "a string": b'"text"',
    "null": b"null",
    "a number": b"1e999",
    "NaN": b'{"question": NaN, "email": NaN}',
    "invalid UTF-8": b'{"question": "\xff\xfe"}',
    "nested deeply": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "NUL": b'{"question": "a\\u0000b", "email": "a\\u0000@example.com", "full_name": "\\u0000"}',
    "a lone surrogate": b'{"question": "\\ud800", "email": "\\udfff@example.com", "full_name": "\\ud800"}',
}


def structured(response: Any, *statuses: int) -> dict[str, Any]:
    """The response's body, once it is known to be an error of the structured dialect with one of `statuses`."""
    assert response.status_code in (statuses or range(400, 500)), (response.status_code, response.content[:300])
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"error", "type", "title", "status", "detail", "instance", "request_id"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["status"] == response.status_code
    assert body["detail"] == body["error"]["message"]
    assert body["request_id"] == response["X-Request-Id"]
    return body


def send(client: APIClient, method: str, path: str, body: bytes, content_type: str = "application/json") -> Any:
    return client.generic(method, path, body, content_type=content_type)  # type: ignore[arg-type]
