"""One model out of several: the first that answers."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from llm_settings.providers.base import ChatDelta, ChatMessage, ChatModel, ProviderError

log = logging.getLogger(__name__)


class FirstThatAnswers:
    """A `ChatModel` that goes on to the next as long as nothing was said. For one answer only.

    `model_name` is the name of the one that speaks, or spoke last.
    """

    def __init__(self, models: Sequence[ChatModel]) -> None:
        """`models`: at least one, as `chat_models_for` gives them."""
        self._models = models
        self._speaking = models[0]

    @property
    def model_name(self) -> str:
        return self._speaking.model_name

    @property
    def provider(self) -> str:
        """What people call the one that speaks, or spoke last."""
        return str(getattr(self._speaking, "provider", ""))

    @property
    def context_tokens(self) -> int:
        """How much each of them reads at once: what is asked fits whichever answers. 0 where it is not known."""
        known = (int(getattr(model, "context_tokens", 0)) for model in self._models)
        return min((tokens for tokens in known if tokens), default=0)

    async def stream(
        self, messages: Sequence[ChatMessage], *, temperature: float | None = None, max_tokens: int | None = None
    ) -> AsyncGenerator[ChatDelta, None]:
        for place, model in enumerate(self._models, start=1):
            self._speaking, said = model, False
            try:
                async with aclosing(model.stream(messages, temperature=temperature, max_tokens=max_tokens)) as deltas:
                    async for delta in deltas:
                        said = said or bool(delta.text)
                        yield delta
                return
            except ProviderError as error:
                if said or place == len(self._models):
                    raise
                log.warning("model %s did not answer (%s); trying the next", model.model_name, error.message)
