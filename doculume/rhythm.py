"""Makes each worker say that it lives and ask for the sweeps, at its start and then every `SWEEP_SECONDS`.

They are asked for by name, and each takes care itself that of many at once one does the work.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

log = logging.getLogger(__name__)
_stop = threading.Event()


@worker_ready.connect
def start(sender: Any, **kwargs: Any) -> None:
    _stop.clear()
    threading.Thread(target=_beat, args=(sender.app, str(sender.hostname)), daemon=True, name="rhythm").start()


@worker_shutting_down.connect
def stop(**kwargs: Any) -> None:
    _stop.set()


def _beat(app: Celery, worker: str) -> None:
    from django.conf import settings

    from doculume import heartbeats

    while True:
        try:
            heartbeats.beat(worker)
        except Exception as error:
            log.warning("could not say that %s lives: %s", worker, error)
        for name in settings.SWEEPS:
            try:
                app.send_task(name, expires=settings.SWEEP_SECONDS, retry=False)
            except Exception as error:  # the broker is away; the next beat tries again
                log.warning("could not ask for %s: %s", name, error)
        if _stop.wait(settings.SWEEP_SECONDS):
            return
