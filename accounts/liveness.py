"""Whether a credential still holds, for what stays open longer than a request: streams and sockets."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db import DatabaseError
from django.db.models import Exists, OuterRef
from django.utils.crypto import constant_time_compare

from accounts.models import ApiToken, Membership, TokenFamily, User
from doculume.threads import in_database

log = logging.getLogger(__name__)

FAILURES = 2


class Lasting:
    """What was shown at the beginning of a stream or socket, and may end before that does."""

    __slots__ = ()

    async def still_holds(self) -> bool:
        raise NotImplementedError

    async def death(self, every: float | None = None) -> None:
        """Return when it no longer holds: after one check in the ordinary case, three times `every` at the most.

        One check that fails says nothing; but what could not be checked twice is taken for dead.
        """
        seconds = every or settings.CREDENTIAL_CHECK_SECONDS
        failures = 0
        while failures < FAILURES:
            await asyncio.sleep(seconds)
            try:
                if not await asyncio.wait_for(self.still_holds(), seconds / FAILURES):
                    return
                failures = 0
            except (DatabaseError, TimeoutError) as error:
                log.warning("a credential could not be checked: %s", type(error).__name__)
                failures += 1


@dataclass(frozen=True, slots=True)
class Credential(Lasting):
    """What a request showed: one sign-in, API token or page session of a user, and the account it acts in."""

    user_id: int
    account_id: int
    family_id: UUID | None = None
    api_token_id: int | None = None
    session_key: str | None = None

    @classmethod
    def of(cls, request: Any) -> Credential:
        """Of a request of REST framework's whose view is `AccountScoped`."""
        session = getattr(request._request, "session", None)
        return cls.shown(request.membership, request.auth, session.session_key if session else None)

    @classmethod
    def shown(cls, membership: Membership, auth: object, session_key: str | None = None) -> Credential:
        """For sockets: by what `accounts.authentication.credential_of` gave, or a session's key."""
        family = auth.pk if isinstance(auth, TokenFamily) else None
        token = auth.pk if isinstance(auth, ApiToken) else None
        key = None if family or token else session_key
        return cls(membership.user_id, membership.account_id, family, token, key)

    async def still_holds(self) -> bool:
        """Not after sign-out, revocation, a new password, suspension, removal from the account, or deletion."""
        return await in_database(self._holds, apart=True)()

    def _holds(self) -> bool:
        member = Membership.objects.filter(
            account_id=self.account_id,
            user_id=self.user_id,
            account__deleted_at=None,
            user__is_active=True,
            user__deleted_at=None,
        )
        if self.family_id:
            family = TokenFamily.objects.live().filter(id=self.family_id, user_id=OuterRef("user_id"))
            return member.filter(Exists(family)).exists()
        if self.api_token_id:
            token = ApiToken.objects.live().filter(
                id=self.api_token_id, user_id=OuterRef("user_id"), account_id=OuterRef("account_id")
            )
            return member.filter(Exists(token)).exists()
        found = member.select_related("user").first() if self.session_key else None
        return found is not None and _is_session_of(found.user, self.session_key)


def _is_session_of(user: User, key: str | None) -> bool:
    """As Django decides it at each request, without changing anything."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    if session.get(SESSION_KEY) != str(user.pk):
        return False
    shown = session.get(HASH_SESSION_KEY, "")
    good = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(shown, one) for one in good)
