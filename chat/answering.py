"""Answering a question, as events. Knows no HTTP.

Make a follow-up stand alone; retrieve; decide whether anything is relevant, and if nothing is, say so without calling
a model; otherwise let the model write from the numbered sources, turning its `[n]` into citations as they come; look
for what stands in no source; store what was said. The database is used in short steps between the waits, never across
them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from chat import follow_ups, phrases, prompts, questions, transcript
from chat.citations import CitationWriter, as_source
from chat.events import CitationFound, Event, Failed, Reason, SourcePayload, StreamEnd, StreamStart, TextDelta
from chat.harmless import Harmless
from chat.models import Message
from chat.passing import Passing
from chat.prompts import Manner, Window
from chat.relevance import Found, retrieve
from chat.saving import saved_as_it_grows
from chat.transcript import Turn
from chat.verifying import unsupported
from doculume.threads import in_database
from knowledge.search import SearchFilters
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.base import ChatModel, Embedder, ProviderError
from llm_settings.providers.fallback import FirstThatAnswers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how. `top_k` passages at most are shown to the model.

    `is_trial`: asked by those who look after the account, to see; it is not counted among what is asked.
    `found`: what was retrieved already; then nothing is searched for. `by_entry`: citations are of entries, not of
    passages.
    """

    text: str
    use_rag: bool = True
    top_k: int = 5
    filters: SearchFilters = field(default_factory=SearchFilters)
    temperature: float | None = None
    max_tokens: int | None = None
    manner: Manner = field(default_factory=Manner)
    found: Found | None = None
    by_entry: bool = False
    is_trial: bool = False


@dataclass
class Draft:
    """The answer so far."""

    turn: Turn | Passing
    question: Question
    text: str = ""
    citations: CitationWriter = field(default_factory=lambda: CitationWriter([]))
    sources: list[SourcePayload] = field(default_factory=list)
    reason: Reason = "stop"
    unsupported: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    started: float = field(default_factory=time.monotonic)
    timings: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        self.timings[stage] = round((time.monotonic() - self.started) * 1000, 1)

    def saved_as_it_grows(self) -> AbstractContextManager[None]:
        return nullcontext() if isinstance(self.turn, Passing) else saved_as_it_grows(self, self.turn)

    async def end(self, status: Message.Status, reason: str) -> None:
        self.lap("total")
        await in_database(self._store)(status, reason)

    def _store(self, status: Message.Status, reason: str) -> None:
        if isinstance(self.turn, Passing):
            if not self.text:
                self.turn.give_back()
        else:
            self._end(self.turn, status, reason)
        if self.question.use_rag and not self.question.is_trial:
            questions.note(self.turn, self.question.text, status, reason, self.timings)

    def _end(self, turn: Turn, status: Message.Status, reason: str) -> None:
        transcript.end(
            turn,
            self.text,
            status=status,
            reason=reason,
            citations=list(self.citations.cited.values()),
            sources=self.sources,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            timings=self.timings,
            unsupported=self.unsupported,
        )

    async def interrupt(self, reason: str) -> None:
        """As `end`, for an answer that failed: the reader hears of that failure, whatever becomes of this."""
        try:
            await self.end(Message.Status.INTERRUPTED, reason)
        except Exception:
            log.exception("answer %s could not be given its final state", self.turn.message_id)


async def answer(turn: Turn | Passing, question: Question) -> AsyncGenerator[Event, None]:
    """The events of answering `question` by the models of `turn`, the last of them StreamEnd or Failed.

    The message of `turn` gets its final state before the last event is given out, and also when this is closed or
    cancelled before its end: then it is marked as stopped.
    """
    draft = Draft(turn, question)
    try:
        model = FirstThatAnswers(turn.models) if turn.models else None
        provider = model.provider if model else "local"
        yield StreamStart(provider, turn.model_name, conversation_of(turn), turn.message_id)
        with draft.saved_as_it_grows():
            async with aclosing(_say(model, question, draft)) as said:
                async for event in said:
                    if isinstance(event, TextDelta):
                        draft.text += event.text
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
        yield StreamEnd(draft.reason, draft.prompt_tokens, draft.completion_tokens, draft.sources, draft.timings)


def conversation_of(turn: Turn | Passing) -> UUID | None:
    return None if isinstance(turn, Passing) else turn.conversation.id


async def _say(
    model: ChatModel | None, question: Question, draft: Draft
) -> AsyncGenerator[TextDelta | CitationFound, None]:
    """The words of the answer and their citations, from whatever is to answer."""
    if not question.use_rag:
        if model is None:
            yield TextDelta(phrases.NO_MODEL)
            return
        async for event in _write(model, question, draft, None):
            yield event
        return
    found = question.found or await _find(model, question, draft)
    draft.lap("retrieve")
    if not (found.relevant or (model and found.worth_reading and not question.manner.summarize)):
        draft.reason = "no_relevant_results"
        if not question.manner.summarize:
            yield TextDelta(question.manner.unknown or phrases.nothing_found(question.text, question.manner.locale))
        return
    draft.sources = [as_source(hit) for hit in found.hits]
    if model is None:
        draft.citations = CitationWriter(found.hits, found.spans(), question.by_entry)
        async for event in _quote(found, draft):
            yield event
    else:
        async for event in _write(model, question, draft, found):
            yield event
        draft.unsupported = unsupported(draft.text, found.hits, question.text)


async def _find(model: ChatModel | None, question: Question, draft: Draft) -> Found:
    """What was found for the question, as it stands alone.

    The search for what is known without a model runs while the model rewrites, and stands if that takes too long.
    """
    history, search = draft.turn.history, in_database(retrieve)
    embedder = await in_database(active_embedder)()
    asked = follow_ups.with_context(question.text, history, embedder.rarity)
    if model is None or not history or not follow_ups.leans(question.text):
        return await search(draft.turn.account, asked, question.top_k, question.filters, as_asked=question.text)
    rewriting = asyncio.create_task(follow_ups.rewritten(model, question.text, history))
    try:
        found = await search(draft.turn.account, asked, question.top_k, question.filters, as_asked=question.text)
        rewritten = await rewriting
    finally:
        rewriting.cancel()
    draft.lap("rewrite")
    if rewritten is None or rewritten in (asked, question.text):
        return found
    return await search(draft.turn.account, rewritten, question.top_k, question.filters)


async def _quote(found: Found, draft: Draft) -> AsyncGenerator[TextDelta | CitationFound, None]:
    """The sentences of the sources that answer the question."""
    for piece in found.pieces():
        for event in draft.citations.feed(piece):
            yield event
    for event in draft.citations.close():
        yield event


async def _write(
    model: ChatModel, question: Question, draft: Draft, found: Found | None
) -> AsyncGenerator[TextDelta | CitationFound, None]:
    """What the model writes: its numbers resolved, and nothing in it that a page would fetch."""
    history = draft.turn.history
    if found is None and not history:
        messages = prompts.first_messages(question.text)  # nothing to cut: no need to know the window
    elif found is None:
        window = await in_database(window_of)(model, question.max_tokens)
        messages = prompts.plain_messages(question.text, history, window)
    else:
        window = await in_database(window_of)(model, question.max_tokens)
        prompt = prompts.grounded(question.text, found.hits, history, question.manner, window)
        messages, draft.citations = prompt.messages, CitationWriter(prompt.shown, by_entry=question.by_entry)
    draft.lap("prompt")
    clean = Harmless()
    written = model.stream(messages, temperature=question.temperature, max_tokens=question.max_tokens)
    async with aclosing(written):
        async for delta in written:
            if delta.text and "first_token" not in draft.timings:
                draft.lap("first_token")
                draft.turn.model_name = model.model_name
            if delta.usage:
                draft.prompt_tokens = delta.usage.prompt_tokens
                draft.completion_tokens = delta.usage.completion_tokens
            if delta.finish_reason == "length":
                draft.reason = "length"
            for event in _shown(draft.citations.feed(delta.text) if found else [TextDelta(delta.text)], clean):
                yield event
    for event in _shown(draft.citations.close() if found else [], clean):
        yield event
    if rest := clean.close():
        yield TextDelta(rest)


def _shown(events: Iterable[TextDelta | CitationFound], clean: Harmless) -> Iterator[TextDelta | CitationFound]:
    for event in events:
        if isinstance(event, CitationFound):
            yield event
        elif text := clean.feed(event.text):
            yield TextDelta(text)


def window_of(model: ChatModel, max_tokens: int | None) -> Window:
    tokens: int = getattr(model, "context_tokens", 0) or settings.CHAT["context_tokens"]
    return Window(tokens, active_embedder().count_tokens, max_tokens or prompts.ANSWER_TOKENS)


def active_embedder() -> Embedder:
    """Its tokens are what prompts are measured by: about those of the model that answers, and known without asking."""
    return get_embedder(EmbeddingModel.objects.active())
