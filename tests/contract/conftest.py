"""A running server, for what only shows over a wire: cookies, headers, requests at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest
import uvicorn

from tests.accounts.conftest import fresh_limits  # noqa: F401
from tests.llm_settings.endpoints import serving

BASE = "/api/v1"


@pytest.fixture(scope="session")
def asgi_server(django_db_setup: None) -> Iterator[str]:
    """The address of the product's own ASGI application, served by uvicorn in this process on the test database."""
    from doculume.asgi import application

    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, log_level="warning", lifespan="off", proxy_headers=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=15)


@pytest.fixture
def server(asgi_server: str, transactional_db: None) -> str:
    """Its address; what a test writes is there for the server, and gone afterwards."""
    return asgi_server


@pytest.fixture
def browser(server: str) -> Iterator[Callable[..., httpx2.Client]]:
    """Makes clients of the API, each with cookies of its own, or with a bearer token."""
    made: list[httpx2.Client] = []

    def make(token: str = "", **headers: str) -> httpx2.Client:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        # The environment's proxies have no business between a test and its own server.
        client = httpx2.Client(base_url=server + BASE, headers=bearer | headers, timeout=30, trust_env=False)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def endpoint(settings):
    """A language model at a real address, which answers as told."""
    started = []

    def use(behavior):
        served = serving(behavior)
        running = served.__enter__()
        started.append(served)
        use.address(running.url)
        return running

    def address(url):
        settings.CHAT = {
            "provider": "openai",
            "base_url": url,
            "model": "test-model",
            "api_key": "sk-very-secret",
            "context_tokens": 4096,
        }

    use.address = address
    yield use
    for served in started:
        served.__exit__(None, None, None)
