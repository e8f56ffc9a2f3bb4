"""Examples for the schema; they are the reference's own."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

ERROR: dict[str, Any] = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
LIMITED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "limit": {"type": "integer", "description": "How many there may be in a window."},
        "reset_at": {"type": "string", "format": "date-time", "description": "When the window closes."},
    },
    "required": ["error"],
}
OVER = OpenApiExample(
    "Over the limit",
    {
        "error": "Too many requests. Wait until the limit is reset.",
        "limit": 50,
        "reset_at": "2026-03-10T09:00:00.000000Z",
    },
    response_only=True,
    status_codes=["429"],
)
QUESTION = OpenApiExample("Ask", {"question": "What is the refund policy?", "format": "text"}, request_only=True)
ANSWER = OpenApiExample(
    "Answer",
    {
        "answer": "Refunds are available within 30 days of purchase [1].",
        "citations": [
            {
                "index": 1,
                "fileName": "refund-policy.pdf",
                "pageNumber": "2",
                "source": "https://docs.example.com/files/WyIwMT…/refund-policy.pdf#page=2",
            }
        ],
        "support_email": "support@example.com",
    },
    response_only=True,
    status_codes=["200"],
    media_type="application/json",
)
STREAM = OpenApiExample(
    "Stream",
    'data: {"type": "stream_start", "provider": "local", "model": "extractive", "timestamp": 1773129600}\n\n'
    'data: {"type": "citation", "citation": {"index": 1, "fileName": "refund-policy.pdf", "pageNumber": "2", '
    '"source": "https://docs.example.com/files/WyIwMT…/refund-policy.pdf#page=2"}, "timestamp": 1773129600}\n\n'
    'data: {"type": "text_delta", "delta": "Refunds are available within 30 days of purchase [1].", '
    '"timestamp": 1773129600}\n\n'
    'data: {"type": "stream_end", "reason": "stop", "usage": {"prompt_tokens": 150, "completion_tokens": 45}, '
    '"support_email": "support@example.com", "timestamp": 1773129601}\n\n'
    "data: [DONE]\n\n",
    response_only=True,
    status_codes=["200"],
    media_type="text/event-stream",
)
SUPPORT = OpenApiExample(
    "Send",
    {"message": "I can't find the onboarding guide.", "sender_email": "customer@example.com"},
    request_only=True,
)
SUPPORTED = OpenApiExample(
    "Sent",
    {
        "success": True,
        "message": "Your support request has been sent successfully. We'll get back to you soon!",
    },
    response_only=True,
    status_codes=["200"],
)
