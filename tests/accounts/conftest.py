from __future__ import annotations

import pytest
from django.conf import settings
from django.core.cache import cache

from accounts import throttling


@pytest.fixture(autouse=True)
def fresh_limits(servers: None) -> None:
    """Each test starts with nothing counted against it."""
    client = throttling._client(settings.REDIS_URL)
    cache.clear()
    for key in client.scan_iter(match=f"{settings.CACHES['default']['KEY_PREFIX']}:limit:*", count=1000):
        client.delete(key)
