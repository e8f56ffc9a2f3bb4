"""Any endpoint that speaks OpenAI's API: OpenAI, Ollama, llama.cpp, vLLM, LM Studio and many more.

Each call makes a client of its own. That costs a fifth of a millisecond and a handshake, next to seconds of a
model; in return no connection is ever tied to an event loop that is gone. The client's own retries are off and
its timeouts are set: whoever calls decides what a failure means.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import httpx2
import numpy as np
import openai

from doculume.text import storable
from doculume.waiting import Patience, WaitEnded
from llm_settings.egress import certificates
from llm_settings.network import Transport
from llm_settings.providers.base import (
    ChatDelta,
    ChatMessage,
    EmbeddingInvalid,
    ProviderError,
    ProviderTimeout,
    Scale,
    Usage,
    Vectors,
)
from llm_settings.providers.calibration import probe, similarity
from llm_settings.providers.openai_errors import as_provider_errors, from_body
from llm_settings.providers.sse import event_data

if TYPE_CHECKING:
    from llm_settings.providers import ChatConfig, EmbeddingConfig

NO_KEY = "none"  # servers of one's own want no key, the client wants one
MOST_ANSWER_BYTES = 64 << 20
TEXTS_PER_REQUEST = 64
BYTES_PER_TOKEN = 3.5  # of UTF-8: about right for English, on the safe side for every other language
EMBEDDING_MAX_TOKENS = 512  # what the smallest of the usual models read
EMBEDDING_SECONDS = 60.0
LONG_WORD = 8
CONNECT_SECONDS = 5.0
MOST_MODELS = 500
# The smaller first: what is loaded, before what the model was made for.
WINDOW_NAMES = (
    "n_ctx",
    "loaded_context_length",
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
)
SMALLEST_WINDOW, LARGEST_WINDOW = 256, 10_000_000

ClientMaker = Callable[[httpx2.Timeout], httpx2.AsyncClient]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. A model on a CPU may read a long prompt for a minute before its first word."""

    connect: float = CONNECT_SECONDS
    first: float = 120.0
    idle: float = 30.0
    total: float = 420.0


class OpenAIChatModel:
    """A `ChatModel`; see `llm_settings.providers.base`."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        deadlines: Deadlines | None = None,
        make_client: ClientMaker | None = None,
    ) -> None:
        """`model`: empty for the first that the endpoint offers. `make_client`: of the HTTP client that is to be used,
        which must be the one of `llm_settings.egress` where `base_url` is not the deployment's own."""
        self.model_name = model
        self._base_url = base_url
        self._api_key = api_key
        self._deadlines = deadlines or Deadlines()
        self._make_client = make_client or _trusting_client

    @classmethod
    def from_config(cls, config: ChatConfig) -> OpenAIChatModel:
        return cls(config["base_url"], config["api_key"], config["model"])

    async def stream(
        self, messages: Sequence[ChatMessage], *, temperature: float | None = None, max_tokens: int | None = None
    ) -> AsyncGenerator[ChatDelta, None]:
        wanted = {"temperature": temperature, "max_tokens": max_tokens, "stream_options": {"include_usage": True}}
        optional = {name: value for name, value in wanted.items() if value is not None}
        said = finished = False
        async with self._answering(messages, optional) as response, aclosing(self._events(response)) as events:
            async for event in events:
                delta = _delta(event)
                said, finished = said or bool(delta.text), finished or delta.finish_reason is not None
                if delta != ChatDelta():
                    yield delta
                if event is DONE:
                    finished = True
        if not finished:
            raise ProviderError("The model's answer broke off.")
        if not said:
            raise ProviderError("The model sent an empty answer.")

    async def models(self) -> list[str]:
        """The names of the models that the endpoint offers, no more than `MOST_MODELS`. Raises ProviderError."""
        return list(await self.offered())

    async def offered(self) -> dict[str, int]:
        """The models by name, each with how many tokens it reads at once; 0 where the endpoint does not say."""
        async with self._client() as client:
            with as_provider_errors():
                async with asyncio.timeout(self._deadlines.first):
                    manager = client.models.with_streaming_response.list()
                    async with manager as response:
                        found = _object(await _limited(response.http_response)).get("data")
        rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
        named = [(row.get("id"), _window(row)) for row in rows]
        offered = [(storable(name)[:300], tokens) for name, tokens in named if isinstance(name, str) and name]
        return dict(offered[:MOST_MODELS])

    def _client(self) -> openai.AsyncOpenAI:
        # Reading is watched by who reads, with one timer for all of an answer; the client would make one for each word.
        timeout = httpx2.Timeout(self._deadlines.first, connect=self._deadlines.connect, read=None)
        return openai.AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key or NO_KEY,
            timeout=timeout,
            max_retries=0,
            http_client=self._make_client(timeout),
        )

    @asynccontextmanager
    async def _answering(
        self, messages: Sequence[ChatMessage], optional: dict[str, Any]
    ) -> AsyncIterator[httpx2.Response]:
        """The response once its headers are there; closed, and so is the connection, on leaving."""
        if not self.model_name:
            self.model_name = next(iter(await self.models()), "")
        async with self._client() as client:
            while True:
                try:
                    with as_provider_errors():
                        async with asyncio.timeout(self._deadlines.first):
                            # Not by the typed method, which spends 4 ms on what it makes of the messages.
                            sending = client.post(
                                "/chat/completions",
                                cast_to=httpx2.Response,
                                body={"model": self.model_name, "messages": messages, "stream": True, **optional},
                                stream=True,
                                stream_cls=openai.AsyncStream[Any],
                            )
                            response = cast("httpx2.Response", await sending)
                    break
                except ProviderError as error:
                    if not (unknown := _unknown_option(error, optional)):
                        raise
                    value = optional.pop(unknown)
                    if unknown == "max_tokens":  # its newer name, which some models insist on
                        optional["max_completion_tokens"] = value
            try:
                yield response
            finally:
                await response.aclose()

    async def _events(self, response: httpx2.Response) -> AsyncGenerator[dict[str, Any], None]:
        """The objects of the stream; `DONE` at its end. Each is waited for no longer than the deadlines say."""
        patience = Patience(self._deadlines.first, self._deadlines.total)
        try:
            with as_provider_errors():
                async with aclosing(_objects(response)) as objects:
                    while True:
                        with patience:
                            event = await anext(objects, None)
                        if event is None:
                            return
                        yield event
                        patience.allow(self._deadlines.idle)
        except WaitEnded as error:
            raise ProviderTimeout from error
        finally:
            patience.close()


class OpenAIEmbedder:
    """An `Embedder`; see `llm_settings.providers.base`."""

    max_tokens = EMBEDDING_MAX_TOKENS

    def __init__(
        self, base_url: str, api_key: str, model: str, dimensions: int, timeout: float = EMBEDDING_SECONDS
    ) -> None:
        self.name = model
        self.dimensions = dimensions
        self._base_url = base_url
        self._api_key = api_key
        self._timeout = timeout

    @classmethod
    def from_config(cls, config: EmbeddingConfig) -> OpenAIEmbedder:
        return cls(config["base_url"], config["api_key"], config["model"], config["dimensions"])

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        parts = [self._embed(batch) for batch in _batches(texts)]
        return np.concatenate(parts) if parts else np.zeros((0, self.dimensions), np.float32)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._embed([text])[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """An estimate on the high side: the vocabulary is the provider's."""
        return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)

    def similarity(self, cosine: float) -> float:
        return similarity(cosine, self.scale)

    def rarity(self, word: str) -> float:
        """By its length: long words are rare in every language (Zipf's law of abbreviation)."""
        return float(min(len(word), LONG_WORD))

    @cached_property
    def scale(self) -> Scale:
        return probe(self.embed_query, self.embed_passages)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        with as_provider_errors(), _client(self._base_url, self._api_key, self._timeout) as client:
            # Asked for as numbers: the client's own default, base64, is unknown to many servers.
            request = client.embeddings.with_streaming_response.create(
                model=self.name,
                # An empty text is an error to most providers, and has to have a vector here.
                input=[text.encode("utf-8", "replace").decode() or " " for text in texts],
                encoding_format="float",
                **self._size(),
            )
            with request as response:
                body = _read_within(response.iter_bytes(), self._timeout)
        return _vectors(body, len(texts), self.dimensions)

    def _size(self) -> dict[str, Any]:
        """Only this family lets one choose; other servers ignore the field or refuse it."""
        return {"dimensions": self.dimensions} if self.name.startswith("text-embedding-3") else {}


DONE: dict[str, Any] = {}


async def _objects(response: httpx2.Response) -> AsyncGenerator[dict[str, Any], None]:
    if "json" in response.headers.get("content-type", ""):  # a server that does not stream
        yield _object(await _limited(response))
        yield DONE
        return
    async for data in event_data(response.aiter_bytes()):
        if data.strip() == "[DONE]":
            yield DONE
            return
        yield _object(data)


async def _limited(response: httpx2.Response) -> str:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MOST_ANSWER_BYTES:
            raise ProviderError("The model provider's answer is too large.")
    return body.decode("utf-8", "replace")


def _object(data: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProviderError("The model provider sent something that is not JSON.") from error
    if not isinstance(found, dict):
        raise ProviderError("The model provider sent JSON of an unknown shape.")
    if found.get("error"):
        raise from_body(found)
    return found


def _delta(event: Mapping[str, Any]) -> ChatDelta:
    """An event with no choices is no fault by itself: that is how the usage arrives."""
    choices = event.get("choices") or [{}]
    try:
        choice = choices[0]
        text = (choice.get("delta") or choice.get("message") or {}).get("content") or ""
        return ChatDelta(storable(str(text)), _usage(event.get("usage")), choice.get("finish_reason"))
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ProviderError("The model provider sent JSON of an unknown shape.") from error


def _window(row: Mapping[str, Any]) -> int:
    """What a row says of its model's window, as llama.cpp, LM Studio, vLLM, OpenRouter, Groq or Mistral say it."""
    meta = row.get("meta")
    rows = [meta, row] if isinstance(meta, dict) else [row]
    told = (found.get(name) for found in rows for name in WINDOW_NAMES)
    sane = (tokens for tokens in told if isinstance(tokens, int) and SMALLEST_WINDOW <= tokens <= LARGEST_WINDOW)
    return next(sane, 0)


def _usage(found: Mapping[str, Any] | None) -> Usage | None:
    if not found:
        return None
    return Usage(int(found.get("prompt_tokens") or 0), int(found.get("completion_tokens") or 0))


def _unknown_option(error: ProviderError, optional: Mapping[str, Any]) -> str | None:
    """Which of the options sent the provider complained of; not every server knows every one."""
    if not error.permanent:
        return None
    return next((name for name in optional if name in error.message), None)


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), TEXTS_PER_REQUEST):
        yield texts[start : start + TEXTS_PER_REQUEST]


def _read_within(chunks: Iterator[bytes], seconds: float) -> bytes:
    """The client's timeout is between two pieces: a body that drips would go on for ever."""
    ends, body = time.monotonic() + seconds, bytearray()
    for chunk in chunks:
        body += chunk
        if time.monotonic() > ends:
            raise ProviderTimeout
        if len(body) > MOST_ANSWER_BYTES:
            raise EmbeddingInvalid("The embedding provider's answer is too large.")
    return bytes(body)


def _vectors(body: bytes, count: int, dimensions: int) -> Vectors:
    rows = _object(body).get("data")
    if not isinstance(rows, list) or len(rows) != count:
        raise EmbeddingInvalid(f"{count} vectors were due and {len(rows) if isinstance(rows, list) else 0} came.")
    try:
        # By their index: the order of the list is not promised.
        by_index = {int(row.get("index", place)): row["embedding"] for place, row in enumerate(rows)}
        vectors = np.array([by_index[index] for index in range(count)], dtype=np.float64)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EmbeddingInvalid from error
    if vectors.ndim != 2 or vectors.shape[1] != dimensions:
        raise EmbeddingInvalid(f"Vectors of {dimensions} dimensions were due, not of {vectors.shape[-1]}.")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not norms.all():
        raise EmbeddingInvalid("The embedding provider sent vectors that are not finite, or zero.")
    return (vectors / norms).astype(np.float32)


def _trusting_client(timeout: httpx2.Timeout) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=Transport(certificates()), trust_env=False, follow_redirects=False, timeout=timeout
    )


def _client(base_url: str, api_key: str, seconds: float) -> openai.OpenAI:
    timeout = httpx2.Timeout(seconds, connect=CONNECT_SECONDS)
    http_client = openai.DefaultHttpxClient(
        verify=certificates(), trust_env=False, follow_redirects=False, timeout=timeout
    )
    return openai.OpenAI(
        base_url=base_url, api_key=api_key or NO_KEY, timeout=timeout, max_retries=0, http_client=http_client
    )
