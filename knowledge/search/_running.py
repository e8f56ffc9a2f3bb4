"""What every search runs in: one moment of the database, and a clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from knowledge.search import _vector

# What is read of a question, in characters. It is more than the embedding models take in.
LONGEST_QUERY = 4_000


@contextmanager
def snapshot() -> Iterator[None]:
    """All statements of a search see the same moment, unless a transaction is already under way."""
    nested = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        level = "" if nested else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
        cursor.execute(level + _vector.SETTINGS)
        yield


class Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """The time since the lap before is `name`'s."""
        now = time.perf_counter()
        self.laps[name] = (now - self._last) * 1000
        self.laps["total"] = (now - self._start) * 1000
        self._last = now
