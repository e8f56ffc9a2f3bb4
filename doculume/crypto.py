"""Two ways of keeping what must not lie about in clear: encrypted if it must be read again, digested if only found."""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from doculume.errors import DoculumeError


class UnreadableSecret(DoculumeError):
    """A stored secret was encrypted with a key that is no longer configured."""

    message = "A stored secret can no longer be read. Set it again."


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys])


def encrypt(text: str) -> str:
    """Fernet token of `text` under the first of `settings.ENCRYPTION_KEYS`."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def encrypted_under(key: str, text: str) -> str:
    """Fernet token of `text` under `key`, whichever of `settings.ENCRYPTION_KEYS` that is."""
    return _fernet((key,)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """What `encrypt` was given, under any of `settings.ENCRYPTION_KEYS` (so that keys can be rotated)."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise UnreadableSecret from error


def rotated(token: str) -> str:
    """The same secret under the first key. Raises UnreadableSecret."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).rotate(token.encode()).decode()
    except InvalidToken as error:
        raise UnreadableSecret from error


def digest(text: str, *, purpose: str) -> str:
    """Hex HMAC-SHA256 of `text`, different for each `purpose`, so that equal secrets of two kinds do not match."""
    key = f"{purpose}:{settings.SECRET_KEY}".encode()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
