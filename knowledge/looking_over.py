"""Checking the invariants of `reconciling` from a page: a worker does it, and what it found is kept for a week.

In the cache, since it is of no account and of no use for long.
"""

from __future__ import annotations

import logging
from typing import Any, TypedDict

from django.core.cache import cache
from django.utils import timezone

from knowledge import reconciling

log = logging.getLogger(__name__)
KEY = "looking-over"
KEPT = 7 * 24 * 3600


class Found(TypedDict):
    """An invariant, how many break it, and some of them."""

    name: str
    count: int
    shown: str


class Look(TypedDict, total=False):
    """`state`: asked, running, done or failed. Times are ISO 8601."""

    state: str
    asked_at: str
    finished_at: str
    done: int
    total: int
    found: list[Found]


def ask() -> bool:
    """Have a worker look; whether it could be asked."""
    from knowledge.tasks import look_over

    try:
        cache.set(KEY, Look(state="asked", asked_at=_now(), total=len(reconciling.INVARIANTS)), KEPT)
        look_over.apply_async(retry=False, ignore_result=True)
    except Exception as error:  # any fault of the broker's
        log.warning("nobody could be asked to look everything over: %s", error)
        return False
    return True


def last() -> Look | None:
    """None where there is none, or nobody knows."""
    try:
        look: Look | None = cache.get(KEY)
    except Exception as error:
        log.warning("the last look cannot be read: %s", error)
        return None
    return look


def run() -> None:
    """Look at each invariant. Takes as long as it takes."""
    look: Any = last() or Look(asked_at=_now())
    found: list[Found] = []
    look |= {"state": "running", "done": 0, "total": len(reconciling.INVARIANTS), "found": found}
    try:
        for invariant, broken in reconciling.look():
            if broken:
                found.append({"name": invariant.name, "count": len(broken), "shown": reconciling.shown(broken)})
            look["done"] += 1
            cache.set(KEY, look, KEPT)
    except Exception:
        cache.set(KEY, look | {"state": "failed", "finished_at": _now()}, KEPT)
        raise
    cache.set(KEY, look | {"state": "done", "finished_at": _now()}, KEPT)


def _now() -> str:
    return timezone.now().isoformat(timespec="seconds")
