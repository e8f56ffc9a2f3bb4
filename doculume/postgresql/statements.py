"""Statements that the server reads and plans once for each connection.

Where a statement finds a row or a few, planning it takes longer than running it. psycopg would prepare by itself, but
numbers what it prepared: behind a pooler, which hands a connection of the server from one client to the next, number 3
may be another's number 3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import connection
from django.db.utils import NotSupportedError, ProgrammingError

# On a connection. The plan of a large statement takes 0.4 MB of the server's memory.
MOST_KEPT = 32
# By connection: the names that stand for something there, the last one used at the end; None where nothing is to be
# prepared.
_prepared: WeakKeyDictionary[psycopg.Connection[Any], dict[str, None] | None] = WeakKeyDictionary()
# How PostgreSQL says that a name stands for nothing, and that a plan's columns are not what they were.
UNKEPT = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.FeatureNotSupported)


class Statement:
    """SQL with `%s` for its values, prepared at its first use on a connection.

    What it is named there is made of its text, so that under one name there is never anything else. What it selects is
    planned without its values, once that has shown to be no worse: see plan_cache_mode in PostgreSQL's manual.
    """

    def __init__(self, sql: str) -> None:
        first, *rest = sql.split("%s")
        self._sql = sql
        self._name = f"doculume_{hashlib.sha256(sql.encode()).hexdigest()[:32]}"
        numbered = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
        self._prepare = f"PREPARE {self._name} AS {numbered}".replace("%%", "%")
        self._execute = f"EXECUTE {self._name}" + (f" ({', '.join(['%s'] * len(rest))})" if rest else "")

    def execute(self, cursor: Any, values: Sequence[Any]) -> None:
        """To be called with a cursor of Django's. Outside of a transaction it succeeds where the SQL would; inside of
        one it may fail once, as with `send`."""
        text = self.text()
        try:
            send(cursor, text, values)
        except (ProgrammingError, NotSupportedError) as error:
            is_idle = connection.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            if text == self._sql or not is_idle or not isinstance(error.__cause__, UNKEPT):
                raise
            cursor.execute(self._sql, values)

    def text(self) -> str:
        """What to send for it with its values, on the connection that this thread has: the statement itself, or its
        name there."""
        connection.ensure_connection()
        raw: psycopg.Connection[Any] = connection.connection
        with connection.wrap_database_errors:
            if raw not in _prepared:
                _prepared[raw] = {} if _keeps(raw) else None
            names = _prepared[raw]
            if names is None:
                return self._sql
            if self._name not in names:
                raw.execute(self._prepare)
                if len(names) >= MOST_KEPT:
                    oldest = next(iter(names))
                    del names[oldest]
                    raw.execute(f"DEALLOCATE {oldest}")
            else:
                del names[self._name]
        names[self._name] = None
        return self._execute


def send(cursor: Any, sql: str, values: Sequence[Any]) -> None:
    """Execute SQL with what `Statement.text` gave in it. Where that was lost, or does not fit the tables any more, it
    fails, and nothing is kept on the connection from there on."""
    try:
        cursor.execute(sql, values)
    except (ProgrammingError, NotSupportedError) as error:
        if isinstance(error.__cause__, UNKEPT):
            _prepared[connection.connection] = None
        raise


def _keeps(raw: psycopg.Connection[Any]) -> bool:
    """Whether the connection is to one process of the server from beginning to end.

    A pooler tells its clients of a process that it made up; one that hands on only whole sessions is taken for one that
    does not, which costs time but no more.
    """
    if not settings.DATABASE_PREPARED_STATEMENTS:
        return False
    return bool(raw.execute("SELECT pg_backend_pid()").fetchone() == (raw.info.backend_pid,))
