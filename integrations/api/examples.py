"""Examples and parameters for the schema; the examples are the reference's own."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

_TIMES = {"created_at": "2026-03-10T08:00:00.000000Z", "updated_at": "2026-03-10T08:00:00.000000Z"}
_COLLECTION_ID = "9e3a7c2f-1b4d-4e8a-9f2c-3d5e6f7a8b9c"
_CHATBOT = {
    "type": "chatbot",
    "name": "Support Bot",
    "allowed_domains": ["example.com"],
    "collection_ids": [_COLLECTION_ID],
    "welcome_message": "Ask me anything about support.",
    "instructions": "Only answer from provided collection data.",
    "persona": "customer-support",
}
_SEARCH_BOX = {
    "type": "search_box",
    "name": "Docs Search",
    "allowed_domains": ["example.com"],
    "collection_ids": [_COLLECTION_ID],
    "placeholder": "Search our docs...",
    "results_display": "summary_results",
}
_INTEGRATION = {
    "id": "b81d17eb-99c7-408a-8081-09319dff64e0",
    "name": "Support Bot",
    "project": "example.com",
    "type": "chatbot",
    "allowed_domains": ["example.com"],
    "is_active": True,
    "settings": {
        "welcome_message": "Ask me anything about support.",
        "instructions": "Only answer from provided collection data.",
        "persona": "customer-support",
        "unknown_answer_message": None,
    },
    "collection_ids": [_COLLECTION_ID],
    **_TIMES,
}
_RESULT = {
    "id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    "collection_id": _COLLECTION_ID,
    "title": "Refund policy",
    "raw_text": "Refunds are available for 30 days...",
    "meta": {"category": "policy"},
    "searchable_meta": {"tags": ["billing", "refunds"]},
    "source_url": "https://example.com/refunds",
    "source_type": "web",
    "source_id": "refund-policy-v2",
    **_TIMES,
    "score_breakdown": {
        "similarity": 0.81,
        "final_score": 0.93,
        "boosts": [{"field": "published_at", "type": "recency", "factor": 1.12}],
    },
}
_ADDRESS = "https://docs.example.com/api/v1/integrations/b81d17eb-99c7-408a-8081-09319dff64e0/search?query=refunds"


def _sent(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value, request_only=True)


def _answered(name: str, value: Any, *statuses: str) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True, status_codes=list(statuses) or ["200"])


SHOWN = _answered("Integration", {"data": _INTEGRATION}, "200", "201")
CREATE = [_sent("Chatbot", _CHATBOT), _sent("Search box", _SEARCH_BOX), SHOWN]
CHANGE = [_sent("Switch it off", {"is_active": False}), SHOWN]
SEARCHES = [
    _sent(
        "Boost",
        {
            "query": "your search query",
            "boost": [{"field": "published_at", "type": "recency", "strength": "medium"}],
        },
    ),
    _sent(
        "Sort",
        {
            "query": "your search query",
            "sort": [{"field": "published_at", "direction": "desc", "type": "date"}],
        },
    ),
    _sent(
        "Filter",
        {
            "query": "decaf coffee",
            "meta": {"tags": {"and": ["coffee", "decaf"]}, "price": {"gte": 10, "lt": 20}, "in_stock": True},
        },
    ),
]
RESULTS = _answered(
    "Results",
    {
        "data": [_RESULT],
        "summarisable": True,
        "links": {"first": f"{_ADDRESS}&page=1", "last": f"{_ADDRESS}&page=1", "prev": None, "next": None},
        "meta": {"current_page": 1, "last_page": 1, "per_page": 15, "total": 1},
    },
)
EVENT = _sent("A thumb up", {"event_type": "thumbs_up", "meta": {"url": "https://example.com/page"}})
RECORDED = _answered("Recorded", {"ok": True})


ERROR = {"type": "object", "properties": {"message": {"type": "string"}}}
_TITLE, _URL = "Refund policy", "https://example.com/refunds"
_SAID = "Refunds are available for 30 days after purchase. [1]"
SUMMARIZE = _sent("A question", {"query": "what is the refund window", "stream": False, "locale": "en"})
SUMMARY = _answered(
    "A summary",
    {
        "has_relevant_results": True,
        "summary": _SAID,
        "references": [{"ref": 1, "title": _TITLE, "url": _URL}],
        "data": [_RESULT],
    },
)
CHAT = _sent("A question", {"message": "How long can I ask for a refund?", "conversation_id": None, "stream": False})
_CITATION = {"index": 1, "entry_id": _RESULT["id"], "title": _TITLE, "snippet": "Refunds are available…", "url": _URL}
REPLIED = _answered(
    "An answer",
    {
        "conversation_id": "conv_019a6d400a0b7c0d8e0f101112131415",
        "message": _SAID,
        "message_id": "019a6d40-0a1b-7c1d-9e1f-202122232425",
        "references": [{"ref": 1, "title": _TITLE, "url": _URL}],
        "citations": [_CITATION],
    },
)


def _streamed(name: str, *events: str) -> OpenApiExample:
    body = "".join(f"id: {number}\ndata: {{{event}}}\n\n" for number, event in enumerate(events, 1))
    return OpenApiExample(
        name,
        value=body + "data: [DONE]\n\n",
        response_only=True,
        status_codes=["200"],
        media_type="text/event-stream",
    )


_EVENTS = (
    '"type": "stream_start", "provider": "openai", "model": "gpt-4o-mini", "timestamp": 1711270800',
    '"type": "citation", "citation": {"index": 1, "title": "Refund policy", "url": "https://example.com/refunds", …}, …',  # noqa: E501
    '"type": "text_delta", "delta": "Refunds are ", "message_id": "019a6d40-0a1b-7c1d-9e1f-202122232425", …',
    '"type": "stream_end", "reason": "stop", "usage": {"prompt_tokens": 150, "completion_tokens": 45}, …',
)
SUMMARY_STREAM = _streamed("The same as a stream", *_EVENTS)
CHAT_STREAM = _streamed("The same as a stream", *_EVENTS)


def _parameter(name: str, schema: dict[str, Any], description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, **more)


_OBJECTS = {"type": "array", "maxItems": 3, "items": {"type": "object", "additionalProperties": True}}
SEARCH_PARAMETERS = [
    _parameter("query", {"type": "string", "maxLength": 4000}, "What to look for.", required=True),
    _parameter(
        "threshold",
        {"type": "number", "minimum": 0, "maximum": 1, "default": 0.4},
        "The least similarity of a result.",
    ),
    _parameter(
        "meta",
        {"type": "object", "additionalProperties": True},
        "Filters on `meta` and `searchable_meta`: `meta[category]=billing`, `meta[category][or][]=billing`, "
        "`meta[tags][and][]=coffee`, `meta[color][not]=red`, `meta[price][gte]=10&meta[price][lt]=20`, "
        "`meta[genre][exists]=true`. Dots reach nested values: `meta[author.name]=Ann`.",
        style="deepObject",
        explode=True,
    ),
    _parameter(
        "boost",
        _OBJECTS,
        "`boost[0][field]=published_at&boost[0][type]=recency&boost[0][strength]=high&boost[0][scale]=30d`. "
        "Types: `recency` (scale such as 90d, 12h, 6mo), `prefer_low`, `prefer_high` (scale), `near_value` (target, "
        "scale). Not together with `sort`.",
    ),
    _parameter(
        "sort",
        _OBJECTS,
        "`sort[0][field]=price&sort[0][direction]=asc&sort[0][type]=number`. Types: date, number, text.",
    ),
    _parameter("page", {"type": "integer", "minimum": 1, "default": 1}, "Page number to return."),
    _parameter(
        "per_page",
        {"type": "integer", "minimum": 1, "default": 15},
        "Results a page; more than 50 are taken for 50.",
    ),
    _parameter("explain", {"type": "boolean", "default": False}, "Tell how each result was ranked."),
    _parameter("as_you_type", {"type": "boolean", "default": False}, "The last word may be unfinished."),
]
_BY_NAME = {parameter.name: parameter for parameter in SEARCH_PARAMETERS}
SUMMARIZE_PARAMETERS = [
    *(_BY_NAME[name] for name in ("query", "threshold", "meta")),
    _parameter("stream", {"type": "boolean", "default": True}, "Whether the answer comes as server-sent events."),
    _parameter("format", {"type": "string", "enum": ["markdown", "html"], "default": "markdown"}, "Of the summary."),
    _parameter("locale", {"type": "string"}, "The language to answer in, such as en or nl; else that of the query."),
]
