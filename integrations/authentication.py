"""Who asks from a page of somebody else's, and whether they may."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request

from accounts.authentication import CHATBOT_KEY
from accounts.tokens import CredentialRefused
from doculume.errors import CHALLENGE, PermissionRefused
from integrations import visitors
from integrations.doors import Door
from integrations.identities import IdentityRequired
from integrations.keys import key_of
from integrations.origins import origin_of

BEARERS = (CHATBOT_KEY.encode(), visitors.PREFIX.encode())


class NotInPlan(PermissionRefused):
    message = "Chatbots are not part of the account's plan."


class OriginRefused(PermissionRefused):
    message = "The chatbot key may not be used from this page."


class ChatbotKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer cb_…`, and nothing else. `request.auth` is a `Door`; `request.user` is nobody.

    Sets `request.account`, with all that `Account.allowance` reads.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Door] | None:
        scheme, _, token = get_authorization_header(request).strip().partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        try:
            door = self.door_of(token.strip().decode("ascii"), origin_of(request._request))
        except (CredentialRefused, UnicodeDecodeError) as error:
            raise AuthenticationFailed(CredentialRefused.message) from error
        request.account = door.account  # type: ignore[attr-defined]
        return AnonymousUser(), door

    def door_of(self, text: str, origin: str | None) -> Door:
        """Raises `CredentialRefused`."""
        return Door(key_of(text), origin)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class DoorAuthentication(ChatbotKeyAuthentication):
    """The same at integrations, where accounts' own tokens are good too: what is neither a key nor a visitor's session
    is left to the other ways."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Door] | None:
        _, _, token = get_authorization_header(request).strip().partition(b" ")
        return super().authenticate(request) if token.strip().startswith(BEARERS) else None

    def door_of(self, text: str, origin: str | None) -> Door:
        return visitors.door_of(text, origin) if text.startswith(visitors.PREFIX) else super().door_of(text, origin)


class IsDoorOrSignedIn(IsAuthenticated):
    """A member of the account, or a page with a key: what that may do, the view decides."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, Door) or super().has_permission(request, view)


class HasKey(BasePermission):
    """Somebody who showed a chatbot key, from where it may be used, of an account whose plan has chatbots.

    Raises `NotInPlan` and `OriginRefused`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        door = request.auth
        if not isinstance(door, Door):
            return False
        if not door.is_of_plan:
            raise NotInPlan
        if not door.lets_page_in:
            raise OriginRefused
        return True


class AsksWithoutIntroduction(BasePermission):
    """Not with a key whose visitors the site introduces: what it signed of them would bind nothing here.

    Raises `IdentityRequired`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, Door) and request.auth.key.requires_identity:
            raise IdentityRequired
        return True
