"""The shared cache."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient

_COUNT = "if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('INCRBY', KEYS[1], ARGV[1]) end"


class KeptClient(RedisCacheClient):
    """Django's, which makes a client for each command, with one for all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept: dict[int, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        index = self._get_connection_pool_index(write)  # type: ignore[attr-defined]
        if index not in self._kept:
            self._kept[index] = super().get_client(key, write=write)
        return self._kept[index]


class CountingCache(RedisCache):
    """Django's, with an `incr` that is one step: between the two of Django's own a key may run out, and would then be
    made anew to stay for ever. Every request of the API is counted, and each step is a wait for Redis.

    Connections are the process's. Django's cache is each request's own under ASGI, and would connect for each.
    """

    @cached_property
    def _cache(self) -> Any:
        own: Any = self
        return _shared(tuple(own._servers), tuple(own._options.items()))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        key = self.make_and_validate_key(key, version=version)
        client: Any = self._cache.get_client(key, write=True)
        value = client.eval(_COUNT, 1, key, delta)
        if value is None:
            raise ValueError(f"Key '{key}' not found.")
        return int(value)


@lru_cache(maxsize=16)
def _shared(servers: tuple[str, ...], options: tuple[tuple[str, Any], ...]) -> KeptClient:
    """Safe for threads, and for forks: a pool of redis-py's begins anew in a child."""
    return KeptClient(list(servers), **dict(options))
