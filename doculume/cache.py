"""The shared cache."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.redis import RedisCache

_COUNT = "if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('INCRBY', KEYS[1], ARGV[1]) end"


class CountingCache(RedisCache):
    """Django's, with an `incr` that is one step: between the two of Django's own a key may run out, and would then be
    made anew to stay for ever. Every request of the API is counted, and each step is a wait for Redis."""

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        key = self.make_and_validate_key(key, version=version)
        client: Any = self._cache.get_client(key, write=True)
        value = client.eval(_COUNT, 1, key, delta)
        if value is None:
            raise ValueError(f"Key '{key}' not found.")
        return int(value)
