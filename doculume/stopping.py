"""Knowing early that this process was told to end.

A server stops taking connections then, waits a moment for what is open, and cancels the rest, too late to store
anything. What could stay open for minutes waits for `stopping()` beside its work, and ends by itself.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType
from typing import Any

_told = threading.Event()
_waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}


async def stopping() -> None:
    """Returns when the process was told to end."""
    told = asyncio.Event()
    _waiting[told] = asyncio.get_running_loop()
    try:
        if not _told.is_set():
            await told.wait()
    finally:
        del _waiting[told]


def listen() -> None:
    """Hear of SIGTERM and SIGINT before whoever handles them now, who handles them still."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            _hear_first(number, signal.getsignal(number))


def _hear_first(number: signal.Signals, handler: Any) -> None:
    def heard(signum: int, frame: FrameType | None) -> None:
        tell()
        handler(signum, frame)

    if callable(handler):
        signal.signal(number, heard)


def tell() -> None:
    _told.set()
    for told, loop in list(_waiting.items()):
        loop.call_soon_threadsafe(told.set)
