"""Telling a site's own requests from those that another site makes its visitors send."""

from __future__ import annotations

from django.conf import settings
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
