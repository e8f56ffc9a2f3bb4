"""Makes each worker sweep: at its start, and then every `INGESTION["sweep_seconds"]`."""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings

log = logging.getLogger(__name__)
_stop = threading.Event()


@worker_ready.connect
def start(**kwargs: Any) -> None:
    _stop.clear()
    threading.Thread(target=_beat, daemon=True, name="sweeper").start()


@worker_shutting_down.connect
def stop(**kwargs: Any) -> None:
    _stop.set()


def _beat() -> None:
    from knowledge.tasks import sweep

    every = settings.INGESTION["sweep_seconds"]
    while True:
        try:
            sweep.apply_async(expires=every, retry=False)
        except Exception as error:  # the broker is away; the next beat tries again
            log.warning("could not ask for a sweep: %s", error)
        if _stop.wait(every):
            return
