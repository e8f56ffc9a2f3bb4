"""How long a filtered search among entries takes, in the whole process and in the database, beside raw SQL.

    python -m benchmarks.entry_search [ENTRIES]

Entries are synthetic, a chunk each: 60 words by Zipf's law, a vector around one of 2,000 topics, and fields of many
kinds. Questions are eight words of an entry with a vector near it, so that embedding is left out of the times. `CPU`
is of this process and of its database connection together. The scratch database on the configured server is dropped
afterwards.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.retrieval import scratch_database  # sets Django up
from benchmarks.search_growth import LIKELIHOOD, RANDOM, TOPICS, VOCABULARY, Question, near, refresh

from django.db import connection, transaction  # isort: skip

from accounts.models import Account
from doculume.ids import new_id
from knowledge.models import Chunk, Collection, Entry
from knowledge.search import Boost, MetaFilter, SortKey, entries, indexes, search_entries, vocabulary
from knowledge.search import statistics as terms_known
from knowledge.search.terms import terms_of
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.calibration import similarity

WORDS = 60
BATCH = 1_000
QUESTIONS = 60


def fields() -> dict[str, Any]:
    day = datetime.date(2015, 1, 1) + datetime.timedelta(days=int(RANDOM.integers(4000)))
    return {
        "category": f"category {RANDOM.integers(100)}",
        "kind": f"kind {RANDOM.integers(10)}",
        "half": bool(RANDOM.integers(2)),
        "price": round(float(RANDOM.uniform(0, 1000)), 2),
        "published_at": day.isoformat(),
        "stock": {"level": int(RANDOM.integers(1000))},
        "tags": [f"tag {tag}" for tag in RANDOM.choice(200, 3, replace=False)],
        "rare": int(RANDOM.integers(5000)),
    }


@transaction.atomic
def load(collection: Collection, count: int, model: EmbeddingModel) -> list[Question]:
    """A batch of entries as ingestion leaves them, by the same rows but in fewer statements."""
    account, collection_id = collection.account_id, collection.id
    texts = [" ".join(words) for words in RANDOM.choice(VOCABULARY, (count, WORDS), p=LIKELIHOOD)]
    vectors = near(TOPICS[RANDOM.integers(len(TOPICS), size=count)], 0.8)
    entries_ = [
        Entry(
            account_id=account, collection=collection, source_type="benchmark", source_id=str(new_id()),
            title=text[:60], raw_text=text, text=text, language="en", meta=fields(), active_generation=1, chunk_count=1,
        )
        for text in texts
    ]  # fmt: skip
    Entry.objects.bulk_create(entries_)
    chunks_ = [
        Chunk(
            account_id=account, collection=collection, entry=entry, generation=1, position=0, text=entry.text,
            start=0, end=len(entry.text), token_count=WORDS,
        )
        for entry in entries_
    ]  # fmt: skip
    Chunk.objects.bulk_create(chunks_)
    ids, chunks = [entry.id for entry in entries_], [chunk.id for chunk in chunks_]
    keys = indexes._Keys(account)
    rows = [indexes._weighed(keys, terms_of(text, "en")) for text in texts]
    terms_known.add_chunks(account, collection_id, "en", rows)
    vocabulary.learn(account, keys)
    indexes._copy("knowledge_chunkterms", indexes._TERM_COLUMNS, (
        (c, account, collection_id, i, "en", "{" + ",".join(map(str, w)) + "}", indexes.sparse(w), w.length)
        for c, i, w in zip(chunks, ids, rows, strict=True)
    ))  # fmt: skip
    indexes._copy("knowledge_chunkembedding", indexes._VECTOR_COLUMNS, (
        (new_id(), account, collection_id, i, c, model.id, indexes.dense(v))
        for c, i, v in zip(chunks, ids, vectors, strict=True)
    ))  # fmt: skip
    words = [RANDOM.choice(text.split(), 8, replace=False) for text in texts[:10]]
    return [Question(" ".join(w), near(v, 0.5)) for w, v in zip(words, vectors, strict=False)]


def cpu_of(pid: int) -> float:
    """Seconds a process has spent."""
    parts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def measure(label: str, ask: Callable[[Question], Any], questions: list[Question]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    for question in questions[:5]:
        ask(question)
    took, own, database = [], time.process_time(), cpu_of(backend)
    totals = []
    for question in questions:
        started = time.perf_counter()
        found = ask(question)
        took.append((time.perf_counter() - started) * 1000)
        totals.append(getattr(found, "total", 0))
    own, database = (
        (time.process_time() - own) / len(questions) * 1000,
        (cpu_of(backend) - database) / len(questions) * 1000,
    )
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    laps = getattr(found, "timings", {})
    detail = " ".join(f"{name} {value:.1f}" for name, value in laps.items() if name != "total")
    total = statistics.median(totals)
    print(
        f"| {label:44} | {p50:6.1f} | {p95:6.1f} | {own:5.1f} + {database:5.1f} | {total:7.0f} | {detail}",
        flush=True,
    )


FILTERS: dict[str, tuple[MetaFilter, ...]] = {
    "no filter": (),
    "half of the entries": (MetaFilter("half", "eq", (True,)),),
    "a kind (10 %)": (MetaFilter("kind", "eq", ("kind 3",)),),
    "a tag of an array (1.5 %)": (MetaFilter("tags", "eq", ("tag 7",)),),
    "a category (1 %)": (MetaFilter("category", "eq", ("category 3",)),),
    "two categories, below a price (1 %)": (
        MetaFilter("category", "or", ("category 3", "category 4")), MetaFilter("price", "lt", (500,)),
    ),
    "a range of prices (2 %)": (MetaFilter("price", "gte", (100,)), MetaFilter("price", "lt", (120,))),
    "a range of dates (25 %)": (MetaFilter("published_at", "gte", ("2023-03-01",)),),
    "a nested number": (MetaFilter("stock.level", "eq", ("17",)),),
    "one entry": (MetaFilter("rare", "eq", (17,)),),
}  # fmt: skip

RAW = """
    SELECT chunk.entry_id, -(chunk.vector <#> %s::halfvec) FROM knowledge_chunkembedding AS chunk
    JOIN knowledge_entry AS entry ON entry.account_id = %s AND entry.id = chunk.entry_id AND entry.meta @> %s::jsonb
    WHERE chunk.account_id = %s AND chunk.model_id = %s ORDER BY 2 DESC LIMIT 10
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entries", nargs="?", type=int, default=50_000)
    options = parser.parse_args()
    with scratch_database("benchmark_entries"):
        run(options.entries)


def run(size: int) -> None:
    model = EmbeddingModel.objects.active()
    account = Account.objects.create(name="entries")
    collection = Collection.objects.create(account=account, name="all")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {indexes.vector_index(model)}")
    started = time.perf_counter()
    questions = [question for _ in range(size // BATCH) for question in load(collection, BATCH, model)]
    print(f"{size / (time.perf_counter() - started):.0f} entries a second", flush=True)
    indexes.ensure_vector_index(model)
    refresh()
    sizes()
    asked = [questions[index] for index in RANDOM.choice(len(questions), QUESTIONS)]
    compare(account, collection, model, asked)


def compare(account: Account, collection: Collection, model: EmbeddingModel, asked: list[Question]) -> None:
    def ask(threshold: float = 0.4, **options: Any) -> Callable[[Question], Any]:
        return lambda question: search_entries(
            account, question.text, collection_ids=[collection.id], threshold=threshold, **options
        )

    print(f"| {'':44} | p50 ms | p95 ms | CPU ms: own + db | total |")
    with mock.patch.object(entries, "get_embedder", return_value=Known(model, asked + typed(asked))):
        for label, filters in FILTERS.items():
            for threshold in (0.4, 0.0):
                measure(f"{label}, threshold {threshold}", ask(threshold, meta=filters), asked)
        kind = FILTERS["a kind (10 %)"]
        measure("10 %, a boost", ask(meta=kind, boosts=[Boost("published_at", "recency")]), asked)
        measure("10 %, sorted by price", ask(0.0, meta=kind, sorts=[SortKey("price", "asc", "number")]), asked)
        measure("a search box, all", ask(as_you_type=True), typed(asked))
        measure("all, sorted by price", ask(0.0, sorts=[SortKey("price", "asc", "number")]), asked)
    for label, document in (
        ("raw SQL, vectors only, 10 %", {"kind": "kind 3"}),
        ("raw SQL, vectors only, 1 %", {"category": "category 3"}),
    ):
        measure(label, lambda question, d=document: raw(account, model, question, d), asked)


def typed(asked: list[Question]) -> list[Question]:
    """Two words and the beginning of a third; the second is misspelled."""
    return [Question(" ".join([w[0], w[1] + "x", w[2][:3]]), q.vector) for q in asked for w in [q.text.split()]]


def raw(account: Account, model: EmbeddingModel, question: Question, document: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        vector = indexes.dense(question.vector)
        cursor.execute(RAW, [vector, account.id, json.dumps(document), account.id, model.id])
        cursor.fetchall()


class Known:
    """The model itself, but for the questions, whose vectors are known, and for what a cosine means here."""

    scale = [(0.0, 0.0), (0.45, 0.4), (0.7, 0.7), (1.0, 1.0)]

    def __init__(self, model: EmbeddingModel, asked: list[Question]) -> None:
        self.real = get_embedder(model)
        self.vectors = {question.text: question.vector for question in asked}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def embed_query(self, text: str) -> Any:
        return self.vectors[text]

    def similarity(self, cosine: float) -> float:
        return similarity(cosine, self.scale)


def sizes() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_relation_size(oid) / 1024 FROM pg_class WHERE relname ~ '^(knowledge_|entry_|chunk_)' "
            "AND relkind IN ('r', 'i') ORDER BY 2 DESC LIMIT 14"
        )
        print(", ".join(f"{name} {size} kB" for name, size in cursor.fetchall()), flush=True)


if __name__ == "__main__":
    main()
