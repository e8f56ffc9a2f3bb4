"""Leaving a provider alone that fails again and again, for all processes at once.

Closed: everybody may call, and failures in a row are counted. After `FAILURES` it opens: nobody may, for `REST`
seconds or as long as the provider asked for. Then one caller may try (half open): it closes again if that one gets an
answer, and stays open if not. See M. Nygard, Release It!, "Circuit Breaker".

The state is in the shared cache; a process that found a breaker closed asks again a second later. With the cache away
everybody may call: better late answers than none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from django.core.cache import cache, caches
from redis.exceptions import RedisError

from llm_settings.providers.base import ChatDelta, ChatMessage, ChatModel, ProviderError

log = logging.getLogger(__name__)

FAILURES = 5
COUNTED_SECONDS = 120  # after so long without one more, failures are forgotten
REST = 30.0
LONGEST_REST = 300.0
PROBE_SECONDS = 130  # longer than a first word is waited for
TRIPPED_SECONDS = 3600
CLOSED_SECONDS = 1.0  # so long this process takes for closed what it found closed
MOST_REMEMBERED = 10_000

Result = TypeVar("Result")

# By name, until when, by the monotonic clock.
_closed: dict[str, float] = {}


class ProviderResting(ProviderError):
    message = "The model provider failed several times in a row and is left alone for a moment."


@dataclass(frozen=True, slots=True)
class Breaker:
    """Of one endpoint with one key. Calls block for one or two round trips to the cache."""

    name: str

    def enter(self) -> bool:
        """Whether there is anything to forget after a success. Raises ProviderResting where nobody may call."""
        _closed.pop(self.name, None)
        failures, tripped, resting = self._key("failures"), self._key("tripped"), self._key("resting")
        found = cache.get_many([failures, tripped, resting])
        if resting in found:
            raise ProviderResting(retry_after=REST)
        if tripped in found and not cache.add(self._key("probe"), 1, PROBE_SECONDS):
            raise ProviderResting(retry_after=REST)
        if not found:
            if len(_closed) >= MOST_REMEMBERED:
                _closed.clear()
            _closed[self.name] = time.monotonic() + CLOSED_SECONDS
        return bool(found)

    @property
    def is_closed(self) -> bool:
        """As far as this process knows, without asking."""
        return time.monotonic() < _closed.get(self.name, 0.0)

    def succeeded(self) -> None:
        cache.delete_many([self._key(each) for each in ("failures", "tripped", "resting", "probe")])

    def failed(self, retry_after: float | None = None) -> None:
        """One failure more; opens if there were enough, or if it was the one that might try."""
        _closed.pop(self.name, None)
        cache.add(self._key("failures"), 0, COUNTED_SECONDS)
        try:
            count = cache.incr(self._key("failures"))
        except ValueError:  # it ran out between the two
            count = 1
        if count >= FAILURES or cache.get(self._key("tripped")):
            rest = min(max(REST, retry_after or 0), LONGEST_REST)
            cache.set(self._key("tripped"), 1, TRIPPED_SECONDS)
            cache.set(self._key("resting"), 1, rest)
            cache.delete(self._key("probe"))

    def left(self) -> None:
        """Neither: who called went away. Somebody else may try."""
        cache.delete(self._key("probe"))

    def _key(self, what: str) -> str:
        return f"breaker:{self.name}:{what}"


def tripped(names: Sequence[str]) -> set[str]:
    """Of these breakers those that opened and have not closed since; none where the cache is away."""
    keys = {f"breaker:{name}:tripped": name for name in names}
    try:
        return {keys[key] for key in cache.get_many(list(keys))}
    except RedisError as error:
        log.warning("breakers do not work: %s", type(error).__name__)
        return set()


class BehindBreaker:
    """A `ChatModel` that is not called while its breaker is open."""

    def __init__(self, model: ChatModel, name: str, provider: str = "", context_tokens: int = 0) -> None:
        """`name`: of the endpoint and the key together, so that nobody's bad key or quota stops others. `provider`: as
        people call it. `context_tokens`: how much the model reads at once; 0 where that is not known."""
        self._model = model
        self.provider = provider
        self.context_tokens = context_tokens
        self._breaker = Breaker(name)

    @property
    def model_name(self) -> str:
        return self._model.model_name

    async def stream(
        self, messages: Sequence[ChatMessage], *, temperature: float | None = None, max_tokens: int | None = None
    ) -> AsyncGenerator[ChatDelta, None]:
        breaker, decided = self._breaker, False
        marked = False if breaker.is_closed else await _shared(breaker.enter, False)
        try:
            async with aclosing(self._model.stream(messages, temperature=temperature, max_tokens=max_tokens)) as deltas:
                async for delta in deltas:
                    if marked and not decided and delta.text:
                        decided = True
                        await _shared(breaker.succeeded, None)
                    yield delta
            decided = True
        except ProviderError as error:
            decided = True
            if not error.permanent:
                await _shared(partial(breaker.failed, error.retry_after), None)
            elif marked:
                # It is there: what it refuses is the key or the question.
                await _shared(breaker.succeeded, None)
            raise
        finally:
            if marked and not decided:
                await asyncio.shield(_shared(breaker.left, None))


async def _shared(act: Callable[[], Result], otherwise: Result) -> Result:
    """`act` on the shared cache, apart from the event loop; `otherwise` if the cache is away."""
    caches["default"]  # made here, so that the thread does not make one of its own, with new connections
    try:
        return await asyncio.to_thread(act)
    except RedisError as error:
        log.warning("breakers do not work: %s", type(error).__name__)
        return otherwise
