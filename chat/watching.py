"""Ending an answer whose reader is no longer let in, for streams and sockets alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from accounts.liveness import Lasting
from chat.events import Event, Failed
from chat.passing import Passing
from chat.transcript import Turn
from doculume.stopping import stopping

ENDED = "The credential was revoked."
STOPPED = "The server was stopped."


async def while_it_holds(
    events: AsyncGenerator[Event, None], credential: Lasting, turn: Turn | Passing, every: float | None = None
) -> AsyncGenerator[Event, None]:
    """The events of `turn`'s answer until `credential` dies or the server is stopped. Then the call to the model is
    canceled, the message ends as stopped with the reason, and the last event is Failed (`unauthenticated`, or
    `server_error`: the client may go on where it was).

    Also while the model is silent. Close this to close `events`.
    """
    death: asyncio.Future[Any] = asyncio.ensure_future(credential.death(every))
    stop: asyncio.Future[Any] = asyncio.ensure_future(stopping())
    coming: asyncio.Future[Any] = asyncio.ensure_future(anext(events))
    try:
        while True:
            await asyncio.wait((coming, death, stop), return_when=asyncio.FIRST_COMPLETED)
            if death.done() or stop.done():
                turn.stopped_because = ENDED if death.done() else STOPPED
                break
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            yield event
            coming = asyncio.ensure_future(anext(events))
    finally:
        # Whoever ends it: the answer hears of it, and stores how far it came, before its generator is closed.
        for task in (death, stop, coming):
            task.cancel()
        await asyncio.gather(death, stop, coming, return_exceptions=True)
        await events.aclose()
    yield (
        Failed("unauthenticated", ENDED, 401) if turn.stopped_because == ENDED else Failed("server_error", STOPPED, 503)
    )
