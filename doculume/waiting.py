"""Waiting for something that comes again and again, as long as it is worth waiting for.

`asyncio.timeout` and `asyncio.wait` do this too, with a timer or a task for each thing that is waited for. That costs
more than a word of an answer does otherwise, and thousands of those come a second.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class WaitEnded(Exception):
    """There is nothing to wait for any more."""


class Wait:
    """`with wait:` around each `await` in a task; `end()`, from anywhere in the loop, makes it raise WaitEnded.

    Nothing but what is awaited within is canceled: whoever holds it and does something else meanwhile looks at
    `is_over`, or hears of it at the next `with`. Cancelation by others goes through it. See `asyncio.timeouts`.
    """

    def __init__(self) -> None:
        self.is_over = False
        self._task: asyncio.Task[object] | None = None
        self._canceled = False
        self._before = 0

    def end(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        if self._task is not None:
            self._canceled = self._task.cancel()

    def __enter__(self) -> None:
        if self.is_over:
            raise WaitEnded
        self._task = task = asyncio.current_task()
        assert task is not None
        self._before = task.cancelling()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._canceled and task is not None:
            self._canceled = False
            if task.uncancel() <= self._before and kind is asyncio.CancelledError:
                raise WaitEnded from error


class Patience(Wait):
    """A `Wait` that ends by itself: when one wait takes longer than `seconds`, or all together longer than `total`.

    Close it when it is done with.
    """

    def __init__(self, seconds: float, total: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._ends = self._loop.time() + total
        self._began: float | None = None
        # One timer that looks again later, instead of one a wait.
        self._timer = self._loop.call_later(min(seconds, total), self._look)

    def __enter__(self) -> None:
        super().__enter__()
        self._began = self._loop.time()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._began = None
        super().__exit__(kind, error, where)

    def allow(self, seconds: float) -> None:
        """To each wait from now on."""
        if seconds != self._seconds:
            self._seconds = seconds
            self._timer.cancel()
            self._look()

    def close(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        due = min(self._ends, (now if self._began is None else self._began) + self._seconds)
        if now >= due:
            self.end()
        else:
            self._timer = self._loop.call_at(due, self._look)
