"""Where a request comes from, as far as that can be believed."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "unknown"


def client_address(request: HttpRequest) -> str:
    """The client's IP address, or `unknown` (a Unix socket has none).

    `X-Forwarded-For` is a list to which each proxy appends whom it was called by; anything left of what our own
    `TRUSTED_PROXIES` proxies appended is the client's invention. With none of them the header means nothing.
    """
    near = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    if settings.TRUSTED_PROXIES and hops:
        near = hops[-min(settings.TRUSTED_PROXIES, len(hops))]
    address = _parse(near)
    return str(address) if address else UNKNOWN


def limit_address(request: HttpRequest) -> str:
    """What limits count by: an IPv4 address, or the /64 of an IPv6 one, all of which one customer commands."""
    address = _parse(client_address(request))
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address) if address else UNKNOWN


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Proxies write `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1` and `[2001:db8::1]:5678`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
