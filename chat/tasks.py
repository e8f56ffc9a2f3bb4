"""What workers do for conversations."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import shared_task

from chat import transcript

log = logging.getLogger(__name__)

# A live answer saves itself as it grows, and a model is given up after seven minutes at the most.
SILENCE = timedelta(minutes=8)


@shared_task
def interrupt_orphans() -> None:
    """Give answers whose process died their final state."""
    if count := transcript.interrupt_orphans(SILENCE):
        log.warning("%d answers were left unfinished by a process that died", count)
