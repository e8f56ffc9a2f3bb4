"""Asking again without being answered twice: `Idempotency-Key`, after the IETF's draft of that header.

A key belongs to a user in an account and to the first request that brought it. Only ids are kept, for a day, in the
shared cache; the answer itself is told from what is stored (`chat.following`), and is gone when that is deleted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

import redis
from django.core.cache import cache
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.models import Account
from accounts.usage import this_month
from chat.models import Conversation, Message
from chat.transcript import Turn
from doculume.crypto import digest
from doculume.errors import Conflict, DoculumeError, InvalidRequest, NotFound

HEADER = "Idempotency-Key"
KEY_PARAMETER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Whoever sends the same request with the same key within a day gets the same answer, made once.",
)
ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_SECONDS = 24 * 3600
# Storing a question takes so long at the most; a process that dies over it does not block its key for a day.
BEGINNING_SECONDS = 60
ATTEMPTS = 20


class KeyUsed(Conflict):
    message = "This Idempotency-Key was used for another request."


class StillBeginning(Conflict):
    message = "The first request with this Idempotency-Key is being taken in."


class KeysUnavailable(DoculumeError):
    """Whether a key was used is not known now; to answer could be to answer twice."""

    status_code: ClassVar[int] = 503
    message = "Idempotency-Key cannot be honored for the moment. Try again soon."


def once(request: Request, account: Account, begin: Callable[[], Turn], whose: str = "") -> tuple[Turn, bool]:
    """The turn that `begin` begins, and True; or the one that an earlier request with the same key and body began, and
    False: then tell it by `chat.following.follow`. `whose`: who asks, where that is no user.

    A key whose answer was interrupted begins another. Raises KeyUsed, StillBeginning, KeysUnavailable, InvalidRequest
    for a key that is none, NotFound for an answer that was deleted since, and what `begin` raises: then the key is
    free again.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return begin(), True
    if not ACCEPTABLE.fullmatch(key):
        message = "Must be 1 to 255 visible ASCII characters."
        raise InvalidRequest(f"{HEADER}: {message}", details={HEADER: [message]})
    try:
        return _claim(_name(request, account, key, whose), _body(request), account, begin)
    except (redis.RedisError, OSError) as error:
        raise KeysUnavailable(retry_after=5) from error


def _claim(name: str, body: str, account: Account, begin: Callable[[], Turn]) -> tuple[Turn, bool]:
    for _ in range(ATTEMPTS):
        if cache.add(name, body, BEGINNING_SECONDS):
            return _kept(name, body, begin), True
        first_body, _, ids = str(cache.get(name) or "").partition(" ")
        if first_body and first_body != body:
            raise KeyUsed
        if not ids:
            raise StillBeginning(retry_after=1)
        turn, message = _earlier(account, *map(UUID, ids.split()))
        if message.status != Message.Status.INTERRUPTED:
            return turn, False
        # Each failed answer gives way to one other, of however many that try again at once.
        name = f"{name.partition('>')[0]}>{message.id.hex}"
    raise KeyUsed


def _kept(name: str, body: str, begin: Callable[[], Turn]) -> Turn:
    try:
        turn = begin()
    except BaseException:
        cache.delete(name)
        raise
    cache.set(name, f"{body} {turn.conversation.id} {turn.question_id} {turn.message_id}", KEPT_SECONDS)
    return turn


def _earlier(account: Account, conversation_id: UUID, question_id: UUID, message_id: UUID) -> tuple[Turn, Message]:
    conversation = Conversation.objects.for_account(account).filter(id=conversation_id).first()
    message = Message.objects.filter(account=account, conversation_id=conversation_id, id=message_id).first()
    if conversation is None or message is None:
        raise NotFound
    month = message.charged_month or this_month()
    return Turn(account, conversation, question_id, message_id, month, model_name=message.model_name), message


def _name(request: Request, account: Account, key: str, whose: str) -> str:
    asker = whose or str(getattr(request.user, "pk", None))
    return f"once:{account.pk}:{digest(f'{asker} {key}', purpose='idempotency-key')}"


def _body(request: Request) -> str:
    sent = json.dumps(request.data, sort_keys=True, default=str)
    return digest(f"{request.method} {request.path.rstrip('/')} {sent}", purpose="idempotency-body")
