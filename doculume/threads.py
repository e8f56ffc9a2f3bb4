"""The database from asynchronous code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


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
            if not connection.in_atomic_block:
                connection.close()

    return sync_to_async(then_give_back, thread_sensitive=not apart)  # type: ignore[return-value]
