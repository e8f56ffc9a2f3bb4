"""What comes in before Django: bodies of a bounded size and a known length.

Django's ASGI handler takes the whole body in before any view, and so any check of who sends it, has its turn; and a
body whose length is not announced (`Transfer-Encoding: chunked`) counts as empty with REST framework.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from doculume.dialects.base import ApiError
from doculume.dialects.groups import dialect_for
from doculume.errors import PayloadTooLarge
from doculume.ids import new_id

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Callable[[Scope], Awaitable[Mapping[str, str]]]

IN_MEMORY = 1024 * 1024
PIECE = 64 * 1024


class _TooLarge(Exception):
    pass


async def _none(scope: Scope) -> Mapping[str, str]:
    return {}


class BodyLimit:
    """ASGI middleware: a body of more than `most(path)` bytes is answered with 413 in the dialect of its path, and
    with what `headers` says that an answer bears."""

    def __init__(self, application: Application, most: Callable[[str], int], headers: Headers = _none) -> None:
        self.application = application
        self.most = most
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.application(scope, receive, send)
        most, announced = self.most(scope["path"]), _announced(scope)
        try:
            if announced is not None:
                if announced > most:
                    raise _TooLarge
                await self.application(scope, receive, send)
            else:
                await self._measured(scope, _counted(receive, most), send)
        except _TooLarge:
            await _refuse(scope, send, await self.headers(scope))

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A body that did not say how long it is, taken in and passed on with its length."""
        with SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body.write(message.get("body", b""))
                more = message.get("more_body", False)
            length = body.tell()
            body.seek(0)
            if length:
                headers = [*scope["headers"], (b"content-length", str(length).encode())]
                scope = scope | {"headers": [pair for pair in headers if pair[0] != b"transfer-encoding"]}
            await self.application(scope, _replayed(body, receive), send)


def _announced(scope: Scope) -> int | None:
    """The length that the head of the request gives, if any. The server holds the body to it."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


def _counted(receive: Receive, most: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise _TooLarge
        return message

    return counted


def _replayed(body: IO[bytes], receive: Receive) -> Receive:
    """The body again, and after it whatever else comes: that the client left, above all."""
    ended = False

    async def replayed() -> Message:
        nonlocal ended
        if ended:
            return await receive()
        piece = body.read(PIECE)
        ended = len(piece) < PIECE
        return {"type": "http.request", "body": piece, "more_body": not ended}

    return replayed


async def _refuse(scope: Scope, send: Send, more: Mapping[str, str]) -> None:
    refused = PayloadTooLarge()
    request_id = new_id().hex
    error = ApiError(refused.status_code, refused.code, refused.message, path=scope["path"], request_id=request_id)
    body = json.dumps(dialect_for(scope["path"]).error_body(error)).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
        *((name.lower().encode(), value.encode()) for name, value in more.items()),
    ]
    await send({"type": "http.response.start", "status": refused.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
