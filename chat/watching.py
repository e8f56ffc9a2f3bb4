"""Ending an answer whose reader is no longer let in, for streams and sockets alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from accounts.liveness import Credential
from chat.events import Event, Failed
from chat.passing import Passing
from chat.transcript import Turn

ENDED = "The credential was revoked."


async def while_it_holds(
    events: AsyncGenerator[Event, None], credential: Credential, turn: Turn | Passing, every: float | None = None
) -> AsyncGenerator[Event, None]:
    """The events of `turn`'s answer until `credential` dies. Then the call to the model is canceled, the message ends
    as stopped with the reason, and the last event is Failed (`unauthenticated`).

    Also while the model is silent. Close this to close `events`.
    """
    death: asyncio.Future[Any] = asyncio.ensure_future(credential.death(every))
    coming: asyncio.Future[Any] = asyncio.ensure_future(anext(events))
    try:
        while True:
            await asyncio.wait((coming, death), return_when=asyncio.FIRST_COMPLETED)
            if death.done():
                turn.stopped_because = ENDED
                break
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            yield event
            coming = asyncio.ensure_future(anext(events))
    finally:
        # Whoever ends it: the answer hears of it, and stores how far it came, before its generator is closed.
        for task in (death, coming):
            task.cancel()
        await asyncio.gather(death, coming, return_exceptions=True)
        await events.aclose()
    yield Failed("unauthenticated", ENDED, 401)
