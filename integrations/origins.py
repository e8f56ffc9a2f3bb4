"""Where pages are from, as browsers and people write it: `https://example.com`, `http://localhost:3000`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from integrations.domains import NotAHost, normalize_host

DEFAULT_PORTS = {"http": 80, "https": 443}
# What browsers send for a page that is from nowhere: a sandboxed frame, a file.
OPAQUE = "null"
PORT_AT_END = re.compile(r":[0-9]+$")


class NotAnOrigin(ValueError):
    """The text is no origin of a page on the web."""


def normalize_origin(text: str) -> str:
    """`scheme://host[:port]` in lower case, with punycode for other scripts and without the scheme's own port.

    Raises `NotAnOrigin` for what has a path, a name and password, a wildcard, or a scheme other than http and https.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise NotAnOrigin(text) from error
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise NotAnOrigin(text)
    return _origin(parts.scheme.lower(), parts.hostname or "", port, text)


def allows(origins: Iterable[str], origin: str | None) -> bool:
    """Whether a page from `origin` is among `origins`; where none are named, every one is."""
    named = list(origins)
    return not named or origin in named


def covers(domains: Iterable[str] | None, origin: str | None) -> bool:
    """Whether a page from `origin` is on one of an integration's `domains`; where none are named, none is.

    `example.com` covers its `www.`, `*.example.com` the names below it and not itself. A domain without a port covers
    every port: whoever runs the host runs its ports.
    """
    if origin is None or origin == OPAQUE:
        return False
    host = origin.partition("://")[2]
    return any(_covers(domain, host) for domain in domains or ())


def _covers(domain: str, host: str) -> bool:
    if not PORT_AT_END.search(domain):
        host = PORT_AT_END.sub("", host)
    if domain.startswith("*."):
        return host.endswith(domain[1:]) and len(host) >= len(domain)
    return host in (domain, f"www.{domain}")


def is_own(request: HttpRequest, origin: str | None) -> bool:
    """Whether the page is one of this site's, such as the preview of a widget."""
    try:
        return origin is not None and origin == normalize_origin(
            settings.SITE_URL or f"{request.scheme}://{request.get_host()}"
        )
    except NotAnOrigin:
        return False


def origin_of(request: HttpRequest) -> str | None:
    """The origin of the page that sends a request: its `Origin`, else that of its `Referer`; None if it has neither.

    `null` for an `Origin` that is none. What a browser says of its page can be believed; what others say can not.
    """
    sent = request.headers.get("Origin")
    if sent is not None:
        try:
            return normalize_origin(sent)
        except NotAnOrigin:
            return OPAQUE
    return _of_address(request.headers.get("Referer", ""))


def _of_address(address: str) -> str | None:
    if not address:
        return None
    try:
        parts = urlsplit(address)
        return _origin(parts.scheme.lower(), parts.hostname or "", parts.port, address)
    except ValueError:
        return OPAQUE


def _origin(scheme: str, host: str, port: int | None, text: str) -> str:
    if scheme not in DEFAULT_PORTS or "*" in host or port == 0:
        raise NotAnOrigin(text)
    try:
        name = normalize_host(f"[{host}]" if ":" in host else host)
    except NotAHost as error:
        raise NotAnOrigin(text) from error
    return f"{scheme}://{name}" if port in (None, DEFAULT_PORTS[scheme]) else f"{scheme}://{name}:{port}"
