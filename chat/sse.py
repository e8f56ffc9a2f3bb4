"""Events as server-sent events: one JSON object a `data:` line, closed by `[DONE]`.

The `id:` of an event is how many characters of the answer, as it is stored, were said by then, which is all that is
needed to go on from there (`chat.api.streams`); after the last event it is `AT_THE_END`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse

from chat.events import CitationFound, Event, Failed, StreamEnd, StreamStart, TextDelta

HEARTBEAT_SECONDS = 15.0
HEARTBEAT = ": heartbeat\n\n"
DONE = "data: [DONE]\n\n"
AT_THE_END = "end"
MOST_AHEAD = 64

# `json.dumps` makes an encoder for each call that is not of its usual kind.
as_json = json.JSONEncoder(ensure_ascii=False).encode


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
) -> AsyncGenerator[bytes, None]:
    """The body of a stream. Closing it closes `events`, which ends the call to the model.

    Where they do not begin with StreamStart: of which message they are, and how many characters went before.
    """
    async with aclosing(as_they_come(events)) as coming:
        async for batch in coming:
            lines = []
            for event in batch:
                if isinstance(event, StreamStart):
                    message_id = event.message_id
                if isinstance(event, TextDelta):
                    said += event.length
                place = AT_THE_END if isinstance(event, StreamEnd | Failed) else said
                lines.append(f"id: {place}\ndata: {as_json(payload(event, message_id))}\n\n")
            yield "".join(lines or [HEARTBEAT]).encode()
    yield DONE.encode()


async def with_heartbeat(
    events: AsyncGenerator[Event, None], seconds: float | None = None
) -> AsyncGenerator[Event | None, None]:
    """The events, and None whenever none came for `seconds`. Closing it closes `events`."""
    async with aclosing(as_they_come(events, seconds)) as coming:
        async for batch in coming:
            if not batch:
                yield None
            for event in batch:
                yield event


async def as_they_come(
    events: AsyncGenerator[Event, None], seconds: float | None = None
) -> AsyncGenerator[list[Event], None]:
    """The events as soon as they come, with those that came while the last were written; an empty list whenever none
    came for `seconds`. No more than `MOST_AHEAD` are taken before they can be written. Closing it closes `events`.
    """
    loop, heartbeat = asyncio.get_running_loop(), seconds or HEARTBEAT_SECONDS
    came: list[Event] = []
    news, room = asyncio.Event(), asyncio.Event()
    timer: asyncio.TimerHandle

    async def take() -> None:
        async for event in events:
            came.append(event)
            news.set()
            if len(came) >= MOST_AHEAD:
                room.clear()
                await room.wait()

    def look() -> None:
        nonlocal timer
        if (silence := loop.time() - last) >= heartbeat:
            news.set()
            silence = 0.0
        timer = loop.call_later(heartbeat - silence, look)

    last = loop.time()
    timer = loop.call_later(heartbeat, look)
    taking = asyncio.create_task(take())
    taking.add_done_callback(lambda _: news.set())
    try:
        while came or not taking.done():
            await news.wait()
            news.clear()
            batch, came[:] = came[:], []
            last = loop.time()
            room.set()
            if batch or not taking.done():
                yield batch
        taking.result()
    finally:
        # The reader left: let the answer hear of it and end in its own way before its generator is closed.
        timer.cancel()
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
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
