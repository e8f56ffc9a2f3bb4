"""Events as server-sent events: one JSON object a `data:` line, closed by `[DONE]`.

The `id:` of an event is how many characters of the answer were said by then, which is all that is needed to go on
from there (`chat.api.streams`); after the last event it is `AT_THE_END`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse

from chat.events import CitationFound, Event, Failed, StreamEnd, StreamStart, TextDelta

HEARTBEAT_SECONDS = 15.0
HEARTBEAT = ": heartbeat\n\n"
DONE = "data: [DONE]\n\n"
AT_THE_END = "end"


def payload(event: Event, message_id: UUID | None) -> dict[str, Any]:
    now = int(time.time())
    if isinstance(event, StreamStart):
        kept = {"conversation_id": str(event.conversation_id)} if event.conversation_id else {}
        ids = {**kept, "message_id": str(event.message_id)}
        return {"type": "stream_start", "provider": event.provider, "model": event.model, **ids, "timestamp": now}
    if isinstance(event, TextDelta):
        return {"type": "text_delta", "delta": event.text, "message_id": str(message_id), "timestamp": now}
    if isinstance(event, CitationFound):
        return {"type": "citation", "citation": event.citation, "timestamp": now}
    if isinstance(event, StreamEnd):
        usage = {"prompt_tokens": event.prompt_tokens, "completion_tokens": event.completion_tokens}
        timings = {"timings": event.timings} if event.timings else {}
        ended = {"type": "stream_end", "reason": event.reason, "usage": usage, **timings}
        return {**ended, **event.more, "timestamp": now}
    return {"type": "error", "error": {"code": event.code, "message": event.message}, "timestamp": now}


async def encode(
    events: AsyncGenerator[Event, None], message_id: UUID | None = None, said: int = 0
) -> AsyncGenerator[str, None]:
    """The body of a stream. Closing it closes `events`, which ends the call to the model.

    Where they do not begin with StreamStart: of which message they are, and how many characters went before.
    """
    async for event in with_heartbeat(events):
        if event is None:
            yield HEARTBEAT
            continue
        if isinstance(event, StreamStart):
            message_id = event.message_id
        if isinstance(event, TextDelta):
            said += len(event.text)
        place = AT_THE_END if isinstance(event, StreamEnd | Failed) else said
        yield f"id: {place}\ndata: {json.dumps(payload(event, message_id), ensure_ascii=False)}\n\n"
    yield DONE


async def with_heartbeat(
    events: AsyncGenerator[Event, None], seconds: float | None = None
) -> AsyncGenerator[Event | None, None]:
    """The events, and None whenever none came for `seconds`."""
    coming: asyncio.Future[Event] = asyncio.ensure_future(anext(events))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=seconds or HEARTBEAT_SECONDS)
            if not done:
                yield None
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            yield event
            coming = asyncio.ensure_future(anext(events))
    finally:
        # The reader left: let the answer hear of it and end in its own way before its generator is closed.
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await events.aclose()


def stream(
    events: AsyncGenerator[Event, None],
    conversation_id: UUID | str | None,
    message_id: UUID | None = None,
    said: int = 0,
) -> StreamingHttpResponse:
    """`conversation_id` as the group of endpoints shows it; None where there is none. The rest as for `encode`."""
    response = StreamingHttpResponse(encode(events, message_id, said), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    if conversation_id:
        response["X-Conversation-Id"] = str(conversation_id)
    return response
