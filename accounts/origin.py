"""Telling a site's own requests from those that another site makes its visitors send."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

from doculume.errors import PermissionRefused

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class CrossSiteRefused(PermissionRefused):
    """A browser sent this for another site; its cookies say nothing of what the user wants."""

    message = "The request comes from another site."


def refuse_cross_site(request: HttpRequest) -> None:
    """Raise `CrossSiteRefused` for an unsafe request that a browser says is another site's.

    A client that sends neither `Origin` nor `Sec-Fetch-Site` is no browser, and nobody forges through it.
    """
    if request.method in SAFE_METHODS:
        return
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "").lower()
    ours = origin is not None and is_own_origin(request, origin)
    if (origin is not None and not ours) or site == "cross-site" or (site == "same-site" and not ours):
        raise CrossSiteRefused


def is_own_origin(request: HttpRequest, origin: str) -> bool:
    own = f"{'https' if request.is_secure() else 'http'}://{request.get_host()}"
    return origin.lower() == own.lower() or origin in settings.CSRF_TRUSTED_ORIGINS


def handshake(scope: dict[str, Any]) -> HttpRequest:
    """The request that asks for the socket of an ASGI `scope`, for whatever looks at requests."""
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    return ASGIRequest(scope | {"type": "http", "method": "GET", "scheme": scheme}, BytesIO())


def is_foreign_socket(request: HttpRequest) -> bool:
    """Whether a page of another site asks for a socket, or it is asked for at a host, or in a way, that is not ours.

    Browsers always say where a socket's page is from, and no other rule of theirs guards sockets.
    """
    try:
        request.get_host()
    except DisallowedHost:
        return True
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        return True
    origin = request.headers.get("Origin")
    return origin is not None and not is_own_origin(request, origin)
