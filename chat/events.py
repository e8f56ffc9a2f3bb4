"""What happens while an answer is made, for whoever renders it: JSON, server-sent events, a socket, a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict
from uuid import UUID

Reason = Literal["stop", "length", "no_relevant_results"]


class CitationPayload(TypedDict):
    """A citation on the wire. `start` and `end` are offsets into the entry's text, and `snippet` is what lies there."""

    index: int
    document_id: str | None
    entry_id: str
    chunk_id: str
    fileName: str
    pageNumber: int | None
    title: str
    source: str
    url: str
    snippet: str
    start: int
    end: int


class SourcePayload(TypedDict):
    """A passage that was retrieved. `score` is 0 to 1, comparable within one answer."""

    chunk_id: str
    document_id: str | None
    entry_id: str
    filename: str
    page_number: int | None
    score: float


@dataclass(frozen=True, slots=True)
class StreamStart:
    provider: str
    model: str
    conversation_id: UUID | str | None
    """As the group of endpoints shows it; None where nothing is kept."""
    message_id: UUID


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str
    of: int | None = None
    """How many characters of what is stored it shows, if these are not its own: HTML is made of Markdown."""

    @property
    def length(self) -> int:
        return len(self.text) if self.of is None else self.of


@dataclass(frozen=True, slots=True)
class CitationFound:
    citation: CitationPayload


@dataclass(frozen=True, slots=True)
class StreamEnd:
    reason: Reason
    prompt_tokens: int = 0
    completion_tokens: int = 0
    sources: list[SourcePayload] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds from the beginning to the end of each stage."""
    more: dict[str, Any] = field(default_factory=dict)
    """What a door of its own adds on the wire."""


@dataclass(frozen=True, slots=True)
class Failed:
    code: str
    message: str
    status_code: int = 502
    retry_after: float | None = None


Event = StreamStart | TextDelta | CitationFound | StreamEnd | Failed
