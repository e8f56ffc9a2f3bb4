"""An answer as one object, for those who did not ask for a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from chat.events import CitationFound, Event, Failed, StreamEnd, StreamStart, TextDelta
from doculume.errors import DoculumeError


class AnswerFailed(DoculumeError):
    """The answer ended in a `Failed` event; has its code and status."""

    def __init__(self, failed: Failed) -> None:
        self.code = failed.code  # type: ignore[misc]
        self.status_code = failed.status_code  # type: ignore[misc]
        super().__init__(failed.message, retry_after=failed.retry_after)


async def collect(events: AsyncGenerator[Event, None]) -> dict[str, Any]:
    """The body of a plain answer. Raises AnswerFailed. Closes `events`."""
    body: dict[str, Any] = {"answer": "", "citations": []}
    async with aclosing(events):
        async for event in events:
            match event:
                case StreamStart():
                    ids = {"conversation_id": str(event.conversation_id), "message_id": str(event.message_id)}
                    body |= ids | {"model": event.model}
                case TextDelta():
                    body["answer"] += event.text
                case CitationFound():
                    body["citations"].append(event.citation)
                case StreamEnd():
                    body["sources"] = list(dict.fromkeys(source["filename"] for source in event.sources))
                    body["source_details"] = event.sources
                    body["prompt_tokens"] = event.prompt_tokens
                    body["completion_tokens"] = event.completion_tokens
                case Failed():
                    raise AnswerFailed(event)
    return body
