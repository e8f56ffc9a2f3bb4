"""Threads of requests, and the database where code waits for other things."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async
from django.db import connection, connections

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


# To start a thread for each request, and one more to wait for its end, takes longer than many a view.
MOST_IDLE = 32
_idle: deque[ThreadPoolExecutor] = deque()


@asynccontextmanager
async def own_thread() -> AsyncIterator[None]:
    """Within it, all synchronous code of a request runs in one thread, which nothing else uses at the time."""
    try:
        thread = _idle.pop()
    except IndexError:
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="request")
    try:
        async with ThreadSensitiveContext(executor=thread):
            yield
    finally:
        # Behind whatever the request left to be done there.
        thread.submit(_keep, thread)


def _keep(thread: ThreadPoolExecutor) -> None:
    try:
        connections.close_all()  # of this thread
    finally:
        if len(_idle) < MOST_IDLE:
            _idle.append(thread)
        else:
            thread.shutdown(wait=False)


def give_back() -> None:
    """This thread's connection to the database, unless there is a transaction; the next statement takes another."""
    if not connection.in_atomic_block:
        connection.close()


def without_database(work: Callable[Parameters, Awaitable[Result]]) -> Callable[Parameters, Result]:
    """`work` from synchronous code, which holds no connection to the database while it waits for it."""

    def wait(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        give_back()
        return async_to_sync(work)(*args, **kwargs)

    return wait


def in_database(
    work: Callable[Parameters, Result], *, apart: bool = False
) -> Callable[Parameters, asyncio.Future[Result]]:
    """`work` in a thread, with the database connection given back when it is done.

    `apart`: not in the request's own thread, where it would wait for what the request is about at the moment.
    """

    def then_give_back(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return work(*args, **kwargs)
        finally:
            give_back()

    return sync_to_async(then_give_back, thread_sensitive=not apart)  # type: ignore[return-value]
