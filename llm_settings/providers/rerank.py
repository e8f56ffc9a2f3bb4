"""Rerankers behind Cohere's `/rerank`: Cohere itself, vLLM, Text Embeddings Inference, Infinity and others.

https://docs.cohere.com/reference/rerank: `{model, query, documents, top_n}` → `{results: [{index, relevance_score}]}`.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx2

from llm_settings.egress import certificates
from llm_settings.providers.base import ProviderError
from llm_settings.providers.openai_errors import as_provider_errors, from_status

if TYPE_CHECKING:
    from llm_settings.providers import RerankConfig

MOST_ANSWER_BYTES = 4 << 20
# A cross-encoder reads about 512 tokens of question and document.
LONGEST_DOCUMENT = 4_000  # characters


class RerankEndpoint:
    """A `Reranker`; see `llm_settings.providers.base`."""

    def __init__(self, base_url: str, api_key: str, model: str, budget: float) -> None:
        """`base_url`: what `/rerank` is appended to; `budget`: seconds for all of a call."""
        self.name = model
        self._url = base_url.rstrip("/") + "/rerank"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._budget = budget

    @classmethod
    def from_config(cls, config: RerankConfig) -> RerankEndpoint:
        return cls(config["base_url"], config["api_key"], config["model"], config["budget_ms"] / 1000)

    def rerank(self, question: str, documents: Sequence[str]) -> list[float]:
        if not documents:
            return []
        # An event loop of its own: a client's timeouts are for each piece of an answer, this is for all of it.
        with as_provider_errors():
            body = asyncio.run(self._answer(question, documents))
        return _relevances(body, len(documents))

    async def _answer(self, question: str, documents: Sequence[str]) -> bytes:
        wanted = {"query": _text(question), "documents": [_text(each) for each in documents], "top_n": len(documents)}
        if self.name:
            wanted["model"] = self.name
        client = httpx2.AsyncClient(
            verify=certificates(), trust_env=False, follow_redirects=False, timeout=self._budget, headers=self._headers
        )
        async with asyncio.timeout(self._budget), client, client.stream("POST", self._url, json=wanted) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MOST_ANSWER_BYTES:
                    raise ProviderError("The reranker's answer is too large.")
        if response.status_code != httpx2.codes.OK:
            raise from_status(response.status_code, response.headers, _json(bytes(body)))
        return bytes(body)


def _text(text: str) -> str:
    return text[:LONGEST_DOCUMENT].encode("utf-8", "replace").decode()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _relevances(body: bytes, count: int) -> list[float]:
    found = _json(body)
    results = found.get("results") if isinstance(found, dict) else None
    if not isinstance(results, list) or len(results) != count:
        raise ProviderError(f"The reranker did not judge each of {count} documents.")
    try:
        by_index = {int(row["index"]): float(row["relevance_score"]) for row in results}
        relevances = [by_index[index] for index in range(count)]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProviderError("The reranker sent JSON of an unknown shape.") from error
    if not all(map(math.isfinite, relevances)):
        raise ProviderError("The reranker sent scores that are no numbers.")
    return relevances
