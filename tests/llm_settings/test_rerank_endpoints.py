"""A reranker over HTTP, and what its faults are told as."""

from __future__ import annotations

import json
import time

import pytest

from llm_settings.providers import get_reranker
from llm_settings.providers.base import ProviderError, ProviderTimeout
from llm_settings.providers.rerank import RerankEndpoint
from tests.llm_settings.endpoints import answering, serving

DOCUMENTS = ["bees", "cars", "clouds"]


def results(*rows):
    return json.dumps({"results": [{"index": index, "relevance_score": score} for index, score in rows]})


def reranker(url, budget=2.0):
    return RerankEndpoint(url, "sk-secret-key", "bge-reranker-v2-m3", budget)


def test_each_document_gets_its_score_whatever_the_order_they_come_in():
    with serving(answering("200 OK", results((2, 0.9), (0, 0.1), (1, -3.5)))) as endpoint:
        assert reranker(endpoint.url).rerank("Will it rain?", DOCUMENTS) == [0.1, -3.5, 0.9]
    [request] = endpoint.requests
    assert request.path == "/v1/rerank"
    assert request.body == {
        "model": "bge-reranker-v2-m3", "query": "Will it rain?", "documents": DOCUMENTS, "top_n": 3,
    }  # fmt: skip


def test_nothing_is_asked_about_nothing():
    with serving(answering("500 Oops", "")) as endpoint:
        assert reranker(endpoint.url).rerank("anything", []) == []
    assert endpoint.requests == []


@pytest.mark.parametrize(
    "body",
    [
        "", "nonsense", "[]", "{}", "null", '{"results": {}}', results((0, 1), (1, 1)), results((0, 1), (1, 1), (7, 1)),
        results((0, 1), (0, 1), (1, 1)), '{"results": [1, 2, 3]}', "[" * 100_000,
        '{"results": [{"index": 0, "relevance_score": NaN}, {"index": 1, "relevance_score": 1},'
        ' {"index": 2, "relevance_score": 1}]}',
        '{"results": [{"index": 0, "relevance_score": "x"}, {"index": 1}, {"index": 2}]}',
        '{"results": [{"index": 1e999, "relevance_score": 1}, {"index": 1}, {"index": 2}]}',
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_a_fault(body):
    with serving(answering("200 OK", body)) as endpoint, pytest.raises(ProviderError):
        reranker(endpoint.url).rerank("?", DOCUMENTS)


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "404 Not Found", "302 Found", "503 Busy"])
def test_another_status_is_a_fault_that_tells_no_secret(status):
    body = json.dumps({"message": "invalid key sk-secret-key"})
    with serving(answering(status, body, headers="location: http://127.0.0.1:1/\r\n")) as endpoint:
        with pytest.raises(ProviderError) as raised:
            reranker(endpoint.url).rerank("?", DOCUMENTS)
        assert "sk-secret-key" not in raised.value.message


def test_what_is_not_there_is_a_fault():
    with pytest.raises(ProviderError):
        reranker("http://127.0.0.1:1/v1").rerank("?", DOCUMENTS)


def drip(exchange):
    """A byte at a time, each well within a client's timeout, without an end."""
    exchange.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
    while True:
        exchange.write(b" ")
        time.sleep(0.05)


def silence(exchange):
    time.sleep(3)


@pytest.mark.parametrize("behavior", [drip, silence])
def test_the_budget_is_for_all_of_a_call(behavior):
    with serving(behavior) as endpoint:
        started = time.monotonic()
        with pytest.raises(ProviderTimeout):
            reranker(endpoint.url, budget=0.3).rerank("?", DOCUMENTS)
        assert time.monotonic() - started < 1.5


def flood(exchange):
    exchange.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
    for _ in range(200):
        exchange.write(b" " * 65536)


def test_an_answer_without_end_is_cut():
    with serving(flood) as endpoint, pytest.raises(ProviderError):
        reranker(endpoint.url, budget=10).rerank("?", DOCUMENTS)


def test_there_is_none_unless_it_is_set_up(settings):
    assert get_reranker() is None
    settings.RERANK = {**settings.RERANK, "provider": "cohere", "base_url": "http://x/v1", "model": "m"}
    assert get_reranker().name == "m"
