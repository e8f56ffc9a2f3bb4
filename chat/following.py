"""An answer as it is stored, told as the events it was made of: for who lost the stream, or asks again.

Any process can tell it, since it reads nothing but the database, where an answer that is being made is saved each
second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

from chat.events import CitationFound, CitationPayload, Event, Failed, Reason, StreamEnd, StreamStart, TextDelta
from chat.models import Citation, Message
from chat.transcript import Turn
from doculume.errors import NotFound
from doculume.threads import in_database

LOOK_EVERY_SECONDS = 0.5


async def follow(turn: Turn, after: int | None = None) -> AsyncGenerator[Event, None]:
    """What is said in the answer of `turn`, until it is final; the last event is StreamEnd or Failed.

    `after`: only what comes after so many characters, and no StreamStart. Citations come after the text, all of
    them: who has some knows them by their `index`.
    """
    message = await in_database(_load)(turn)
    if message is not None and after is None:
        yield StreamStart("", message.model_name, turn.conversation.id, turn.message_id)
    said = after or 0
    while message is not None:
        if text := message.content[said:]:
            said += len(text)
            yield TextDelta(text)
        if message.status != Message.Status.WRITING:
            break
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        message = await in_database(_load)(turn)
    if message is None:
        yield Failed(NotFound.code, NotFound.message, NotFound.status_code)
        return
    for citation in await in_database(_citations)(turn):
        yield CitationFound(citation)
    yield _end_of(message)


def _end_of(message: Message) -> Event:
    if message.status == Message.Status.INTERRUPTED:
        return Failed("provider_error", message.reason or "The answer was interrupted.")
    # Why it was stopped is a sentence; how it ended otherwise is one word of the events.
    reason = "stopped" if message.status == Message.Status.STOPPED else message.reason
    return StreamEnd(
        cast(Reason, reason), message.prompt_tokens, message.completion_tokens, message.sources, message.timings
    )


def _load(turn: Turn) -> Message | None:
    return Message.objects.filter(account_id=turn.account.id, id=turn.message_id).first()


def _citations(turn: Turn) -> list[CitationPayload]:
    rows = Citation.objects.filter(account_id=turn.account.id, message_id=turn.message_id).order_by("id")
    return [as_payload(row) for row in rows]


def as_payload(row: Citation) -> CitationPayload:
    return CitationPayload(
        index=row.index,
        document_id=str(row.document_id) if row.document_id else None,
        entry_id=str(row.entry_id),
        chunk_id=str(row.chunk_id),
        fileName=row.file_name,
        pageNumber=row.page_number,
        title=row.title,
        source=row.source,
        url=row.url,
        snippet=row.snippet,
        start=row.start,
        end=row.end,
    )
