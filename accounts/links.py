"""Addresses of this site that are sent away, in mails above all."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from doculume.errors import DoculumeError


class AddressUnknown(DoculumeError):
    """Nobody said what this site is called, and whoever sends a request must not be the one to say it."""

    message = "The site's own address is not configured. Set SITE_URL."


def absolute(path: str, request: HttpRequest | None = None) -> str:
    """`path` of this site with scheme and host: those of `SITE_URL`, else those of a request whose host was checked.

    Raises `AddressUnknown` where neither is to be had.
    """
    if settings.SITE_URL:
        return f"{settings.SITE_URL}{path}"
    if request is None or any(host == "*" or host.startswith(".") for host in settings.ALLOWED_HOSTS):
        raise AddressUnknown
    return request.build_absolute_uri(path)
