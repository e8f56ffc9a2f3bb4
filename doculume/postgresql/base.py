"""Django's PostgreSQL, with a look at a kept connection that does not ask the server."""

from __future__ import annotations

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection
from psycopg_pool import ConnectionPool


def is_quiet(connection: Connection[Any]) -> None:
    """Raises psycopg.OperationalError for a connection that is broken.

    On a sound one that is idle there is nothing to read. Where there is, the server has closed it or wants to say so,
    and it is asked. A server that is gone without a word shows only at the first statement, as it does for who asks.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)


class DatabaseWrapper(base.DatabaseWrapper):
    @property
    def pool(self) -> Any:
        """Its own check is a round trip before each request, and before each step of an answer."""
        pool = super().pool
        if pool is not None and pool._check:
            pool._check = is_quiet
        return pool
