"""Waits that end when they are told to, or when they take too long, and leave other cancellations alone."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from doculume.waiting import Patience, Wait, WaitEnded


async def test_a_wait_ends_when_it_is_told_to():
    wait = Wait()
    asyncio.get_running_loop().call_later(0.02, wait.end)
    with pytest.raises(WaitEnded), wait:
        await asyncio.sleep(60)
    assert asyncio.current_task().cancelling() == 0
    with pytest.raises(WaitEnded), wait:
        pass


async def test_what_is_done_between_waits_is_not_canceled():
    wait = Wait()
    with wait:
        await asyncio.sleep(0)
    wait.end()
    await asyncio.sleep(0.01)
    assert wait.is_over


async def test_a_cancellation_by_others_goes_through():
    wait = Wait()

    async def waiting():
        with wait:
            await asyncio.sleep(60)

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0.01)
    task.cancel()
    wait.end()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_swallows_its_cancellation_is_not_canceled_later():
    wait = Wait()
    asyncio.get_running_loop().call_later(0.02, wait.end)
    with wait, contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    assert asyncio.current_task().cancelling() == 0


async def test_patience_is_for_each_wait_and_not_for_the_time_between():
    patience = Patience(0.1, 10)
    for _ in range(3):
        with patience:
            await asyncio.sleep(0.06)
        await asyncio.sleep(0.15)
    began = time.monotonic()
    with pytest.raises(WaitEnded), patience:
        await asyncio.sleep(60)
    assert 0.09 < time.monotonic() - began < 1


async def test_patience_can_become_less():
    patience = Patience(60, 600)
    with patience:
        await asyncio.sleep(0)
    patience.allow(0.05)
    began = time.monotonic()
    with pytest.raises(WaitEnded), patience:
        await asyncio.sleep(60)
    assert time.monotonic() - began < 1


async def test_patience_is_over_after_all_of_its_time():
    patience, began = Patience(0.1, 0.2), time.monotonic()
    with contextlib.suppress(WaitEnded):
        while True:
            with patience:
                await asyncio.sleep(0.03)
    assert 0.19 < time.monotonic() - began < 1
