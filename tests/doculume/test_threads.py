"""The threads of requests: each request has one to itself, it is kept, and nothing of a request stays in it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.utils import translation

from doculume import threads
from doculume.threads import give_back, own_thread, without_database


@pytest.fixture(autouse=True)
def nobody_idle(monkeypatch):
    monkeypatch.setattr(threads, "_idle", type(threads._idle)())


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def until_idle(count: int) -> None:
    await until(lambda: len(threads._idle) >= count)


async def ask() -> tuple[int, int]:
    """The threads of two steps of a request."""
    async with own_thread():
        step = sync_to_async(threading.get_ident)
        return await step(), await step()


async def test_all_steps_of_a_request_share_a_thread_and_the_next_request_has_it_again():
    first, second = await ask()
    assert first == second != threading.get_ident()
    await until_idle(1)
    assert await ask() == (first, first)
    await until_idle(1)
    assert len(threads._idle) == 1


async def test_requests_at_the_same_time_wait_for_nobody():
    async def slow() -> int:
        async with own_thread():
            await sync_to_async(time.sleep)(0.2)
            return await sync_to_async(threading.get_ident)()

    began = time.monotonic()
    assert len(set(await asyncio.gather(*(slow() for _ in range(20))))) == 20
    assert time.monotonic() - began < 2


async def test_no_more_are_kept_than_are_worth_it(monkeypatch):
    monkeypatch.setattr(threads, "MOST_IDLE", 2)

    async def slow() -> None:
        async with own_thread():
            await sync_to_async(time.sleep)(0.1)

    before = threading.active_count()
    await asyncio.gather(*(slow() for _ in range(8)))
    await until(lambda: threading.active_count() <= before + 2)
    assert len(threads._idle) == 2


async def test_who_is_canceled_leaves_the_thread_only_when_its_work_is_over():
    """The work of a reader who left goes on; the next request must not wait behind it."""
    done = threading.Event()

    async def left() -> None:
        async with own_thread():
            await sync_to_async(done.wait)(5)

    leaving = asyncio.create_task(left())
    await asyncio.sleep(0.05)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert not threads._idle
    async with asyncio.timeout(2):
        await ask()
    done.set()
    await until_idle(2)


async def test_the_next_request_speaks_its_own_language():
    async with own_thread():
        await sync_to_async(translation.activate)("de")
        assert await sync_to_async(translation.get_language)() == "de"
    await until_idle(1)

    async def language() -> str:
        async with own_thread():
            return await sync_to_async(translation.get_language)()

    assert await asyncio.create_task(language(), context=contextvars.Context()) == "en"


@pytest.mark.django_db(transaction=True)
async def test_a_connection_that_was_left_open_is_given_back():
    def leave_one() -> int:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            cursor.execute("BEGIN")
        return id(connection.connection)

    def look() -> bool:
        return connection.connection is None and not connection.in_atomic_block

    async with own_thread():
        await sync_to_async(leave_one)()
    await until_idle(1)
    async with own_thread():
        assert await sync_to_async(look)()


@pytest.mark.django_db(transaction=True)
def test_a_long_wait_holds_no_connection_unless_there_is_a_transaction():
    async def wait() -> None:
        await asyncio.sleep(0)

    connection.ensure_connection()
    without_database(wait)()
    assert connection.connection is None
    with transaction.atomic():
        held = connection.connection
        give_back()
        assert connection.connection is held
