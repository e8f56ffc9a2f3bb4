"""The web process is told to end amid streams and sockets: it does so soon, and no answer is left without its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx2
import pytest
from django.db import connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from accounts.tokens import start_family
from chat.models import Message
from tests.instance import REPOSITORY
from tests.llm_settings.endpoints import STREAM_HEAD, said, serving

# As the platform starts it, on the database of the tests, and with questions that go to the model alone.
SERVE = """
import functools, json, sys, django
django.setup()
from django.conf import settings
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
settings.CHAT = json.loads(sys.argv[3])
from chat import consumers
consumers.Question = functools.partial(consumers.Question, use_rag=False)
import uvicorn
uvicorn.run("doculume.asgi:application", port=int(sys.argv[2]), timeout_graceful_shutdown=3, access_log=False)
"""
EACH = 10
# After so long the platform would kill it.
SOON = 10.0

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_streams_and_sockets_end_with_the_server(alice, account, servers):
    account.plan.requests_per_minute = 1000
    account.plan.save()
    token = start_family(alice).access
    hung_up: list[float] = []

    def tell(exchange):
        exchange.write(STREAM_HEAD)
        try:
            while not exchange.closed_by_peer(0.1):
                exchange.write(said("word "))
        finally:
            hung_up.append(time.monotonic())

    with serving(tell) as endpoint:
        chat = {"provider": "openai", "base_url": endpoint.url, "model": "m", "api_key": "", "context_tokens": 4096}
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [sys.executable, "-c", SERVE, str(connection.settings_dict["NAME"]), str(port), json.dumps(chat)]
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
        try:
            until_up(port)
            lasts: list[str] = []
            started = threading.Barrier(2 * EACH + 1, timeout=60)
            readers = [
                threading.Thread(target=read, args=(port, token, started, lasts))
                for read in (stream, talk)
                for _ in range(EACH)
            ]
            for reader in readers:
                reader.start()
            started.wait()
            assert Message.objects.filter(status="writing").count() == 2 * EACH
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            assert time.monotonic() - asked < SOON
            for reader in readers:
                reader.join(10)
        finally:
            process.kill()
            process.wait()
        assert len(lasts) == 2 * EACH
        assert sorted(set(lasts)) == ["1012", "data: [DONE]"]
        assert lasts.count("1012") == EACH
        deadline = time.monotonic() + 5
        while len(hung_up) < 2 * EACH and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(hung_up) == 2 * EACH
    replies = Message.objects.filter(role="assistant")
    assert {reply.status for reply in replies} == {"stopped"}
    assert {reply.reason for reply in replies} == {"The server was stopped."}
    assert all(reply.content.startswith("word") for reply in replies)
    assert len(replies) == 2 * EACH


def until_up(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def stream(port, token, started, lasts) -> None:
    client = httpx2.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False)
    asked = {"question": "Tell me.", "use_rag": False, "stream": True}
    last, waited = "", False
    try:
        with client.stream("POST", f"http://127.0.0.1:{port}/api/v1/chat/ask", json=asked) as response:
            for line in response.iter_lines():
                last = line or last
                if "text_delta" in line and not waited:
                    waited = True
                    started.wait()
    except httpx2.HTTPError:
        pass
    lasts.append(last)


def talk(port, token, started, lasts) -> None:
    with connect(f"ws://127.0.0.1:{port}/api/v1/ws?token={token}&stream=1", proxy=None) as connection:
        connection.send(json.dumps({"type": "message", "data": {"content": "Tell me."}}))
        waited = False
        try:
            while True:
                frame = json.loads(connection.recv(timeout=60))
                if frame["type"] == "delta" and not waited:
                    waited = True
                    started.wait()
        except ConnectionClosed as closed:
            lasts.append(str(closed.rcvd.code if closed.rcvd else None))
