"""The hosts that an integration may be embedded on, as they are written down."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

import idna
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv4_address

LONGEST_HOST = 253
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
PORT = re.compile(r"(?P<host>.+?)(:(?P<port>[0-9]{1,5}))?")


class NotAHost(ValueError):
    """The text is no host such as `example.com`, `*.example.com` or `localhost:3000`."""


def normalize_host(text: str) -> str:
    """`text` in lower case, with punycode for other scripts and without a dot at its end; a port stays.

    `*.` may stand before a name of at least two parts. Raises `NotAHost`, also for a URL.
    """
    match = PORT.fullmatch(text.strip())
    if match is None:
        raise NotAHost(text)
    host, port = match["host"], match["port"]
    if port is not None and not 0 < int(port) < 65_536:
        raise NotAHost(text)
    name = _wildcard(host) if host.startswith("*.") else _name(host)
    return name if port is None else f"{name}:{int(port)}"


def _wildcard(host: str) -> str:
    name = _name(host.removeprefix("*."))
    if "." not in name or _is_ipv4(name) or name.startswith("["):
        raise NotAHost(host)
    return f"*.{name}"


def _name(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        return f"[{_ipv6(host[1:-1])}]"
    try:
        name = idna.encode(host.removesuffix("."), uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise NotAHost(host) from error
    labels = name.split(".")
    if len(name) > LONGEST_HOST or not all(LABEL.fullmatch(label) for label in labels):
        raise NotAHost(host)
    # Browsers take a name that ends in a number for an address, and nothing else.
    if labels[-1].isdigit() and not _is_ipv4(name):
        raise NotAHost(host)
    return name


def _ipv6(text: str) -> str:
    try:
        return IPv6Address(text).compressed
    except AddressValueError as error:
        raise NotAHost(text) from error


def _is_ipv4(name: str) -> bool:
    try:
        validate_ipv4_address(name)
    except ValidationError:
        return False
    return True
