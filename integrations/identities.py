"""How a site says who its visitor is, in a way that its visitors cannot.

Its server signs `{"sub", "exp", "filters"?, "attributes"?}` with the secret of its chatbot key, see
docs/decisions/0061.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from rest_framework.exceptions import ParseError

from doculume.crypto import decrypt, digest
from doculume.dialects.parsers import read_json
from doculume.errors import InvalidRequest, PermissionRefused
from integrations.models import ChatbotKey

# A site signs who its visitor is for the page it sends them, not for ever.
LONGEST_SECONDS = 86_400
LONGEST = 8_192
LONGEST_SUB = 200
MOST_ATTRIBUTES = 10
LONGEST_NAME = 50
LONGEST_VALUE = 200
SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class IdentityRefused(InvalidRequest):
    """What the site says of its visitor was not signed by it, ran out, or is not what was agreed."""

    status_code = 422

    def __init__(self, text: str = "Its signature does not match.") -> None:
        super().__init__(f"The identity is not valid. {text}", details={"identity": [text]})


class IdentityRequired(PermissionRefused):
    message = "This key is for visitors whom the site has introduced: send an identity."


@dataclass(frozen=True, slots=True)
class Identity:
    """`filters` are those of a search, and bind all that the visitor finds; `attributes` tell the model who asks."""

    sub: str
    filters: dict[str, Any]
    attributes: dict[str, Any]

    def visitor(self, key: ChatbotKey) -> str:
        """The same one for as long as the key is there, whatever its text."""
        return f"user:{digest(f'{key.pk} {self.sub}', purpose='visitor')[:40]}"


def identity_of(key: ChatbotKey, signed: str) -> Identity:
    """What the site signed: `base64url(JSON).base64url(HMAC-SHA256 of the first part)`, without padding. Raises
    `IdentityRefused`."""
    if len(signed) > LONGEST or not SHAPE.fullmatch(signed):
        raise IdentityRefused("It must be payload.signature, both in base64url.")
    payload, _, signature = signed.partition(".")
    secret = decrypt(key.identity_secret) if key.identity_secret else ""
    if not secret or not hmac.compare_digest(signature, signature_of(payload, secret)):
        raise IdentityRefused
    try:
        return _checked(read_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    except (binascii.Error, ParseError) as error:
        raise IdentityRefused("Its payload must be JSON.") from error


def signature_of(payload: str, secret: str) -> str:
    """As the site makes it."""
    mac = hmac.new(secret.encode(), payload.encode(), sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _checked(said: Any) -> Identity:
    if not isinstance(said, dict):
        raise IdentityRefused("Its payload must be a JSON object.")
    filters, attributes = said.get("filters", {}), said.get("attributes", {})
    if not isinstance(filters, dict) or not isinstance(attributes, dict):
        raise IdentityRefused("filters and attributes must be objects.")
    _check_end(said.get("exp"))
    return Identity(_sub(said.get("sub")), filters, _plain(attributes))


def _sub(sub: Any) -> str:
    if isinstance(sub, bool) or not isinstance(sub, str | int) or not 0 < len(str(sub)) <= LONGEST_SUB:
        raise IdentityRefused(f"sub must be text of 1 to {LONGEST_SUB} characters.")
    return str(sub)


def _check_end(expires: Any) -> None:
    now = time.time()
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not now < expires <= now + LONGEST_SECONDS:
        raise IdentityRefused("exp must be Unix seconds within the next 24 hours.")


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    for name, value in attributes.items():
        is_plain = isinstance(value, str | int | float | bool) and len(str(value)) <= LONGEST_VALUE
        if not is_plain or not 0 < len(name) <= LONGEST_NAME:
            raise IdentityRefused("attributes must be texts, numbers or truth values, short ones.")
    if len(attributes) > MOST_ATTRIBUTES:
        raise IdentityRefused(f"There may be {MOST_ATTRIBUTES} attributes.")
    return attributes
