"""Ending an answer whose reader is no longer let in, for streams, plain answers and sockets alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from accounts.liveness import Lasting
from chat.events import Event, Failed
from chat.passing import Passing
from chat.transcript import Turn
from doculume.stopping import stopping
from doculume.waiting import Wait, WaitEnded

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
    wait = Wait()

    def end(reason: str, _: object) -> None:
        if not wait.is_over:
            turn.stopped_because = reason
            wait.end()

    watchers: list[asyncio.Future[Any]] = []
    for reason, ending in ((ENDED, credential.death(every)), (STOPPED, stopping())):
        watchers.append(asyncio.ensure_future(ending))
        watchers[-1].add_done_callback(partial(end, reason))
    try:
        while True:
            with wait:
                event = await anext(events)
            yield event
    except StopAsyncIteration:
        return
    except WaitEnded:
        pass
    finally:
        # Whoever ends it: the answer stores how far it came before this is left.
        wait.is_over = True
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        await events.aclose()
    yield (
        Failed("unauthenticated", ENDED, 401) if turn.stopped_because == ENDED else Failed("server_error", STOPPED, 503)
    )
