"""The two cookies of a sign-in."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, TypedDict

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase

from accounts.tokens import TokenPair

ACCESS_COOKIE = "access_token"
REFRESH_COOKIE = "refresh_token"
REFRESH_PATH = "/api/v1/auth"


class Attributes(TypedDict):
    httponly: bool
    samesite: Literal["Lax"]
    secure: bool


def set_token_cookies(response: HttpResponseBase, request: HttpRequest, pair: TokenPair) -> None:
    """Both tokens as cookies that no script reads and no other site's form sends."""
    attributes: Attributes = {"httponly": True, "samesite": "Lax", "secure": must_be_secure(request)}
    response.set_cookie(ACCESS_COOKIE, pair.access, max_age=settings.ACCESS_TOKEN_LIFETIME, path="/", **attributes)
    response.set_cookie(
        REFRESH_COOKIE, pair.refresh, max_age=settings.REFRESH_TOKEN_LIFETIME, path=REFRESH_PATH, **attributes
    )


def clear_token_cookies(response: HttpResponseBase) -> None:
    response.delete_cookie(ACCESS_COOKIE, path="/", samesite="Lax")
    response.delete_cookie(REFRESH_COOKIE, path=REFRESH_PATH, samesite="Lax")


def must_be_secure(request: HttpRequest) -> bool:
    """False only for plain http to this very machine, where a browser would drop a `Secure` cookie."""
    return request.is_secure() or not _is_this_machine(split_domain_port(request.get_host())[0])


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
