"""A real HTTP server on loopback that answers as a test tells it to, byte by byte."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Exchange:
    """One request, and the connection to answer it on."""

    path: str
    body: dict
    write: Callable[[bytes], None]
    closed_by_peer: Callable[[float], bool]
    headers: dict[str, str] = field(default_factory=dict)


Behavior = Callable[[Exchange], None]


@dataclass
class Endpoint:
    url: str
    behavior: Behavior
    requests: list[Exchange] = field(default_factory=list)


@contextmanager
def serving(behavior: Behavior) -> Iterator[Endpoint]:
    endpoint = Endpoint("", behavior)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            path = self.rfile.readline().split()[1].decode()
            headers: dict[str, str] = {}
            while (line := self.rfile.readline().strip()) != b"":
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = json.loads(self.rfile.read(int(headers.get("content-length", 0))) or b"{}")
            exchange = Exchange(path, body, self.send, self.closed_within, headers)
            endpoint.requests.append(exchange)
            with suppress(OSError):  # the client left first
                endpoint.behavior(exchange)

        def send(self, data: bytes) -> None:
            self.wfile.write(data)
            self.wfile.flush()

        def closed_within(self, seconds: float) -> bool:
            self.connection.settimeout(seconds)
            try:
                return self.connection.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield endpoint
        finally:
            server.shutdown()


def answering(status: str, body: str, content_type: str = "application/json", headers: str = "") -> Behavior:
    def behave(exchange: Exchange) -> None:
        data = body.encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(data)}\r\n"
        head += f"connection: close\r\n{headers}\r\n"  # one request a connection, and the client is told so
        exchange.write(head.encode() + data)

    return behave


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def streaming(*pieces: Any) -> Behavior:
    """Sends the pieces one after the other; a number is a pause in seconds. Then it hangs up."""

    def behave(exchange: Exchange) -> None:
        exchange.write(STREAM_HEAD)
        for piece in pieces:
            if isinstance(piece, bytes):
                exchange.write(piece)
            else:
                time.sleep(piece)

    return behave


def said(text: str, finish: str | None = None) -> bytes:
    event = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
