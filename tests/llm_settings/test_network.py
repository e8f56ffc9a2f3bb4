"""The connections beneath the clients of models: with TLS and without, read slowly, left early, or never made."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from llm_settings.network import Transport

LARGE = bytes(range(256)) * 40_000  # ten megabytes: far more than any buffer on the way
TIMEOUT = httpx2.Timeout(10, connect=2)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> str:
    """A file with a certificate for `localhost` and its key, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return str(path)


@asynccontextmanager
async def serving(handle: Handler, certificate: str = "") -> AsyncIterator[str]:
    """The base URL of a server of raw bytes."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    yield f"{'https' if certificate else 'http'}://localhost:{port}/"
    server.close()


def client(certificate: str = "", timeout: httpx2.Timeout = TIMEOUT) -> httpx2.AsyncClient:
    trusted = ssl.create_default_context(cafile=certificate or None)
    return httpx2.AsyncClient(transport=Transport(trusted), timeout=timeout, trust_env=False)


async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what it got, then much."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    sent = await reader.readexactly(length)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(sent) + len(LARGE)) + sent + LARGE)
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("with_tls", [False, True])
async def test_large_bodies_come_and_go_whole(certificate, with_tls):
    async with serving(large, certificate if with_tls else "") as url, client(certificate) as asking:
        response = await asking.post(url, content=LARGE)
    assert response.content == LARGE + LARGE


@pytest.mark.parametrize("with_tls", [False, True])
async def test_who_leaves_early_is_gone_at_once(certificate, with_tls):
    gone = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"5\r\nword \r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        except OSError:
            gone.set()
        finally:
            writer.transport.abort()

    async with serving(endless, certificate if with_tls else "") as url, client(certificate) as asking:
        async with asking.stream("GET", url) as response:
            assert await anext(response.aiter_bytes()) == b"word "
        async with asyncio.timeout(2):
            await gone.wait()


async def test_a_certificate_that_is_not_trusted_is_refused(certificate):
    async with serving(large, certificate) as url, client() as asking:
        with pytest.raises(httpx2.ConnectError):
            await asking.get(url)


async def test_a_silent_server_is_waited_for_as_long_as_was_said(certificate):
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with serving(silent) as url, client(timeout=httpx2.Timeout(5, read=0.2)) as asking:
        with pytest.raises(httpx2.ReadTimeout):
            await asking.get(url)
    # It never answers the greeting of TLS either.
    async with serving(silent) as url, client(timeout=httpx2.Timeout(5, connect=0.2)) as asking:
        with pytest.raises(httpx2.ConnectTimeout):
            await asking.get(url.replace("http:", "https:"))


async def test_a_connection_that_breaks_is_an_error(certificate):
    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
        await writer.drain()
        writer.transport.abort()

    async with serving(breaking) as url, client() as asking:
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            await asking.get(url)
    async with client() as asking:
        with pytest.raises(httpx2.ConnectError):
            await asking.get(url)


@pytest.mark.parametrize("with_tls", [False, True])
async def test_who_is_refused_before_all_was_sent_hears_why(certificate, with_tls):
    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    async with serving(hasty, certificate if with_tls else "") as url, client(certificate) as asking:
        for _ in range(5):
            response = await asking.post(url, content=LARGE)
            assert (response.status_code, response.text) == (413, "too much")


async def test_a_connection_is_used_again_until_the_server_closes_it():
    heard: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(0)
        for _ in range(2):
            if await reader.read(10_000):
                heard[-1] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
        writer.close()

    async with serving(answer) as url, client() as asking:
        for _ in range(5):
            assert (await asking.get(url)).text == "OK"
            await asyncio.sleep(0.05)
    assert heard == [2, 2, 1]
