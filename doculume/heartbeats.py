"""Which workers live: each says so as often as it asks for the sweeps, and a canary shows that one takes work.

Both stand in Redis, apart from the cache, and are of use for a day at most.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

FORGOTTEN_AFTER = timedelta(days=1)
CANARY_LIVES = 30  # seconds


@dataclass(frozen=True, slots=True)
class Canary:
    """What came back from a queue, and after how many milliseconds; None where nothing has."""

    queue: str
    worker: str = ""
    milliseconds: float | None = None


def client(seconds: float = 1.0) -> redis.Redis:
    """A client of its own that gives up after `seconds`, rather than hold whoever looks."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
    )


def beat(worker: str) -> None:
    """Raises redis.RedisError."""
    with client() as connection:
        connection.hset(_key("workers"), worker, str(time.time()))


def last_heard_of() -> dict[str, datetime]:
    """Workers and when each was last heard of, the latest first. Raises redis.RedisError."""
    with client() as connection:
        seen: Any = connection.hgetall(_key("workers"))
        heard = {name.decode(): datetime.fromtimestamp(float(when), UTC) for name, when in seen.items()}
        long_ago = datetime.now(UTC) - FORGOTTEN_AFTER
        if gone := [name for name, when in heard.items() if when < long_ago]:
            connection.hdel(_key("workers"), *gone)
    kept = {name: when for name, when in heard.items() if name not in gone}
    return dict(sorted(kept.items(), key=lambda one: one[1], reverse=True))


def send_canaries(queues: list[str], seconds: float = 2.0) -> list[Canary]:
    """One task to each queue, and what is back of them after at most `seconds`. Raises redis.RedisError.

    A worker whose hands are full is heard of by its heartbeat alone.
    """
    from doculume.tasks import canary

    flight, sent = uuid4().hex, time.monotonic()
    with client(seconds + 1) as connection:
        connection.ping()
        for queue in queues:
            canary.apply_async((flight, queue), queue=queue, expires=CANARY_LIVES, retry=False, ignore_result=True)
        back: dict[str, Canary] = {}
        while len(back) < len(queues) and (left := sent + seconds - time.monotonic()) > 0:
            answer: Any = connection.blpop([_key(f"canary:{flight}")], timeout=max(left, 0.05))
            if answer:
                queue, worker = json.loads(answer[1])
                back[queue] = Canary(queue, worker, (time.monotonic() - sent) * 1000)
    return [back.get(queue, Canary(queue)) for queue in queues]


def come_back(flight: str, queue: str, worker: str) -> None:
    """What a worker does with a canary."""
    with client() as connection:
        connection.rpush(_key(f"canary:{flight}"), json.dumps([queue, worker]))
        connection.expire(_key(f"canary:{flight}"), CANARY_LIVES)


def lengths(queues: list[str]) -> dict[str, int]:
    """How many messages wait in each queue. Raises redis.RedisError."""
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    with client() as connection:
        pipeline = connection.pipeline(transaction=False)
        for queue in queues:
            pipeline.llen(f"{prefix}{queue}")
        return dict(zip(queues, pipeline.execute(), strict=True))


def _key(name: str) -> str:
    return f"{settings.CACHES['default']['KEY_PREFIX']}:{name}"
