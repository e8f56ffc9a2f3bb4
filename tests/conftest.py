from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import django_ratelimit.core
import pytest
from django.conf import settings
from django.db import connection

from accounts import rate_limits, throttling
from doculume.embedded import holding
from doculume.embedded.places import locked
from doculume.management.platform import model_is_missing
from doculume.management.servers import embedded_servers
from tests.cast import account, alice, anonymous, as_alice, as_bob, as_charlie, bob, charlie, page  # noqa: F401
from tests.instance import REPOSITORY


@pytest.fixture(scope="session", autouse=True)
def servers() -> Iterator[None]:
    """The tests' own PostgreSQL and Valkey (or those of DATABASE_URL and REDIS_URL), and the local models."""
    with holding.held(settings.VAR, embedded_servers(), durable=False):
        # Several processes of one run would build them at once.
        with locked(settings.MODELS_DIR.parent / "locks" / "models"):
            if model_is_missing():
                # In a process of its own, which gives back the memory that converting takes.
                subprocess.run([sys.executable, "manage.py", "build_models"], cwd=REPOSITORY, check=True)
        yield


@pytest.fixture(autouse=True)
def fresh_limits(servers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts with nothing counted against it, and with nothing in the cache.

    Windows begin with the test: at their usual time, which differs by counter, one may end in the middle of it.
    """
    began = int(time.time())
    monkeypatch.setattr(
        django_ratelimit.core,
        "_get_window",
        lambda _, period: began + period * (1 + int(time.time() - began) // period) - 1,
    )
    rate_limits._outage.ends()
    client, prefix = throttling._client(settings.REDIS_URL), settings.CACHES["default"]["KEY_PREFIX"]
    keys = [key for kind in ("1", "limit") for key in client.scan_iter(match=f"{prefix}:{kind}:*", count=1000)]
    if keys:
        client.delete(*keys)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Threads of asynchronous views may keep sessions open, and with one left the test database cannot be dropped."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """pytest-django asks for this before it makes the test database: the servers must be up by then."""
