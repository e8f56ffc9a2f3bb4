"""Telling workers that there is a row to work on. The row is the queue; a sweep makes up for what gets lost here."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction

log = logging.getLogger(__name__)


def hint(task: Any, *arguments: Any) -> None:
    """Ask a worker for the Celery task, once the transaction that writes the row is committed.

    Never raises: the row is safe, and that is what was promised.
    """

    def send() -> None:
        try:
            task.apply_async(arguments, ignore_result=True, retry=False)
        except Exception as error:  # any fault of the broker's
            log.warning("%s%s waits for the sweeper: the broker refused the hint: %s", task.name, arguments, error)

    transaction.on_commit(send)
