"""Whether an endpoint answers, found out by asking it."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field

from asgiref.sync import async_to_sync

from llm_settings.answering_models import model_at, readable
from llm_settings.egress import AddressRefused
from llm_settings.models import LLMProvider
from llm_settings.providers.base import ChatMessage, ProviderError, ProviderTimeout
from llm_settings.providers.openai import Deadlines, OpenAIChatModel

DEADLINES = Deadlines(connect=5.0, first=20.0, idle=10.0, total=25.0)
TOTAL_SECONDS = 30.0
QUESTION: list[ChatMessage] = [{"role": "user", "content": "Answer with the word OK."}]
FEW_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `message` is for people; `models` is what the endpoint says it has, if it says,
    each with how many tokens it reads at once, or 0."""

    success: bool
    message: str
    latency_ms: int
    models: dict[str, int] = field(default_factory=dict)


async def try_out(base_url: str, api_key: str, model: str) -> Trial:
    """Asks which models there are, then asks `model` for a word. Raises nothing of a provider's."""
    began = time.monotonic()
    chat, models = model_at(base_url, api_key, model, DEADLINES), dict[str, int]()
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            models, complaint = await _models(chat)
            if complaint and not model:
                raise complaint
            if not model and not models:
                raise ProviderError("The endpoint answers, and offers no model.")
            began = time.monotonic() if model else began
            await _one_word(chat) if model else None
    except ProviderError as error:
        return Trial(False, error.message, _since(began), models)
    except TimeoutError:
        return Trial(False, ProviderTimeout.message, _since(began), models)
    return Trial(True, "The model answered." if model else "The endpoint answered.", _since(began), models)


def try_kept(provider: LLMProvider) -> Trial:
    """A provider as it is kept, with the account's key. What it says of its window is kept too."""
    trial = async_to_sync(try_out)(provider.base_url, readable(provider.encrypted_key), provider.model)
    provider.note_window(trial.models)
    return trial


async def _models(chat: OpenAIChatModel) -> tuple[dict[str, int], ProviderError | None]:
    """Not every server has a list. Raises ProviderError where there is no use in going on."""
    try:
        return await chat.offered(), None
    except ProviderError as error:
        if isinstance(error, AddressRefused | ProviderTimeout) or not error.permanent:
            raise
        return {}, error


async def _one_word(chat: OpenAIChatModel) -> None:
    """Raises ProviderError. Anything will do: a model that thinks first may say nothing in so few tokens."""
    async with aclosing(chat.stream(QUESTION, max_tokens=FEW_TOKENS)) as deltas:
        await anext(deltas, None)


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
