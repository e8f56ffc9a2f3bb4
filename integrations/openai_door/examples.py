"""What OpenAI's clients and this door say to each other, for the schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

ERROR: Any = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": "string", "nullable": True},
                "code": {"type": "string"},
            },
        }
    },
}
WHOLE = {
    "id": "doculume",
    "object": "model",
    "created": 1775044800,
    "owned_by": "doculume",
    "name": "DocuLume",
    "integration_id": None,
}
BOT = {**WHOLE, "id": "support-bot", "name": "Support Bot", "integration_id": "019a6d3c-1b2a-7c3d-8e4f-5a6b7c8d9e0f"}
MODEL = OpenApiExample("A model", value=BOT, response_only=True, status_codes=["200"])
MODELS = OpenApiExample(
    "The models", value={"object": "list", "data": [WHOLE, BOT]}, response_only=True, status_codes=["200"]
)
QUESTION = "How long do customers have to request a refund?"
ASKED = OpenApiExample(
    "Ask",
    value={"model": "support-bot", "messages": [{"role": "user", "content": QUESTION}]},
    request_only=True,
)
CITATION = {
    "index": 1,
    "entry_id": "019a6d3c-1b2b-7f00-9a1b-2c3d4e5f6071",
    "title": "Refund policy",
    "snippet": "Refunds are available for 30 days after the purchase.",
    "url": "https://example.com/refunds",
}
TEXT = "Refunds are available for 30 days after the purchase. [1]"
ANNOTATION = {
    "type": "url_citation",
    "url_citation": {
        "start_index": TEXT.index("[1]"),
        "end_index": len(TEXT),
        "title": CITATION["title"],
        "url": CITATION["url"],
    },
}
COMPLETION = OpenApiExample(
    "An answer with its citation",
    value={
        "id": "chatcmpl-019a6d400a1b7c1d9e1f202122232425",
        "object": "chat.completion",
        "created": 1775044800,
        "model": "support-bot",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": TEXT,
                    "refusal": None,
                    "annotations": [ANNOTATION],
                    "citations": [CITATION],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "system_fingerprint": "extractive",
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        "citations": [CITATION],
    },
    response_only=True,
    status_codes=["200"],
    media_type="application/json",
)
STREAM = OpenApiExample(
    "The same as a stream",
    value='data: {"id": "chatcmpl-…", "object": "chat.completion.chunk", "choices": [{"index": 0, '
    '"delta": {"role": "assistant", "content": ""}, …}], …}\n\n'
    'data: {…, "choices": [{"delta": {}, …}], "citations": [{"index": 1, …}]}\n\n'
    'data: {…, "choices": [{"delta": {"content": "Refunds are …"}, …}]}\n\n'
    'data: {…, "choices": [{"delta": {"annotations": […], "citations": […]}, "finish_reason": "stop"}], '
    '"citations": […]}\n\ndata: [DONE]\n\n',
    response_only=True,
    status_codes=["200"],
    media_type="text/event-stream",
)
