"""How long a search takes as an account grows, alone and among other accounts, and how many chunks a second go in.

    python -m benchmarks.search_growth [SIZE …]

Chunks are synthetic: 200 words each by Zipf's law, vectors around 2,000 topics. Questions are eight words of a
chunk with a vector near that chunk's, so that embedding is left out of the times. `found`: of the exact ten and the
exact hundred nearest, the share among the hundred that the vector leg returned. The scratch database on the
configured server is dropped afterwards.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.retrieval import scratch_database  # sets Django up

from django.db import connection, transaction  # isort: skip

import knowledge.search as front
from accounts.models import Account
from knowledge.models import Chunk, Collection, Entry
from knowledge.search import SearchFilters, _vector, search
from knowledge.search._filters import scope_of
from knowledge.search.indexes import Written, dense, index_entries
from llm_settings.models import EmbeddingModel

DIMENSIONS = 384
WORDS = 200
ENTRY = 100  # chunks
QUESTIONS = 40
RANDOM = np.random.default_rng(42)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = np.array(["".join(letters) for letters in itertools.islice(itertools.product(LETTERS, repeat=4), 100_000)])
LIKELIHOOD = 1 / np.arange(1, len(VOCABULARY) + 1)
LIKELIHOOD /= LIKELIHOOD.sum()


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


TOPICS = unit(RANDOM.normal(size=(2_000, DIMENSIONS)))


@dataclass
class Question:
    text: str
    vector: NDArray[np.float32]


class Asked:
    """Stands where the embedder does: the vectors of questions are known."""

    def __init__(self, questions: list[Question]) -> None:
        self.vectors = {question.text: question.vector for question in questions}

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return self.vectors[text]

    def similarity(self, cosine: float) -> float:
        return cosine


def near(vectors: NDArray[np.float32], spread: float) -> NDArray[np.float32]:
    return unit(vectors + spread * unit(RANDOM.normal(size=vectors.shape)))


def fill(collections: list[Collection], count: int, model: EmbeddingModel) -> list[Question]:
    """Write `count` chunks, spread over the collections; returns questions that some of them answer."""
    questions = []
    for start in range(0, count, ENTRY):
        collection = collections[start // ENTRY % len(collections)]
        texts = [" ".join(words) for words in RANDOM.choice(VOCABULARY, (ENTRY, WORDS), p=LIKELIHOOD)]
        vectors = near(TOPICS[RANDOM.integers(len(TOPICS), size=ENTRY)], 0.8)
        write(collection, texts, vectors, model)
        words = RANDOM.choice(texts[0].split(), 8, replace=False)
        questions.append(Question(" ".join(words), near(vectors[0], 0.5)))
    return questions


@transaction.atomic
def write(collection: Collection, texts: list[str], vectors: NDArray[np.float32], model: EmbeddingModel) -> None:
    entry = Entry(account_id=collection.account_id, collection=collection, source_type="benchmark", active_generation=1)
    entry.source_id = str(entry.id)
    entry.save()
    chunks = [
        Chunk(
            account_id=entry.account_id, collection=collection, entry=entry, generation=1, position=position,
            text=text, start=0, end=len(text), token_count=WORDS,
        )
        for position, text in enumerate(texts)
    ]  # fmt: skip
    Chunk.objects.bulk_create(chunks)
    index_entries(entry.account_id, [Written(entry, chunks, texts, {model: vectors})])


def measure(label: str, account: Account, model: EmbeddingModel, questions: list[Question], **filters: Any) -> None:
    """Print a row of median and 95th percentile, in milliseconds, of the legs and the whole."""
    chosen = SearchFilters(**filters)
    laps: dict[str, list[float]] = {"vector": [], "text": [], "fetch": [], "total": []}
    with mock.patch.object(front, "get_embedder", return_value=Asked(questions)):
        for question in [*questions[:5], *questions]:  # the first ones warm up
            result = search(account, question.text, limit=10, filters=chosen)
            for lap in laps:
                laps[lap].append(result.timings[lap])
    shares = [shares_found(account, model, question, chosen) for question in questions[:10]]
    cells = []
    for times in laps.values():
        kept = times[5:]
        cells.append(f"{statistics.median(kept):6.1f} / {statistics.quantiles(kept, n=20)[-1]:6.1f}")
    found = " / ".join(f"{statistics.fmean(share):.3f}" for share in zip(*shares, strict=True))
    print(f"| {label:44} | {' | '.join(cells)} | {found} |", flush=True)


def shares_found(account: Account, model: EmbeddingModel, question: Question, filters: SearchFilters) -> list[float]:
    """Of the exact ten and the exact hundred nearest, the share among the hundred that the leg returned."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_vector.SETTINGS)
        scope, vector = scope_of(account.id, filters), dense(question.vector)
        found = {hit.chunk_id for hit in _vector.nearest(scope, model, vector, 100)}
        exact = [hit.chunk_id for hit in _vector.exact(scope, model, vector, 100)]
    return [len(found & set(exact[:depth])) / min(depth, len(exact)) for depth in (10, 100)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[1_000, 10_000, 50_000])
    options = parser.parse_args()
    with scratch_database("benchmark_growth"):
        model = EmbeddingModel.objects.active()
        account = Account.objects.create(name="growing")
        collections = [Collection.objects.create(account=account, name=f"c{number}") for number in range(10)]
        others = [Account.objects.create(name=f"other {number}") for number in range(50)]
        beside = [Collection.objects.create(account=other, name="all") for other in others]
        print(
            f"| {'chunks':44} | vector p50/p95  | text p50/p95    | fetch p50/p95   | total p50/p95   | found 10/100  |"
        )
        written, questions, foreign = 0, [], []
        for size in sorted(options.sizes):
            started = time.perf_counter()
            questions += fill(collections, size - written, model)
            rate = (size - written) / (time.perf_counter() - started)
            written = size
            asked = [questions[index] for index in RANDOM.choice(len(questions), QUESTIONS)]
            refresh()
            measure(f"{size} alone ({rate:.0f} written a second)", account, model, asked)
            foreign += fill(beside, size, model)
            refresh()
            measure(f"{size} beside {len(foreign) * ENTRY} of 50 accounts", account, model, asked)
            measure("… in one of ten collections", account, model, asked, collection_ids=(collections[0].id,))
            small = [foreign[index] for index in RANDOM.choice(len(foreign), QUESTIONS)]
            measure("… one of the small accounts", others[0], model, small)


def refresh() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main()
