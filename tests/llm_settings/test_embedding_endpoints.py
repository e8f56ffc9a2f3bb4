from __future__ import annotations

import json
import time

import numpy as np
import pytest

from llm_settings.providers.base import EmbeddingInvalid, ProviderError, ProviderTimeout
from llm_settings.providers.openai import OpenAIEmbedder
from tests.llm_settings.endpoints import answering, serving, streaming


def embedder(url: str) -> OpenAIEmbedder:
    return OpenAIEmbedder(url, "", "embed-test", dimensions=3, timeout=0.5)


def rows(*vectors, **more) -> str:
    return json.dumps({"data": [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)], **more})


def failure_from(behavior, texts=("a", "b")) -> ProviderError:
    with serving(behavior) as endpoint, pytest.raises(ProviderError) as caught:
        embedder(endpoint.url).embed_passages(list(texts))
    return caught.value


def test_vectors_are_scaled_to_length_one():
    with serving(answering("200 OK", rows([3, 0, 4], [0, 2, 0]))) as endpoint:
        vectors = embedder(endpoint.url).embed_passages(["a", "b"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[0.6, 0, 0.8], [0, 1, 0]], rtol=1e-6)


def test_vectors_are_matched_by_their_index():
    data = [{"index": 1, "embedding": [0, 1, 0]}, {"index": 0, "embedding": [1, 0, 0]}]
    with serving(answering("200 OK", json.dumps({"data": data}))) as endpoint:
        vectors = embedder(endpoint.url).embed_passages(["a", "b"])
    np.testing.assert_allclose(vectors, [[1, 0, 0], [0, 1, 0]])


def test_many_texts_go_in_several_requests_and_keep_their_order():
    def behave(exchange):
        answering("200 OK", rows(*[[1, float(text), 0] for text in exchange.body["input"]]))(exchange)

    with serving(behave) as endpoint:
        vectors = embedder(endpoint.url).embed_passages([str(number) for number in range(150)])
        sizes = [len(request.body["input"]) for request in endpoint.requests]
    np.testing.assert_allclose(vectors[:, 1] / vectors[:, 0], range(150), rtol=1e-5)
    assert sum(sizes) == 150
    assert max(sizes) <= 64


def test_nothing_is_asked_for_no_texts():
    with serving(answering("500 No", "")) as endpoint:
        assert embedder(endpoint.url).embed_passages([]).shape == (0, 3)
        assert endpoint.requests == []


def test_empty_text_and_lone_surrogates_are_sent_as_something_lawful():
    with serving(answering("200 OK", rows([1, 0, 0], [1, 0, 0]))) as endpoint:
        embedder(endpoint.url).embed_passages(["", "a\ud800"])
        assert endpoint.requests[0].body["input"] == [" ", "a?"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(rows([1, 0, 0]), id="too few"),
        pytest.param(rows([1, 0, 0], [0, 1, 0], [0, 0, 1]), id="too many"),
        pytest.param(rows([1, 0, 0], [float("nan"), 0, 1]), id="not a number"),
        pytest.param(rows([1, 0, 0], [float("inf"), 0, 1]), id="infinite"),
        pytest.param(rows([1, 0, 0], [0, 0, 0]), id="zero"),
        pytest.param(rows([1, 0], [0, 1]), id="wrong dimension"),
        pytest.param(rows([1, 0, 0], [1]), id="ragged"),
        pytest.param(rows([1, 0, 0], None), id="null"),
        pytest.param(rows([1, 0, 0], ["x", "y", "z"]), id="text"),
        pytest.param('{"data": [{"index": 0, "embedding": [1,0,0]}, {"index": 0, "embedding": [1,0,0]}]}', id="twice"),
        pytest.param('{"data": [1, 2]}', id="bare numbers"),
        pytest.param('{"data": {}}', id="no list"),
        pytest.param("{}", id="nothing"),
    ],
)
def test_unusable_vectors_have_a_name(body):
    error = failure_from(answering("200 OK", body))
    assert isinstance(error, EmbeddingInvalid)
    assert error.code == "embedding_invalid"


@pytest.mark.parametrize(("status", "permanent"), [("401 No", True), ("404 No", True), ("503 Busy", False)])
def test_refusals_are_permanent_and_overload_is_not(status, permanent):
    error = failure_from(answering(status, "{}", headers="retry-after: 9\r\n"))
    assert error.permanent is permanent
    assert error.retry_after == (None if permanent else 9)


@pytest.mark.parametrize(
    "behavior",
    [
        pytest.param(lambda exchange: time.sleep(1), id="silence"),
        pytest.param(streaming(*[b" ", 0.1] * 20), id="drips"),
    ],
)
def test_slow_answers_run_into_a_deadline(behavior):
    began = time.monotonic()
    assert isinstance(failure_from(behavior), ProviderTimeout)
    assert time.monotonic() - began < 2


def test_a_page_instead_of_vectors_is_a_provider_error():
    assert not failure_from(answering("200 OK", "<html>", "text/html")).permanent


def test_the_number_of_tokens_is_estimated_on_the_high_side():
    assert embedder("http://localhost/v1").count_tokens("The quick brown fox jumps over the lazy dog.") >= 10
    assert embedder("http://localhost/v1").count_tokens("知识平台") >= 3
