from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import call_command

from doculume.embedded import holding
from doculume.management.servers import embedded_servers
from tests.cast import account, alice, anonymous, as_alice, as_bob, as_charlie, bob, charlie  # noqa: F401


@pytest.fixture(scope="session", autouse=True)
def servers() -> Iterator[None]:
    """The tests' own PostgreSQL and Valkey (or those of DATABASE_URL and REDIS_URL), and the local models."""
    with holding.held(settings.VAR, embedded_servers(), durable=False):
        call_command("build_models", verbosity=0)
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """pytest-django asks for this before it makes the test database: the servers must be up by then."""
