"""What every search runs in: one moment of the database, and a clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DatabaseError, connection, transaction

from doculume.postgresql.statements import Statement, send
from knowledge.search import _vector

Rows = list[Any]
NOTHING = Statement("SELECT")

# What is read of a question, in characters. It is more than the embedding models take in.
LONGEST_QUERY = 4_000


class Moment:
    """A moment of the database: what was asked with its beginning, and what is asked last."""

    def __init__(self, first: Rows, *, is_own: bool) -> None:
        self.first = first
        self.lasts = is_own
        """Whether there is a transaction to end."""

    def last(self, statement: Statement, values: Sequence[Any]) -> list[dict[str, Any]]:
        """Rows by the names of their columns. Nothing can be asked afterwards."""
        end = "; COMMIT" if self.lasts else ""
        with connection.cursor() as cursor:
            send(cursor, f"{statement.text()}{end}", values)
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        self.lasts = False
        return rows


@contextmanager
def snapshot(statement: Statement = NOTHING, values: Sequence[Any] = ()) -> Iterator[Moment]:
    """All statements of a search see the same moment, unless a transaction is already under way. Of the first, which
    begins it, the rows come along."""
    text = f"{_vector.SETTINGS}; {statement.text()}"
    if connection.in_atomic_block:
        with transaction.atomic():
            yield Moment(_rows_of_last(text, values), is_own=False)
        return
    # Not by `atomic()`, which begins by a trip of its own.
    try:
        moment = Moment(_rows_of_last(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {text}", values), is_own=True)
        yield moment
        if moment.lasts:
            _run("COMMIT")
    except BaseException:
        with suppress(DatabaseError):  # what broke the transaction may have been the connection
            _run("ROLLBACK")
        raise


def _rows_of_last(statements: str, values: Sequence[Any]) -> Rows:
    with connection.cursor() as cursor:
        send(cursor, statements, values)
        while cursor.nextset():
            pass
        return cursor.fetchall()


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


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
