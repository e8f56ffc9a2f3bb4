"""Where the server may be sent by whoever names an address, and where not."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import threading
import time

import httpx2
import pytest

from llm_settings import egress
from llm_settings.egress import (
    AddressRefused,
    checked_addresses,
    checked_client,
    checked_url,
    is_public,
    refuse_unless_allowed,
)
from llm_settings.providers.base import ProviderError
from tests.llm_settings.endpoints import answering, serving

TIMEOUT = httpx2.Timeout(5, connect=1)
PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2001:4860:4860::8888"]
NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.8.9.10", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1"],
    "link-local": ["169.254.1.1", "fe80::1", "fe80::1%eth0"],
    "metadata": ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.255"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:1.1.1.1", "::ffff:0:127.0.0.1"],
    "IPv4-compatible": ["::127.0.0.1", "::10.0.0.1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1"],
    "6to4": ["2002:7f00:1::", "2002:a9fe:a9fe::1", "192.88.99.1"],
    "Teredo": ["2001:0:7f00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"],
    "site-local": ["fec0::1", "feff::1"],
    "ISATAP": ["2606:4700::5efe:7f00:1", "2606:4700::200:5efe:7f00:1"],
    "documentation": ["2001:db8::1", "3fff::1"],
    "other ranges": ["100::1", "5f00::1", "4000::1", "2001:20::1", "2001:2::1"],
}


def resolver(*answers: list[str]):
    """Gives one answer after the other, the last one again and again; `asked` counts."""
    asked: list[tuple[str, int]] = []

    async def look_up(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return answers[min(len(asked), len(answers)) - 1]

    look_up.asked = asked  # type: ignore[attr-defined]
    return look_up


@pytest.mark.parametrize("address", PUBLIC)
def test_the_open_internet_is_let_out(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", [address for some in NOT_PUBLIC.values() for address in some])
async def test_no_name_leads_to_what_is_not_the_open_internet(address, settings):
    settings.PRIVATE_HOSTS = []
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(AddressRefused):
        await checked_addresses("models.example.com", 443, resolver([address]))
    with pytest.raises(AddressRefused):
        await checked_addresses("models.example.com", 443, resolver(["1.1.1.1", address]))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.0.0.1:11434/v1",
        "http://localhost/v1",
        "http://LOCALHOST:6379/",
        "http://2130706433/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0/",
        "http://1.2.3.0x7f/",
        "http://127.0.0.1./",
        "http://[::1]/",
        "http://[::]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1%25lo]/",
        "http://[fd00:ec2::254]/latest",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:6379\\@1.1.1.1/",
        "http://1.1.1.1\\@127.0.0.1:6379/",
        "http://1.1.1.1@127.0.0.1/",
        "http://user:password@1.1.1.1/",
        "http://127.0.0.1#@1.1.1.1/",
        "http://1.1.1.1?@127.0.0.1/",
        "http://1.1.1.1 @127.0.0.1/",
        "http://1.1.1.1\t.example/",
        "http://1.1.1.1\r\nHost: localhost/",
        "http://①②⑦.⓪.⓪.①/",
        "http://ⓛocalhost/",
        "http://127。0。0。1/",
        "http://%31%32%37.0.0.1/",
        "http://exa%6dple.com/",
        "http://example..com/",
        "http://-example.com/",
        "http:///v1",
        "http://",
        "//1.1.1.1/",
        "1.1.1.1",
        "",
        "file:///etc/passwd",
        "gopher://1.1.1.1:70/",
        "ftp://1.1.1.1/",
        "unix:///run/redis.sock",
        "http+unix://%2Frun%2Fdocker.sock/",
        "javascript:alert(1)",
        "http://1.1.1.1:0/",
        "http://1.1.1.1:22/",
        "http://1.1.1.1:25/",
        "http://1.1.1.1:6379/",
        "http://1.1.1.1:5432/",
        "http://1.1.1.1:99999/",
        "http://1.1.1.1:-1/",
        "http://1.1.1.1:8o/",
        "https://1.1.1.1/?a=1",
        "https://1.1.1.1/" + "a" * 500,
    ],
)
async def test_an_address_that_is_not_allowed_is_refused(url, settings):
    settings.PRIVATE_HOSTS = []
    with pytest.raises(AddressRefused):
        await refuse_unless_allowed(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://1.1.1.1/v1",
        "https://1.1.1.1:8443/v1",
        "http://[2606:4700:4700::1111]:8000/v1/",
        "https://models.example.com/v1",
        "https://Models.Example.com./v1",
        "http://my_models.example.com:11434",
    ],
)
async def test_an_address_that_is_allowed_is_not_refused(url, settings):
    settings.PRIVATE_HOSTS = []
    await refuse_unless_allowed(url, resolver(["1.1.1.1"]))


async def test_a_name_that_is_not_found_may_be_kept_and_is_checked_when_it_is_called(settings):
    settings.PRIVATE_HOSTS = []
    await refuse_unless_allowed("https://no-such-host.invalid/v1")
    with pytest.raises(httpx2.ConnectError):
        async with checked_client(TIMEOUT) as client:
            await client.get("https://no-such-host.invalid/v1")


async def test_only_the_pairs_that_the_deployment_names_are_let_in(settings):
    with serving(answering("200 OK", '{"data": []}')) as named, serving(answering("200 OK", "{}")) as other:
        port = httpx2.URL(named.url).port
        settings.PRIVATE_HOSTS = [("localhost", port)]
        async with checked_client(TIMEOUT) as client:
            assert (await client.get(named.url)).json() == {"data": []}
            assert (await client.get(f"http://localhost:{port}/v1")).status_code == 200
            for url in (other.url, f"http://[::ffff:127.0.0.1]:{port}/", f"http://0.0.0.0:{port}/"):
                with pytest.raises(AddressRefused):
                    await client.get(url)
            with pytest.raises(AddressRefused):
                await client.get(f"http://127.0.0.2:{port}/")
    assert len(named.requests) == 2
    assert other.requests == []


async def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_the_one_connected_to(settings, monkeypatch):
    with serving(answering("200 OK", "{}")) as inner:
        port = httpx2.URL(inner.url).port
        settings.PRIVATE_HOSTS = []
        rebinding = resolver(["1.1.1.1"], ["127.0.0.1"])
        tried: list[str] = []

        async def connect(self, host, port, *args):
            tried.append(host)
            raise egress.httpcore2.ConnectError("not from a test")

        monkeypatch.setattr(egress.Network, "connect_tcp", connect)
        async with checked_client(TIMEOUT, rebinding) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get(f"http://rebinding.example.com:{port}/")
            assert rebinding.asked == [("rebinding.example.com", port)]
            assert tried == ["1.1.1.1"]
            # The next connection looks again, and checks again.
            with pytest.raises(AddressRefused):
                await client.get(f"http://rebinding.example.com:{port}/")
    assert tried == ["1.1.1.1"]
    assert inner.requests == []


async def test_a_rebinding_name_reaches_nothing_over_real_connections(settings):
    """The first answer is allowed and nobody listens there, the second is not allowed and somebody does."""
    with serving(answering("200 OK", "{}")) as inner:
        port = httpx2.URL(inner.url).port
        settings.PRIVATE_HOSTS = [("127.0.0.3", port)]
        async with checked_client(TIMEOUT, resolver(["127.0.0.3"], ["127.0.0.1"])) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get(f"http://rebinding.example.com:{port}/")
    assert inner.requests == []


async def test_the_next_address_is_tried_where_the_first_does_not_answer(settings):
    with serving(answering("200 OK", "{}")) as inner:
        port = httpx2.URL(inner.url).port
        settings.PRIVATE_HOSTS = [("127.0.0.3", port), ("127.0.0.1", port)]
        async with checked_client(TIMEOUT, resolver(["127.0.0.3", "127.0.0.1"])) as client:
            assert (await client.get(f"http://two.example.com:{port}/")).status_code == 200


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_redirect_is_not_followed(settings, status):
    inside = serving(answering("200 OK", "{}"))
    with inside as inner, serving(answering(status, "", headers=f"Location: {inner.url}\r\n")) as outer:
        settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(each.url).port) for each in (inner, outer)]
        async with checked_client(TIMEOUT) as client:
            assert (await client.get(outer.url)).status_code // 100 == 3
    assert inner.requests == []


async def test_the_environment_has_no_say(settings, monkeypatch):
    with serving(answering("200 OK", "{}")) as named, serving(answering("200 OK", "{}")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(named.url).port)]
        async with checked_client(TIMEOUT) as client:
            await client.get(named.url)
    assert (len(named.requests), proxy.requests) == (1, [])


async def test_cookies_are_not_kept(settings):
    with serving(answering("200 OK", "{}", headers="Set-Cookie: a=1; Path=/\r\n")) as named:
        settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(named.url).port)]
        async with checked_client(TIMEOUT) as client:
            await client.get(named.url)
            assert not client.cookies


async def test_an_answer_is_bounded(settings, monkeypatch):
    monkeypatch.setattr(egress, "MOST_BYTES", 10_000)
    with serving(answering("200 OK", "x" * 20_000)) as named:
        settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(named.url).port)]
        async with checked_client(TIMEOUT) as client:
            with pytest.raises(ProviderError, match="too large"):
                await client.get(named.url)


async def test_a_packed_answer_is_not_unpacked(settings):
    packed = gzip.compress(b"0" * 1000)

    def behave(exchange):
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        exchange.write(head.encode() + packed)

    with serving(behave) as named:
        settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(named.url).port)]
        async with checked_client(TIMEOUT) as client:
            with pytest.raises(ProviderError, match="compressed"):
                await client.get(named.url)


async def test_the_name_stays_the_name_for_tls_and_host(settings, monkeypatch):
    """SNI is what the client says it wants; a certificate is checked against it."""
    asked: list[str | None] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def take() -> None:
        connection, _ = listening.accept()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = lambda sslsocket, name, context: asked.append(name)
        try:
            context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    port = listening.getsockname()[1]
    settings.PRIVATE_HOSTS = [("127.0.0.1", port)]
    async with checked_client(TIMEOUT, resolver(["127.0.0.1"])) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"https://models.example.com:{port}/v1")
    thread.join(5)
    listening.close()
    assert asked == ["models.example.com"]


async def test_a_host_that_says_nothing_is_waited_for_no_longer_than_the_timeout(settings):
    with serving(lambda exchange: time.sleep(3)) as named:
        settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(named.url).port)]
        began = time.monotonic()
        async with checked_client(httpx2.Timeout(0.3)) as client:
            with pytest.raises(httpx2.TimeoutException):
                await client.get(named.url)
    assert time.monotonic() - began < 2


def test_what_parses_is_what_is_connected_to():
    assert checked_url("https://models.example.com:8443/v1").host == "models.example.com"
