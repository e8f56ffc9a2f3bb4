"""Chatbot keys: making one, finding it by its text, giving it another text, and ending it."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Sequence
from datetime import timedelta
from typing import Unpack

from django.db import transaction
from django.db.models import Prefetch, Q, prefetch_related_objects
from django.utils import timezone

from accounts import audit
from accounts.audit import Action, By
from accounts.authentication import CHATBOT_KEY
from accounts.models import Account
from accounts.tokens import CredentialRefused
from doculume.crypto import UnreadableSecret, decrypt, digest, encrypt
from doculume.errors import Conflict
from doculume.sentences import Sentence
from integrations.models import ChatbotKey, ChatbotKeyIntegration, Integration

RANDOM_CHARACTERS = 32  # of 62 kinds: 190 bits
SHAPE = re.compile(rf"{CHATBOT_KEY}[A-Za-z0-9]{{{RANDOM_CHARACTERS}}}")
ALPHABET = string.ascii_letters + string.digits
MOST_OF_AN_ACCOUNT = 100
NOTED_EVERY = timedelta(minutes=1)


class TooManyKeys(Conflict):
    message = Sentence(
        "The account has %(most)s chatbot keys. Revoke one that is no longer needed first.", most=MOST_OF_AN_ACCOUNT
    )


@transaction.atomic
def create(
    account: Account,
    name: str,
    *,
    integrations: Sequence[Integration] = (),
    origins: Sequence[str] = (),
    **by: Unpack[By],
) -> ChatbotKey:
    """A key of the account. Without integrations it asks all that the account knows; with some, what those open.

    `origins` are such as `integrations.origins.normalize_origin` gives. Raises `TooManyKeys`.
    """
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    if ChatbotKey.objects.for_account(account).live().count() >= MOST_OF_AN_ACCOUNT:
        raise TooManyKeys
    key = ChatbotKey(account=account, name=name, allowed_origins=list(origins), is_bound=bool(integrations))
    _write(key)
    key.save(force_insert=True)
    ChatbotKeyIntegration.objects.bulk_create(
        ChatbotKeyIntegration(account=account, key=key, integration=integration) for integration in integrations
    )
    _record(Action.CHATBOT_KEY_CREATED, key, **by)
    return key


def key_of(text: str) -> ChatbotKey:
    """The live key of that text with its account, plan and bindings, in two queries. Raises `CredentialRefused`."""
    if not SHAPE.fullmatch(text):
        raise CredentialRefused
    key = (
        ChatbotKey.objects.live()
        .select_related("account__plan", "account__own_limits")
        .filter(digest=_digest(text), account__deleted_at=None)
        .first()
    )
    if key is None:
        raise CredentialRefused
    _note_use(key)
    return bound(key)


def bound(key: ChatbotKey) -> ChatbotKey:
    """The key with its bindings read."""
    own = ChatbotKeyIntegration.objects.filter(account_id=key.account_id)
    prefetch_related_objects([key], Prefetch("bindings", own))
    return key


@transaction.atomic
def make_identity_secret(key: ChatbotKey, **by: Unpack[By]) -> str:
    """What the site signs its visitors with from now on. Nothing shows it a second time."""
    locked, secret = _locked(key), secrets.token_urlsafe(32)
    locked.identity_secret = encrypt(secret)
    locked.save(update_fields=["identity_secret"])
    _record(Action.CHATBOT_KEY_CHANGED, locked, because="identity secret", **by)
    return secret


@transaction.atomic
def require_identity(key: ChatbotKey, required: bool, **by: Unpack[By]) -> None:
    """Whether only visitors whom the site has introduced may search and ask with the key, from now on."""
    locked = _locked(key)
    if locked.requires_identity != required:
        locked.requires_identity = required
        locked.save(update_fields=["requires_identity"])
        said = "identity required" if required else "identity not required"
        _record(Action.CHATBOT_KEY_CHANGED, locked, because=said, **by)


def text_of(key: ChatbotKey) -> str:
    """What stands in the page. Raises UnreadableSecret."""
    text = decrypt(key.encrypted)
    if _digest(text) != key.digest:  # SECRET_KEY was changed: nothing would find the key by it
        raise UnreadableSecret
    return text


@transaction.atomic
def rotate(key: ChatbotKey, **by: Unpack[By]) -> ChatbotKey:
    """The same key with another text; the old one stops working at once."""
    locked = _locked(key)
    _write(locked)
    locked.save(update_fields=["digest", "encrypted", "last_four"])
    _record(Action.CHATBOT_KEY_ROTATED, locked, **by)
    return locked


@transaction.atomic
def revoke(key: ChatbotKey, because: str, **by: Unpack[By]) -> None:
    """It stops working at once. What was revoked before stays as it is."""
    locked = _locked(key)
    if locked.revoked_at is None:
        locked.revoked_at, locked.revoked_because = timezone.now(), because[:40]
        locked.save(update_fields=["revoked_at", "revoked_because"])
        _record(Action.CHATBOT_KEY_REVOKED, locked, because=because, **by)


def masked(key: ChatbotKey) -> str:
    """What may be shown of it where it is not needed whole."""
    return f"{CHATBOT_KEY}…{key.last_four}"


def _locked(key: ChatbotKey) -> ChatbotKey:
    rows = ChatbotKey.objects.filter(account_id=key.account_id).select_for_update(of=("self",))
    found: ChatbotKey = rows.select_related("account").get(pk=key.pk)
    return found


def _write(key: ChatbotKey) -> None:
    text = CHATBOT_KEY + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    key.digest, key.encrypted, key.last_four = _digest(text), encrypt(text), text[-4:]


def _note_use(key: ChatbotKey) -> None:
    """Once a minute, so that a busy page does not write a row for each request."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - NOTED_EVERY:
        earlier = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED_EVERY)
        ChatbotKey.objects.filter(earlier, account_id=key.account_id, pk=key.pk).update(last_used_at=now)


def _record(action: Action, key: ChatbotKey, *, because: str = "", **by: Unpack[By]) -> None:
    details = {"because": because} if because else {}
    audit.record(action, account=key.account, target=f"{key.name} ({masked(key)})", **by, **details)


def _digest(text: str) -> str:
    return digest(text, purpose="chatbot-key")
