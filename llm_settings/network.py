"""Connections to models, on asyncio's own streams.

For `httpcore2`, whose usual network waits for each piece with a timer and stops reading between two of them: that costs
more than all else that is done for a word of an answer, of which thousands come a second.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2


@contextmanager
def _told_as(timed_out: type[Exception], failed: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timed_out(str(error)) from error
    except OSError as error:  # TLS too
        raise failed(str(error)) from error


class Reader(asyncio.StreamReader):
    """What came before the connection broke is read first: who is refused in the middle of a question hears why."""

    broken: Exception | None = None

    def set_exception(self, exc: Exception) -> None:
        self.broken = exc
        self.feed_eof()


class Connection(httpcore2.AsyncNetworkStream):
    """To one host, with TLS or without."""

    def __init__(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, host: str, port: int, local: tuple[str, int] | None) -> Connection:
        """As `asyncio.open_connection`, which has a reader of its own. Raises OSError."""
        loop = asyncio.get_running_loop()
        reader = Reader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.create_connection(lambda: protocol, host, port, local_addr=local)
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        try:
            if timeout is None:
                piece = await self._reader.read(max_bytes)
            else:
                async with asyncio.timeout(timeout):
                    piece = await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout from error
        if not piece and (broken := self._reader.broken):
            raise httpcore2.ReadError(str(broken)) from broken
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        with _told_as(httpcore2.WriteTimeout, httpcore2.WriteError):
            self._writer.write(buffer)
            async with asyncio.timeout(timeout):
                await self._writer.drain()

    async def aclose(self) -> None:
        # At once: who is at the other end need not agree.
        self._writer.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        try:
            with _told_as(httpcore2.ConnectTimeout, httpcore2.ConnectError):
                async with asyncio.timeout(timeout):
                    await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except BaseException:
            await self.aclose()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "is_readable":  # of one that is idle: the other end closed it
                return self._reader.at_eof() or self._writer.is_closing()
            case "client_addr":
                return self._writer.get_extra_info("sockname")
            case "server_addr":
                return self._writer.get_extra_info("peername")
            case "socket" | "ssl_object":
                return self._writer.get_extra_info(info)
        return None


class Network(httpcore2.AsyncNetworkBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        local = (local_address, 0) if local_address else None
        with _told_as(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            async with asyncio.timeout(timeout):
                connection = await Connection.to(host, port, local)
        for option in socket_options or ():
            connection.get_extra_info("socket").setsockopt(*option)
        return connection

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Transport(httpx2.AsyncHTTPTransport):
    """Stock, but for the network that its connections come from."""

    def __init__(self, certificates: ssl.SSLContext, network: httpcore2.AsyncNetworkBackend | None = None) -> None:
        super().__init__(verify=certificates, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=certificates, http1=True, http2=False, network_backend=network or Network()
        )
