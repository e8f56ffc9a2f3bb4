"""What this app holds of accounts and people, and conversations that nobody needs any more; see `accounts.erasure`.

An answer that is being written is not waited for: it finds its message gone, or ends and is removed later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accounts.erasure import ROWS, raw_delete
from chat.models import Citation, Conversation, Message

MESSAGES = 500  # a step
CONVERSATIONS = 50


def of_account(account_id: int) -> Iterator[int]:
    yield from of_conversations(account_id)


def of_person(user_id: int) -> Iterator[int]:
    """Their conversations in whatever account, also one they left long ago."""
    own = Conversation.objects.filter(user_id=user_id)
    accounts = list(own.order_by().values_list("account_id", flat=True).distinct()[:ROWS])
    for account_id in accounts:
        yield from of_conversations(account_id, user_id=user_id)


def of_conversations(account_id: int, **which: Any) -> Iterator[int]:
    """However long they are: a step for each few hundred messages, then for each few conversations."""
    conversations = Conversation.objects.filter(account_id=account_id, **which).order_by()
    own = Message.objects.filter(account_id=account_id, conversation__in=conversations.values("id")).order_by()
    messages = own.select_for_update(skip_locked=True).values_list("id", flat=True)
    while chosen := list(messages[:MESSAGES]):
        yield _delete_messages(account_id, id__in=chosen)
    yield from whole_conversations(account_id, **which)


def whole_conversations(account_id: int, **which: Any) -> Iterator[int]:
    """Each with all that was said in it, or not at all: also one that somebody might go on with in this moment."""
    conversations = Conversation.objects.filter(account_id=account_id, **which).order_by()
    free = conversations.select_for_update(skip_locked=True).values_list("id", flat=True)
    while chosen := list(free[:CONVERSATIONS]):
        _delete_messages(account_id, conversation_id__in=chosen)
        yield raw_delete(Conversation.objects.filter(account_id=account_id, id__in=chosen))


def _delete_messages(account_id: int, **which: Any) -> int:
    messages = Message.objects.filter(account_id=account_id, **which).order_by()
    raw_delete(Citation.objects.filter(account_id=account_id, message__in=messages.values("id")).order_by())
    return raw_delete(messages)
