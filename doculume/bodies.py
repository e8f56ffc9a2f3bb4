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
Page = Callable[[Scope, str], str]

IN_MEMORY = 1024 * 1024
PIECE = 64 * 1024
# Browsers show no answer that comes while they still send, but that the connection broke.
DRAINED = 128 * 1024 * 1024


class _TooLarge(Exception):
    pass


async def _none(scope: Scope) -> Mapping[str, str]:
    return {}


def _no_page(scope: Scope, request_id: str) -> str:
    return ""


class BodyLimit:
    """ASGI middleware: a body of more than `most(path)` bytes is answered with 413 in the dialect of its path, and
    with what `headers` says that an answer bears; or with the `page` there is for people, if it is not empty."""

    def __init__(
        self,
        application: Application,
        most: Callable[[str], int],
        headers: Headers = _none,
        page: Page = _no_page,
    ) -> None:
        self.application = application
        self.most = most
        self.headers = headers
        self.page = page

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
            request_id = new_id().hex
            if page := self.page(scope, request_id):
                await _drain(receive)
            await _refuse(scope, send, request_id, page, await self.headers(scope))

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


async def _drain(receive: Receive) -> None:
    """Let a browser send what it has, up to some size, and forget it."""
    left, more = DRAINED, True
    while more and left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


async def _refuse(scope: Scope, send: Send, request_id: str, page: str, more: Mapping[str, str]) -> None:
    refused = PayloadTooLarge()
    error = ApiError(refused.status_code, refused.code, refused.message, path=scope["path"], request_id=request_id)
    body = page or json.dumps(dialect_for(scope["path"]).error_body(error))
    headers = [
        (b"content-type", b"text/html; charset=utf-8" if page else b"application/json"),
        (b"content-length", str(len(body.encode())).encode()),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
        *((name.lower().encode(), value.encode()) for name, value in more.items()),
    ]
    await send({"type": "http.response.start", "status": refused.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
