"""Answering a question, as events. Knows no HTTP.

Retrieve; decide whether anything is relevant, and if nothing is, say so without calling a model; otherwise let the
model write from the numbered sources, turning its `[n]` into citations as they come; store what was said. The
database is used in short steps between the waits, never across them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from django.conf import settings

from chat import phrases, prompts, transcript
from chat.citations import CitationWriter, as_source
from chat.events import CitationFound, Event, Failed, Reason, SourcePayload, StreamEnd, StreamStart, TextDelta
from chat.models import Message
from chat.relevance import Found, retrieve
from chat.transcript import Turn
from doculume.threads import in_database
from knowledge.search import SearchFilters
from llm_settings.models import EmbeddingModel
from llm_settings.providers import chat_config, get_chat_model, get_embedder
from llm_settings.providers.base import ChatModel, Embedder, ProviderError

log = logging.getLogger(__name__)

SAVE_EVERY_SECONDS = 1.0
EXTRACTIVE = "extractive"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how. `top_k` passages at most are shown to the model."""

    text: str
    use_rag: bool = True
    top_k: int = 5
    filters: SearchFilters = field(default_factory=SearchFilters)
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass
class Draft:
    """The answer so far."""

    turn: Turn
    text: str = ""
    citations: CitationWriter = field(default_factory=lambda: CitationWriter([]))
    sources: list[SourcePayload] = field(default_factory=list)
    reason: Reason = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    started: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    timings: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        self.timings[stage] = round((time.monotonic() - self.started) * 1000, 1)

    async def save_now_and_then(self) -> None:
        if time.monotonic() - self.saved >= SAVE_EVERY_SECONDS:
            self.saved = time.monotonic()
            await in_database(transcript.save_partial)(self.turn, self.text)

    async def end(self, status: Message.Status, reason: str) -> None:
        self.lap("total")
        await in_database(transcript.end)(
            self.turn,
            self.text,
            status=status,
            reason=reason,
            citations=list(self.citations.cited.values()),
            sources=self.sources,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            timings=self.timings,
        )

    async def interrupt(self, reason: str) -> None:
        """As `end`, for an answer that failed: the reader hears of that failure, whatever becomes of this."""
        try:
            await self.end(Message.Status.INTERRUPTED, reason)
        except Exception:
            log.exception("answer %s could not be given its final state", self.turn.message_id)


def model_name() -> str:
    """What answers: the configured model, or the extractive one."""
    return chat_config()["model"] if settings.CHAT["provider"] else EXTRACTIVE


async def answer(turn: Turn, question: Question) -> AsyncGenerator[Event, None]:
    """The events of answering `question`, the last of them StreamEnd or Failed.

    The message of `turn` gets its final state before the last event is given out, and also when this is closed or
    cancelled before its end: then it is marked as stopped.
    """
    draft = Draft(turn)
    try:
        yield StreamStart(settings.CHAT["provider"] or "local", turn.model_name, turn.conversation.id, turn.message_id)
        async for event in _say(question, draft):
            if isinstance(event, TextDelta):
                draft.text += event.text
                await draft.save_now_and_then()
            yield event
        await draft.end(Message.Status.COMPLETE, draft.reason)
    except (asyncio.CancelledError, GeneratorExit):
        await asyncio.shield(draft.end(Message.Status.STOPPED, turn.stopped_because))
        raise
    except ProviderError as error:
        await draft.interrupt(error.message)
        yield Failed(error.code, error.message, error.status_code, error.retry_after)
    except Exception as error:
        log.exception("answer %s failed", turn.message_id)
        await draft.interrupt(type(error).__name__)
        yield Failed("server_error", "Something went wrong on the server.", 500)
    else:
        yield StreamEnd(draft.reason, draft.prompt_tokens, draft.completion_tokens, draft.sources)


async def _say(question: Question, draft: Draft) -> AsyncGenerator[TextDelta | CitationFound, None]:
    """The words of the answer and their citations, from whatever is to answer."""
    model = get_chat_model(settings.CHAT | {"model": draft.turn.model_name})
    if not question.use_rag:
        if model is None:
            yield TextDelta(phrases.NO_MODEL)
        else:
            async for event in _write(model, question, draft, None):
                yield event
        return
    found = await in_database(retrieve)(draft.turn.account, question.text, question.top_k, question.filters)
    draft.lap("retrieve")
    if not found.relevant:
        draft.reason = "no_relevant_results"
        yield TextDelta(phrases.nothing_found(question.text))
        return
    draft.sources = [as_source(hit) for hit in found.hits]
    draft.citations = CitationWriter(found.hits, {} if model else found.spans())
    async for event in _write(model, question, draft, found) if model else _quote(found, draft):
        yield event
    for event in draft.citations.close():
        yield event


async def _quote(found: Found, draft: Draft) -> AsyncGenerator[TextDelta | CitationFound, None]:
    """The sentences of the sources that answer the question."""
    for piece in found.pieces():
        for event in draft.citations.feed(piece):
            yield event


async def _write(
    model: ChatModel, question: Question, draft: Draft, found: Found | None
) -> AsyncGenerator[TextDelta | CitationFound, None]:
    """What the model writes, its numbers resolved."""
    embedder = await in_database(active_embedder)()
    count = embedder.count_tokens
    window = settings.CHAT["context_tokens"]
    history = draft.turn.history
    if found is None:
        messages = prompts.plain_messages(question.text, history, window=window, count_tokens=count)
    else:
        messages = prompts.grounded_messages(question.text, found.hits, history, window=window, count_tokens=count)
    written = model.stream(messages, temperature=question.temperature, max_tokens=question.max_tokens)
    try:
        async for delta in written:
            if delta.text and "first_token" not in draft.timings:
                draft.lap("first_token")
            if delta.usage:
                draft.prompt_tokens = delta.usage.prompt_tokens
                draft.completion_tokens = delta.usage.completion_tokens
            if delta.finish_reason == "length":
                draft.reason = "length"
            for event in draft.citations.feed(delta.text) if found else [TextDelta(delta.text)]:
                if not isinstance(event, TextDelta) or event.text:
                    yield event
    finally:
        await written.aclose()


def active_embedder() -> Embedder:
    """Its tokens are what prompts are measured by: about those of the model that answers, and known without asking."""
    return get_embedder(EmbeddingModel.objects.active())
