"""What asking looks like, for the schema."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

CITATION = {
    "index": 1,
    "document_id": "019a6d3c-1b2a-7c3d-8e4f-5a6b7c8d9e0f",
    "entry_id": "019a6d3c-1b2b-7f00-9a1b-2c3d4e5f6071",
    "chunk_id": "019a6d3c-4d5e-7abc-8def-0123456789ab",
    "fileName": "handbook.pdf",
    "pageNumber": 4,
    "title": "Employee handbook",
    "source": "/documents/019a6d3c-1b2a-7c3d-8e4f-5a6b7c8d9e0f?page=4&start=2498&end=2581",
    "url": "",
    "snippet": "Full-time employees have 28 days of paid annual leave in each calendar year.",
    "start": 2498,
    "end": 2574,
}
ASK = OpenApiExample(
    "Ask your documents",
    value={"question": "How many days of paid leave do I have?", "use_rag": True, "top_k": 5},
    request_only=True,
)
ANSWER = OpenApiExample(
    "An answer with its citation",
    value={
        "answer": "Full-time employees have 28 days of paid annual leave in each calendar year. [1]",
        "conversation_id": "019a6d40-0a0b-7c0d-8e0f-101112131415",
        "message_id": "019a6d40-0a1b-7c1d-9e1f-202122232425",
        "citations": [CITATION],
        "sources": ["handbook.pdf"],
        "source_details": [
            {
                "chunk_id": CITATION["chunk_id"],
                "document_id": CITATION["document_id"],
                "entry_id": CITATION["entry_id"],
                "filename": "handbook.pdf",
                "page_number": 4,
                "score": 0.97,
            }
        ],
        "model": "extractive",
        "prompt_tokens": 0,
        "completion_tokens": 0,
    },
    response_only=True,
    status_codes=["200"],
    media_type="application/json",
)
STREAM = OpenApiExample(
    "The same as a stream",
    value='id: 1\ndata: {"type": "stream_start", "provider": "local", "model": "extractive", …}\n\n'
    'id: 2\ndata: {"type": "citation", "citation": {"index": 1, …}, …}\n\n'
    'id: 3\ndata: {"type": "text_delta", "delta": "Full-time employees …", …}\n\n'
    'id: 4\ndata: {"type": "stream_end", "reason": "stop", "usage": {…}, …}\n\ndata: [DONE]\n\n',
    response_only=True,
    status_codes=["200"],
    media_type="text/event-stream",
)
CHAT_SHOWN = {
    "id": "chat_019a6d400a0b7c0d8e0f101112131415",
    "title": "New Conversation",
    "model": "gpt-4",
    "created_at": "2026-04-01T12:00:00.000000Z",
    "updated_at": "2026-04-01T12:00:00.000000Z",
}
CREATE_CHAT = OpenApiExample("Create a chat", value={"title": "New Conversation", "model": "gpt-4"}, request_only=True)
CHAT = OpenApiExample("A chat", value=CHAT_SHOWN, response_only=True, status_codes=["201"])
SEND = OpenApiExample("Send a message", value={"content": "How many days of paid leave do I have?"}, request_only=True)
SAID = {
    "id": "019a6d40-0a1a-7c1d-9e1f-202122232425",
    "chat_id": CHAT_SHOWN["id"],
    "role": "user",
    "sender": "user",
    "content": "How many days of paid leave do I have?",
    "status": "complete",
    "reason": "",
    "model": "",
    "citations": [],
    "created_at": "2026-04-01T12:00:05.000000Z",
}
EXCHANGE = OpenApiExample(
    "A message and its answer",
    value={
        "message": SAID,
        "reply": {
            **SAID,
            "id": "019a6d40-0a1b-7c1d-9e1f-202122232425",
            "role": "assistant",
            "sender": "assistant",
            "content": "Full-time employees have 28 days of paid annual leave in each calendar year. [1]",
            "reason": "stop",
            "model": "extractive",
            "citations": [CITATION],
        },
    },
    response_only=True,
    status_codes=["201"],
    media_type="application/json",
)
CONVERSATION_SHOWN = {
    "id": "019a6d40-0a0b-7c0d-8e0f-101112131415",
    "user_id": "0b0f6c1e-8d0a-4a53-9a51-6f2d8c7e5b43",
    "title": "Leave",
    "model": "",
    "message_count": 0,
    "created_at": "2026-04-01T12:00:00.000000Z",
    "updated_at": "2026-04-01T12:00:00.000000Z",
}
BEGIN = OpenApiExample(
    "Begin a conversation", value={"user_id": CONVERSATION_SHOWN["user_id"], "title": "Leave"}, request_only=True
)
CONVERSATION = OpenApiExample("A conversation", value=CONVERSATION_SHOWN, response_only=True, status_codes=["201"])
NOTE = OpenApiExample(
    "Store a message",
    value={"conversation_id": CONVERSATION_SHOWN["id"], "role": "user", "content": "How many days of leave?"},
    request_only=True,
)
NOTED = OpenApiExample(
    "A message",
    value={
        "id": SAID["id"],
        "conversation_id": CONVERSATION_SHOWN["id"],
        "role": "user",
        "content": "How many days of leave?",
        "status": "complete",
        "reason": "",
        "model": "",
        "citations": [],
        "created_at": SAID["created_at"],
    },
    response_only=True,
    status_codes=["201"],
)
ATTACH = OpenApiExample(
    "Attach a file of your storage",
    value={"message_id": SAID["id"], "file_type": "application/pdf", "file_path": "reports/2026.pdf"},
    request_only=True,
    media_type="application/json",
)
ATTACHED = OpenApiExample(
    "An attachment",
    value={
        "id": "019a6d40-0c1b-7c1d-9e1f-303132333435",
        "message_id": SAID["id"],
        "file_type": "application/pdf",
        "file_path": "reports/2026.pdf",
        "filename": "2026.pdf",
        "file_size": None,
        "created_at": "2026-04-01T12:00:06.000000Z",
    },
    response_only=True,
    status_codes=["201"],
)
