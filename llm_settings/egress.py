"""The one HTTP client for addresses that users name.

A name is resolved once, every address that it has is checked, and a connection goes to one of these addresses and to
no other: between the check and the connection there is no second look at the name. TLS and `Host` still have the name.
What is let out is what is known to be the open internet, and the host:port pairs that the deployment names in
`settings.PRIVATE_HOSTS`; whatever is not known to be public is refused, so that no list of odd forms has to be whole.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2
from django.conf import settings

from llm_settings.network import Network, Transport
from llm_settings.providers.base import ProviderError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) → its addresses, in the order in which they are to be tried."""

LONGEST_URL = 500
MOST_BYTES = 64 << 20  # of one answer, as it comes over the wire
RESOLVE_SECONDS = 5.0

# Of its own: a name whose server does not answer holds a thread for half a minute, which nothing else may wait for.
_LOOKING_UP = ThreadPoolExecutor(32, thread_name_prefix="look-up")
_V6_PUBLIC = ipaddress.ip_network("2000::/3")  # all that is global unicast; mapped, NAT64 and site-local are outside
_REFUSED = [
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT, and the metadata of one large cloud
        "168.63.129.16/32",  # a cloud's own services, at an address that looks public
        "192.0.0.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "198.18.0.0/15",
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: any IPv4 address within
        "3fff::/20",
    )
]
_ISATAP = frozenset([0x00005EFE, 0x02005EFE])  # with an IPv4 address behind it (RFC 5214)
# Above 1023, where people's servers are, but not theirs to be spoken to in HTTP: the most usual stores and X11.
_ODD_PORTS = frozenset([1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5900, 5984, 6000, 6379, 10250])
_MORE_ODD_PORTS = frozenset([6665, 6666, 6667, 6668, 6669, 6697, 9042, 9200, 9300, 11211, 27017, 50070])
_NUMERIC_LABEL = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?", re.IGNORECASE)


class AddressRefused(ProviderError):
    """Policy does not let the server go there. Permanent, and the same whatever there is."""

    message = "This address is not allowed."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, permanent=True)


class NameNotFound(httpx2.ConnectError):
    """There is no such host."""


def checked_url(text: str) -> httpx2.URL:
    """A base URL, parsed as the client that connects parses it. Raises AddressRefused.

    Refused is whatever two parsers might read differently. Names are not looked up.
    """
    if len(text) > LONGEST_URL or not text.isascii() or re.search(r"[\x00-\x20\x7f\\@#?<>\"^`{|}]", text):
        raise AddressRefused("This is not an address that can be used: it has characters that do not belong there.")
    try:
        url, other = httpx2.URL(text), urlsplit(text)
        port = other.port
    except (httpx2.InvalidURL, ValueError) as error:
        raise AddressRefused("This is not an address.") from error
    if url.scheme not in ("http", "https"):
        raise AddressRefused("The address must begin with http:// or https://.")
    if not url.host or url.host != (other.hostname or "") or url.port not in (port, None):
        raise AddressRefused("This is not an address.")
    _refuse_odd_host(url.host)
    return url


def _refuse_odd_host(host: str) -> None:
    """Raises AddressRefused for an IP address in any form but its usual one, and for what is no name."""
    try:
        if "%" not in host:
            ipaddress.ip_address(host)
            return
    except ValueError:
        pass
    last = host.rstrip(".").rpartition(".")[2]
    if not _HOST.fullmatch(host) or _NUMERIC_LABEL.fullmatch(last) or ".." in host:
        raise AddressRefused("The host of this address is neither a name nor an IP address in its usual form.")


def is_public(address: Address) -> bool:
    """Whether it is an address of the open internet. What Python calls global is not enough: see `_REFUSED`."""
    if any(address in network for network in _REFUSED if network.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        isatap = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
        return address in _V6_PUBLIC and address.is_global and address.scope_id is None and not isatap
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


async def resolve(host: str, port: int) -> Sequence[str]:
    """Raises NameNotFound."""
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            found = await asyncio.get_running_loop().run_in_executor(_LOOKING_UP, look_up)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise NameNotFound("there is no such host") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def checked_addresses(host: str, port: int, resolver: Resolver = resolve) -> list[str]:
    """Those that may be connected to. Raises AddressRefused if any that the name has is not allowed: which one of them
    is taken is not ours to choose. Raises NameNotFound."""
    addresses = [ipaddress.ip_address(text) for text in await resolver(host, port)]
    if not addresses:
        raise NameNotFound("there is no such host")
    named = await _private_pairs() if not all(map(is_public, addresses)) or _is_odd(port) else frozenset()
    for address in addresses:
        if (address, port) not in named and (_is_odd(port) or not is_public(address)):
            raise AddressRefused
    return [str(address) for address in addresses]


async def refuse_unless_allowed(text: str, resolver: Resolver = resolve) -> None:
    """Raises AddressRefused for a base URL that may not be called. A host that is not found is let pass: it is looked
    up again when it is called, and checked then."""
    url = checked_url(text)
    try:
        await checked_addresses(url.host, port_of(url), resolver)
    except NameNotFound:
        return


def port_of(url: httpx2.URL) -> int:
    return (443 if url.scheme == "https" else 80) if url.port is None else url.port


def _is_odd(port: int) -> bool:
    return port in _ODD_PORTS or port in _MORE_ODD_PORTS or (port < 1024 and port not in (80, 443))


async def _private_pairs() -> frozenset[tuple[Address, int]]:
    """What the deployment allows beyond the open internet. Its names are looked up by the system's own resolver."""
    pairs: set[tuple[Address, int]] = set()
    for host, port in settings.PRIVATE_HOSTS:
        try:
            pairs |= {(ipaddress.ip_address(address), port) for address in await resolve(host, port)}
        except NameNotFound:
            continue
    return frozenset(pairs)


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Where connections come from: to checked addresses only."""

    def __init__(self, resolver: Resolver = resolve) -> None:
        self._resolver = resolver
        self._network = Network()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await checked_addresses(host, port, self._resolver)
        for last, address in enumerate(addresses, start=1 - len(addresses)):
            try:
                # An address is not resolved: this is the one that was checked.
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if last == 0:
                    raise
        raise NameNotFound("there is no such host")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Bounded(httpx2.AsyncByteStream):
    """A body, up to `MOST_BYTES`."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        async for piece in self._body:
            count += len(piece)
            if count > MOST_BYTES:
                raise ProviderError("The model provider's answer is too large.")
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()


class CheckedTransport(Transport):
    """For checked addresses only; bodies are bounded and never unpacked."""

    def __init__(self, resolver: Resolver = resolve) -> None:
        super().__init__(certificates(), CheckedNetwork(resolver))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # Again, as it stands in the request: the client has put the base URL and a path together.
        checked_url(str(request.url))
        # A kilobyte may unpack to a gigabyte.
        request.headers["accept-encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            await response.aclose()
            raise ProviderError("The model provider sent a compressed answer, which was not asked for.", permanent=True)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream)
        return response


def checked_client(timeout: httpx2.Timeout, resolver: Resolver = resolve) -> httpx2.AsyncClient:
    """A client for addresses that users name. What it raises is httpx2's, and ProviderError."""
    client = httpx2.AsyncClient(
        transport=CheckedTransport(resolver), trust_env=False, follow_redirects=False, timeout=timeout
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


@cache
def certificates() -> ssl.SSLContext:
    """Reading them takes 70 ms."""
    return ssl.create_default_context()


__all__ = ["AddressRefused", "checked_client", "checked_url", "is_public", "refuse_unless_allowed"]
