"""What workers do that is of no app."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from doculume import heartbeats


@shared_task(bind=True)
def canary(self: Any, flight: str, queue: str) -> None:
    """Come back, to show that the queue is worked at; see `doculume.heartbeats`."""
    heartbeats.come_back(flight, queue, self.request.hostname or "")
