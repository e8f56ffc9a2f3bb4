"""Examples for the schema, the reference's own."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

_TIMES = {"created_at": "2026-03-10T08:00:00.000000Z", "updated_at": "2026-03-10T08:00:00.000000Z"}
_COLLECTION = {
    "id": "9e3a7c2f-1b4d-4e8a-9f2c-3d5e6f7a8b9c",
    "organisation_id": 12,
    "name": "Support Articles",
    **_TIMES,
}
_ENTRY = {
    "title": "Refund policy",
    "raw_text": "Refunds are available for 30 days...",
    "meta": {"category": "policy"},
    "searchable_meta": {"tags": ["billing", "refunds"]},
    "source_url": "https://example.com/refunds",
    "source_type": "web",
    "source_id": "refund-policy-v2",
}
_WITH_SOURCE = {
    "title": "Refund policy",
    "raw_text": "Updated refund policy content...",
    "source_type": "web",
    "source_id": "refund-policy-v2",
}
_SHIPPING = {
    "title": "Shipping info",
    "raw_text": "We ship worldwide within 5 business days...",
    "source_type": "web",
    "source_id": "shipping-info",
}


def _sent(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value, request_only=True)


def _answered(name: str, value: Any, *statuses: str) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True, status_codes=list(statuses) or ["200", "201"])


_ENTRY_SHOWN = {
    "id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    "collection_id": _COLLECTION["id"],
    **_ENTRY,
    **_TIMES,
}
_SHOWN = _answered("Entry", {"data": _ENTRY_SHOWN})
LISTED_COLLECTION = [_answered("Collections", _COLLECTION, "200")]
LISTED_ENTRY = [_answered("Entries", _ENTRY_SHOWN, "200")]
COLLECTION = [_sent("Name", {"name": "Support Articles"}), _answered("Collection", {"data": _COLLECTION})]
SHOWN_ENTRY = [_SHOWN]
NEW_ENTRY = [_sent("New entry", _ENTRY), _SHOWN]
CHANGED_ENTRY = [_sent("Changes", {"title": "Updated title", "raw_text": "Updated content..."}), _SHOWN]
UPSERT = [_sent("By source", _WITH_SOURCE), _SHOWN]
BATCH = [
    _sent(
        "Two entries",
        {"entries": [_WITH_SOURCE | {"raw_text": "Refunds are available for 30 days..."}, _SHIPPING]},
    ),
    _answered("Outcome", {"created": 1, "updated": 1}),
]
