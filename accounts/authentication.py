"""The ways a user shows who they are: a bearer token, the cookies of a sign-in, the dashboard's session.

The order matters. A bearer token that does not hold is a 401 and never falls through to a cookie. A cookie that
no longer holds counts as none, since browsers go on sending it.
"""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.acting import asked_for
from accounts.api_tokens import PREFIX, token_owner
from accounts.cookies import ACCESS_COOKIE
from accounts.models import ApiToken, TokenFamily, User
from accounts.origin import refuse_cross_site
from accounts.tokens import CredentialRefused, family_of_access
from doculume.errors import CHALLENGE

CHATBOT_KEY = "cb_"


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`, an access token or a personal API token.

    `request.auth` is the access token's `TokenFamily` or the `ApiToken`. A chatbot key speaks for no user: whoever
    takes one has an authentication class of its own for it.
    """

    def authenticate(self, request: Request) -> tuple[User, TokenFamily | ApiToken] | None:
        scheme, _, token = get_authorization_header(request).strip().partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        try:
            credential = credential_of(token.strip().decode("ascii"), asked_for(request.headers))
        except (CredentialRefused, UnicodeDecodeError) as error:
            raise AuthenticationFailed(CredentialRefused.message) from error
        return credential.user, credential

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class CookieAuthentication(BaseAuthentication):
    """The `access_token` cookie, for the site's own pages only. `request.auth` is the token's family."""

    def authenticate(self, request: Request) -> tuple[User, TokenFamily] | None:
        family = family_of_cookie(request._request)
        if family is None:
            return None
        refuse_cross_site(request._request)
        return family.user, family

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class PageSessionAuthentication(SessionAuthentication):
    """The session of the dashboard's own pages, with its CSRF token. `request.auth` is None."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = getattr(request._request, "user", None)
        if isinstance(user, User) and user.deleted_at is not None:
            return None
        return super().authenticate(request)


def credential_of(bearer: str, account: str | None) -> TokenFamily | ApiToken:
    """What a bearer token stands for, with its user, and their `membership` in the account that it is shown for
    (`family_of_access`; an API token has its own): in one query. Raises `CredentialRefused`.

    For sockets too, which bring theirs in the address.
    """
    if bearer.startswith(PREFIX):
        return token_owner(bearer)
    if bearer.startswith(CHATBOT_KEY):
        raise CredentialRefused
    return family_of_access(bearer, account)


def family_of_cookie(request: HttpRequest) -> TokenFamily | None:
    """The live sign-in that the `access_token` cookie belongs to, if any."""
    token = request.COOKIES.get(ACCESS_COOKIE)
    try:
        return family_of_access(token, asked_for(request.headers)) if token else None
    except CredentialRefused:
        return None
