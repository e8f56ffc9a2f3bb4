"""What this app holds of accounts and people, and conversations that nobody needs any more; see `accounts.erasure`.

An answer that is being written is not waited for: it finds its message gone, or ends and is removed later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from accounts.erasure import ROWS, raw_delete
from chat import attachments, questions
from chat.models import Attachment, Citation, Conversation, Message, folder_of
from knowledge.storage import delete_folder

MESSAGES = 500  # a step
CONVERSATIONS = 50
FILES = 20


def of_account(account_id: int) -> Iterator[int]:
    yield from questions.forget(account_id)
    yield from of_conversations(account_id)
    delete_folder(folder_of(account_id))


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
    yield from _delete_attachments(account_id, message__in=own.values("id"))
    own = own.exclude(id__in=Attachment.objects.filter(account_id=account_id).values("message_id"))
    messages = own.select_for_update(skip_locked=True).values_list("id", flat=True)
    while chosen := list(messages[:MESSAGES]):
        yield _delete_messages(account_id, id__in=chosen)
    yield from whole_conversations(account_id, **which)


def whole_conversations(account_id: int, **which: Any) -> Iterator[int]:
    """Each with all that was said in it, or not at all: also one that somebody might go on with in this moment."""
    conversations = Conversation.objects.filter(account_id=account_id, **which).order_by()
    free = conversations.select_for_update(skip_locked=True).values_list("id", flat=True)
    held: list[UUID] = []
    while chosen := list(free.exclude(id__in=held)[:CONVERSATIONS]):
        files = Attachment.objects.filter(account_id=account_id, message__conversation_id__in=chosen)
        attachments.delete_files_first(account_id, files)
        held += (stuck := list(files.values_list("message__conversation_id", flat=True).distinct()))
        chosen = [ident for ident in chosen if ident not in stuck]
        _delete_messages(account_id, conversation_id__in=chosen)
        yield raw_delete(Conversation.objects.filter(account_id=account_id, id__in=chosen))


def _delete_attachments(account_id: int, **which: Any) -> Iterator[int]:
    """Each file before its row. What the storage does not let go stays, with its message, for a later turn."""
    held: list[UUID] = []
    while True:
        own = Attachment.objects.filter(account_id=account_id, **which).exclude(id__in=held).order_by()
        chosen = list(own.select_for_update(skip_locked=True, of=("self",)).values_list("id", flat=True)[:FILES])
        if not chosen:
            return
        files = Attachment.objects.filter(account_id=account_id, id__in=chosen)
        attachments.delete_files_first(account_id, files)
        held += files.values_list("id", flat=True)
        yield len(chosen)


def _delete_messages(account_id: int, **which: Any) -> int:
    messages = Message.objects.filter(account_id=account_id, **which).order_by()
    raw_delete(Citation.objects.filter(account_id=account_id, message__in=messages.values("id")).order_by())
    return raw_delete(messages)
