"""What every search runs in: one moment of the database, and a clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, connection, transaction

from knowledge.search import _vector

# What is read of a question, in characters. It is more than the embedding models take in.
LONGEST_QUERY = 4_000


@contextmanager
def snapshot() -> Iterator[None]:
    """All statements of a search see the same moment, unless a transaction is already under way."""
    if connection.in_atomic_block:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_vector.SETTINGS)
            yield
        return
    # Not by `atomic()`, which begins by a trip of its own.
    with connection.cursor() as cursor:
        cursor.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_vector.SETTINGS}")
        try:
            yield
        except BaseException:
            with suppress(DatabaseError):  # what broke the transaction may have been the connection
                cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")


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
