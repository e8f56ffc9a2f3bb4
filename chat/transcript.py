"""What is kept of a question and its answer, from the moment it is asked.

The assistant's message exists, marked as being written, before anything is answered, and its text is saved while it
grows: whatever ends the answer, the message says how far it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from psycopg.types.json import Jsonb

from accounts.erasure import raw_delete
from accounts.models import Account, User
from accounts.usage import give_back_answers, refuse_answers, reservation
from chat import attachments
from chat.choosing import models_for, name_of
from chat.events import CitationPayload, SourcePayload
from chat.models import Attachment, Citation, Conversation, Message, Visitor
from doculume.errors import InvalidRequest, NotFound
from doculume.prepared import insert_if
from doculume.text import storable
from llm_settings.providers.base import ChatMessage, ChatModel

TITLE_LENGTH = 80
LONGEST_TITLE = 255
HISTORY_MESSAGES = 10


@dataclass
class Turn:
    """A question that was stored (`question_id`), and the message that its answer goes into. `month` is the one it was
    charged to."""

    account: Account
    conversation: Conversation
    question_id: UUID
    message_id: UUID
    month: date
    history: list[ChatMessage] = field(default_factory=list)
    models: Sequence[ChatModel] = ()
    model_name: str = ""
    # What the answer's message says if it is stopped; whoever stops it may know better.
    stopped_because: str = "The reader left."


def begin(
    account: Account,
    asker: User | Visitor,
    question: str,
    conversation_id: UUID | None,
    wanted: str = "",
    integration_id: UUID | None = None,
) -> Turn:
    """Store the question and the beginning of its answer, which counts from now on as one of the plan's.

    `wanted`: a model, see `chat.choosing`. `integration_id`: where a conversation begins by this. Raises NotFound for a
    conversation of somebody else's, and QuotaExceeded; then nothing is stored.
    """
    models = models_for(account, asker, wanted)
    if conversation_id is None:
        begun = _new(account, asker, question, name_of(models), integration_id)
        return _ask(begun, [begun], question, models, [])
    with transaction.atomic():
        conversation = _locked_own(account, asker, conversation_id)
        history = _history(conversation)
        Conversation.objects.for_account(account).filter(id=conversation.id).update(
            title=conversation.title or _title_of(question), updated_at=timezone.now(), model_name=name_of(models)
        )
        return _ask(conversation, [], question, models, history)


def _ask(
    conversation: Conversation,
    new: list[Conversation],
    question: str,
    models: Sequence[ChatModel],
    history: list[ChatMessage],
) -> Turn:
    """One statement, for there are many of them: with it the conversation, where it is new, and the count."""
    account, now = conversation.account, timezone.now()
    month, reserve, bound = reservation(account)
    common = {"account": account, "conversation": conversation}
    asked = Message(**common, role=Message.Role.USER, content=question, created_at=now)
    reply = Message(
        **common,
        role=Message.Role.ASSISTANT,
        status=Message.Status.WRITING,
        model_name=name_of(models),
        charged_month=month,
        created_at=now + timedelta(microseconds=1),
    )
    if not insert_if(reserve, bound, *new, asked, reply):
        refuse_answers(month)
    return Turn(account, conversation, asked.id, reply.id, month, history, models, name_of(models))


def _new(
    account: Account, asker: User | Visitor, question: str, model_name: str, integration_id: UUID | None
) -> Conversation:
    whose: dict[str, Any] = {"user": asker, "integration_id": integration_id}
    if isinstance(asker, Visitor):
        whose = {"integration_id": asker.integration_id, "visitor": asker.name}
    return Conversation(account=account, title=_title_of(question), model_name=model_name, **whose)


def _locked_own(account: Account, asker: User | Visitor, conversation_id: UUID) -> Conversation:
    """Until the transaction ends."""
    own = Conversation.objects.for_account(account).of(asker).select_for_update(of=("self",))
    conversation = own.filter(id=conversation_id).first()
    if conversation is None:
        raise NotFound
    conversation.account = account
    return conversation


def _title_of(question: str) -> str:
    return " ".join(question.split())[:TITLE_LENGTH]


def _history(conversation: Conversation) -> list[ChatMessage]:
    said = Message.objects.filter(
        account_id=conversation.account_id, conversation=conversation, role__in=["user", "assistant"]
    ).exclude(content="")
    latest = said.order_by("-created_at", "-id").values_list("role", "content")[:HISTORY_MESSAGES]
    return [ChatMessage(role=role, content=content) for role, content in reversed(latest)]  # type: ignore[typeddict-item]


@transaction.atomic
def note(account: Account, user: User, conversation_id: UUID, role: str, content: str) -> Message:
    """Store something that was said elsewhere. Nothing answers it. Raises NotFound as `begin` does."""
    conversation = _locked_own(account, user, conversation_id)
    now = timezone.now()
    Conversation.objects.for_account(account).filter(id=conversation.id).update(
        title=conversation.title or _title_of(content), updated_at=now
    )
    return Message.objects.create(
        account=account, conversation=conversation, role=role, content=content, created_at=now
    )


# Waits for nobody: what is being ended or deleted at the moment needs no saving, and many rows at once could deadlock.
SAVE_PARTIAL = """
    WITH free AS (
        SELECT id FROM chat_message
        WHERE account_id = %(account)s AND id = ANY(%(ids)s) AND status = %(writing)s
        FOR UPDATE SKIP LOCKED
    )
    UPDATE chat_message AS message SET content = said.content, updated_at = %(now)s
    FROM unnest(%(ids)s::uuid[], %(texts)s::text[]) AS said (id, content) JOIN free USING (id)
    WHERE message.account_id = %(account)s AND message.id = said.id
"""


def save_partial(account_id: int, said: Mapping[UUID, str]) -> None:
    """What was said so far in answers of the account, by the ids of their messages; of those that are not final."""
    params: dict[str, Any] = {
        "account": account_id,
        "ids": list(said),
        "texts": list(said.values()),
        "now": timezone.now(),
        "writing": Message.Status.WRITING.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(SAVE_PARTIAL, params)


# The conversation first, as who deletes it does; where it is gone, or the answer is final, nothing is changed. One
# statement, for each answer ends with it.
FINISH = """
    WITH conversation AS (
        UPDATE chat_conversation SET updated_at = %(now)s
        WHERE account_id = %(account)s AND id = %(conversation)s AND EXISTS (
            SELECT FROM chat_message WHERE account_id = %(account)s AND id = %(message)s AND status = %(writing)s
        )
        RETURNING id
    )
    UPDATE chat_message AS message
    SET content = %(text)s, status = %(status)s, reason = %(reason)s, sources = %(sources)s, updated_at = %(now)s,
        prompt_tokens = %(prompt_tokens)s, completion_tokens = %(completion_tokens)s, timings = %(timings)s,
        unsupported = %(unsupported)s, model_name = %(model_name)s,
        charged_month = CASE WHEN %(is_free)s THEN NULL ELSE message.charged_month END
    FROM conversation
    WHERE message.account_id = %(account)s AND message.id = %(message)s AND message.status = %(writing)s
      AND message.conversation_id = conversation.id
"""


def end(
    turn: Turn,
    text: str,
    *,
    status: Message.Status,
    reason: str,
    citations: list[CitationPayload],
    sources: list[SourcePayload],
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    timings: Mapping[str, float] | None = None,
    unsupported: Sequence[str] = (),
) -> None:
    """Give the answer its final state, once: what is final already stays as it is.

    One that was interrupted before it said anything is not charged for. All others are: the model was at work, also
    for who left, and that nothing was found is an answer.
    """
    came_to_nothing = status == Message.Status.INTERRUPTED and not text
    params: dict[str, Any] = {
        "account": turn.account.id,
        "conversation": turn.conversation.id,
        "message": turn.message_id,
        "writing": Message.Status.WRITING.value,
        "now": timezone.now(),
        "text": text,
        "status": Message.Status(status).value,
        "reason": reason[:300],
        "sources": Jsonb(sources),
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "timings": Jsonb(timings or {}),
        "unsupported": Jsonb(list(unsupported)),
        "model_name": turn.model_name,
        "is_free": came_to_nothing,
    }
    with transaction.atomic() if citations or came_to_nothing else nullcontext():
        with connection.cursor() as cursor:
            cursor.execute(FINISH, params)
            if not cursor.rowcount:
                return
        if citations:
            Citation.objects.bulk_create([_as_row(turn, citation) for citation in citations])
        if came_to_nothing:
            give_back_answers(turn.account.id, turn.month)


class NoTitle(InvalidRequest):
    message = "A conversation needs a name."


def rename(conversation: Conversation, title: str) -> None:
    """Its place among the others stays. Raises NoTitle."""
    named = storable(" ".join(title.split()))[:LONGEST_TITLE]
    if not named:
        raise NoTitle
    Conversation.objects.for_account(conversation.account).filter(id=conversation.id).update(title=named)


@transaction.atomic
def delete(conversation: Conversation) -> None:
    """The conversation with all that was said in it and attached to it, also while an answer is being written."""
    account = conversation.account
    _locked(account, conversation.id)
    messages = Message.objects.filter(account=account, conversation=conversation)
    attachments.delete(account.id, Attachment.objects.filter(account=account, message__in=messages))
    raw_delete(Citation.objects.filter(account=account, message__in=messages).order_by())
    raw_delete(messages.order_by())
    raw_delete(Conversation.objects.for_account(account).filter(id=conversation.id).order_by())


def _locked(account: Account, conversation_id: UUID) -> bool:
    """Holds the conversation until the transaction ends; whether it is still there."""
    rows = Conversation.objects.for_account(account).select_for_update().filter(id=conversation_id)
    return rows.values_list("id", flat=True).first() is not None


def _as_row(turn: Turn, citation: CitationPayload) -> Citation:
    return Citation(
        account_id=turn.account.id,
        message_id=turn.message_id,
        index=citation["index"],
        entry_id=citation["entry_id"],
        document_id=citation["document_id"],
        chunk_id=citation["chunk_id"],
        file_name=citation["fileName"][:255],
        page_number=citation["pageNumber"],
        title=citation["title"][:500],
        source=citation["source"],
        url=citation["url"],
        snippet=citation["snippet"],
        start=citation["start"],
        end=citation["end"],
    )


def interrupt_orphans(older_than: timedelta) -> int:
    """End answers whose process died while they were written. Returns how many there were.

    Those that had said nothing are given back. What another worker has at this moment is left to it.
    """
    silent = Message.objects.filter(status=Message.Status.WRITING, updated_at__lt=timezone.now() - older_than)
    accounts = silent.order_by().values_list("account_id", flat=True).distinct()
    return sum(_interrupt(silent.filter(account_id=account_id), account_id) for account_id in list(accounts))


@transaction.atomic
def _interrupt(silent: QuerySet[Message], account_id: int) -> int:
    rows = silent.select_for_update(skip_locked=True).values_list("id", "charged_month", "content")
    orphans = list(rows)
    final = {"status": Message.Status.INTERRUPTED, "reason": "The server stopped while this was written."}
    own = Message.objects.filter(account_id=account_id)
    own.filter(id__in=[ident for ident, _, content in orphans if content]).update(**final)
    own.filter(id__in=[ident for ident, _, content in orphans if not content]).update(**final, charged_month=None)
    unsaid = Counter(month for _, month, content in orphans if month and not content)
    for month, count in sorted(unsaid.items()):
        give_back_answers(account_id, month, count)
    return len(orphans)
