"""Sessions of visitors: a token for an hour, that stands in for a chatbot key at one integration, on one site.

Nothing of a session is stored. Its token names its key, and ends with it; it is signed by the site's own key.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core import signing
from django.utils import timezone

from accounts.tokens import CredentialRefused
from integrations.doors import Door
from integrations.identities import Identity, IdentityRequired
from integrations.keys import bound
from integrations.models import ChatbotKey

PREFIX = "cbs_"
SALT = "integrations.sessions"
LIFETIME = timedelta(hours=1)
# So long a visitor who comes back is taken for the same one.
REMEMBERED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Session:
    token: str
    is_identified: bool
    expires_at: datetime


def begin(door: Door, integration_id: UUID, earlier: str = "", identity: Identity | None = None) -> Session:
    """A session for the page that `door` is of, of whom its site says the visitor is, if it does.

    Else `earlier` is a token of the same visitor, up to 30 days old; one that is of another key, integration or site
    counts for nothing, nor does one of somebody whom the site had introduced. Raises `IdentityRequired`.
    """
    if identity is None and door.key.requires_identity:
        raise IdentityRequired
    told = _named(door, integration_id)
    if identity is None:
        told["v"] = _visitor_of(door, integration_id, earlier) or f"anonymous:{secrets.token_hex(16)}"
    else:
        told |= {"v": identity.visitor(door.key), "u": True, "f": identity.filters, "t": identity.attributes}
    token = PREFIX + signing.dumps(told, salt=SALT, compress=True)
    return Session(token, identity is not None, timezone.now() + LIFETIME)


def door_of(token: str, origin: str | None) -> Door:
    """What the token opens, for a page from `origin`. Raises `CredentialRefused`."""
    said = _read(token, LIFETIME)
    if said is None or said["o"] != origin:
        raise CredentialRefused
    key = (
        ChatbotKey.objects.live()
        .select_related("account__plan", "account__own_limits")
        .filter(account_id=said["a"], pk=said["k"], digest=said["d"], account__deleted_at=None)
        .first()
    )
    if key is None:
        raise CredentialRefused
    is_identified = said.get("u", False)
    if key.requires_identity and not is_identified:
        raise CredentialRefused
    return Door(bound(key), origin, said["v"], UUID(said["i"]), is_identified, said.get("f") or {}, said.get("t") or {})


def _visitor_of(door: Door, integration_id: UUID, earlier: str) -> str | None:
    said = _read(earlier, REMEMBERED)
    named = _named(door, integration_id)
    # Another text of the key makes no other visitor.
    same = said is not None and all(said[name] == named[name] for name in "akio")
    return said["v"] if said is not None and same and not said.get("u") else None


def _named(door: Door, integration_id: UUID) -> dict[str, Any]:
    return {
        "a": door.key.account_id,
        "k": door.key.pk.hex,
        "d": door.key.digest,
        "i": integration_id.hex,
        "o": door.origin,
    }


def _read(token: str, lifetime: timedelta) -> dict[str, Any] | None:
    if not token.startswith(PREFIX):
        return None
    try:
        said: dict[str, Any] = signing.loads(token.removeprefix(PREFIX), salt=SALT, max_age=lifetime)
    except signing.BadSignature:
        return None
    return said
