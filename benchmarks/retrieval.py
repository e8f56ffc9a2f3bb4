"""How well search ranks: nDCG@10, recall and MRR of each leg and of both, over collections in BEIR's form.

    python -m benchmarks.retrieval [FOLDER] [--sets NAME …] [--whole]

FOLDER (or $DOCULUME_SHARED_DATA) holds `retrieval/<set>/{corpus.jsonl,queries.jsonl,qrels.tsv}`. Each set is
ingested as entries of an account of its own, by the production chunker, embedder and index, into a scratch
database on the configured server, which is dropped afterwards. `--across A B` asks the questions of A in B.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from accounts.models import Account  # noqa: E402
from knowledge.ingestion.chunking import chunk_document  # noqa: E402
from knowledge.ingestion.language import detect_language  # noqa: E402
from knowledge.ingestion.parsers.base import Block, ParsedDocument  # noqa: E402
from knowledge.ingestion.pipeline import embedded_text  # noqa: E402
from knowledge.models import Chunk, Collection, Entry  # noqa: E402
from knowledge.search import SearchHit, search  # noqa: E402
from knowledge.search.indexes import Written, index_entries  # noqa: E402
from llm_settings.models import EmbeddingModel  # noqa: E402
from llm_settings.providers import get_embedder  # noqa: E402

Judgments = dict[str, dict[str, int]]


@dataclass(frozen=True)
class TestSet:
    name: str
    corpus: list[dict[str, str]]
    queries: list[dict[str, str]]
    judgments: Judgments

    @classmethod
    def read(cls, folder: Path) -> TestSet:
        rows = [line.split("\t") for line in (folder / "qrels.tsv").read_text().splitlines()[1:]]
        judgments: Judgments = {}
        for query, document, gain in rows:
            judgments.setdefault(query, {})[document] = int(gain)
        corpus, queries = (
            [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
            for name in ("corpus", "queries")
        )
        return cls(folder.name, corpus, [query for query in queries if query["_id"] in judgments], judgments)


@contextmanager
def scratch_database(name: str) -> Iterator[None]:
    """A database of that name, migrated and empty; gone afterwards."""
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = name
    connection.settings_dict["TEST"]["NAME"] = name
    own = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(own, verbosity=0)


def ingest(test_set: TestSet, whole: bool) -> Account:
    """The set as entries of a new account, through the production stages (whole: one chunk a text)."""
    account = Account.objects.create(name=test_set.name)
    collection = Collection.objects.create(account=account, name=test_set.name)
    model = EmbeddingModel.objects.active()
    embedder = get_embedder(model)
    for row in test_set.corpus:
        entry = Entry(account=account, collection=collection, source_type="benchmark", source_id=row["_id"])
        entry.title, entry.text = row["title"].strip()[:500], row["text"]
        entry.language, entry.active_generation = detect_language(f"{entry.title}\n{entry.text}"), 1
        chunks, texts = cut(entry, whole)
        vectors = embedder.embed_passages(texts)
        with transaction.atomic():
            entry.save()
            Chunk.objects.bulk_create(chunks)
            index_entries(account.id, [Written(entry, chunks, texts, {model: vectors})])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return account


def cut(entry: Entry, whole: bool) -> tuple[list[Chunk], list[str]]:
    if whole or not entry.text.strip():
        return [chunk_of(entry, 0, 0, len(entry.text))], [f"{entry.title}\n{entry.text}".strip()]
    embedder = get_embedder()
    tokens = min(settings.INGESTION["chunk_tokens"], embedder.max_tokens - 40)
    parsed = ParsedDocument("txt", entry.title, [Block("paragraph", entry.text)])
    content = chunk_document(parsed, embedder.count_tokens, max_tokens=tokens)
    entry.text = content.text
    chunks = [chunk_of(entry, draft.position, draft.start, draft.end) for draft in content.chunks]
    return chunks, [embedded_text(entry.title, draft) for draft in content.chunks]


def chunk_of(entry: Entry, position: int, start: int, end: int) -> Chunk:
    return Chunk(
        account_id=entry.account_id,
        collection_id=entry.collection_id,
        entry=entry,
        generation=entry.active_generation,
        position=position,
        text=entry.text[start:end],
        start=start,
        end=end,
        token_count=0,
    )


def ndcg(ranked: list[str], gains: dict[str, int], depth: int = 10) -> float:
    def discounted(values: list[int]) -> float:
        return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(values[:depth]))

    ideal = discounted(sorted(gains.values(), reverse=True))
    return discounted([gains.get(document, 0) for document in ranked]) / ideal if ideal else 0.0


def recall(ranked: list[str], gains: dict[str, int], depth: int) -> float:
    relevant = {document for document, gain in gains.items() if gain > 0}
    return len(relevant & set(ranked[:depth])) / len(relevant)


def reciprocal_rank(ranked: list[str], gains: dict[str, int]) -> float:
    return next((1 / rank for rank, document in enumerate(ranked, 1) if gains.get(document, 0) > 0), 0.0)


LEGS: dict[str, Callable[[SearchHit], float | None]] = {
    "both": lambda hit: 0,
    "vector": lambda hit: hit.vector_rank,
    "text": lambda hit: hit.lexical_rank,
}


def ask(account: Account, questions: TestSet, label: str) -> None:
    """Search for every question and print a row a leg. A leg's ranking is that of the entries' best chunks."""
    names = dict(Entry.objects.filter(account=account).values_list("id", "source_id"))
    scores: dict[str, list[tuple[float, ...]]] = {leg: [] for leg in LEGS}
    took = []
    for query in questions.queries:
        started = time.perf_counter()
        hits = search(account, query["text"], limit=100, per_entry=True).hits
        took.append((time.perf_counter() - started) * 1000)
        gains = questions.judgments[query["_id"]]
        for leg, rank_of in LEGS.items():
            ranks = {names[hit.entry_id]: rank for hit in hits if (rank := rank_of(hit)) is not None}
            ranked = sorted(ranks, key=lambda name: ranks[name])
            scores[leg].append(
                (
                    ndcg(ranked, gains),
                    recall(ranked, gains, 10),
                    recall(ranked, gains, 100),
                    reciprocal_rank(ranked, gains),
                )
            )
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    for leg, rows in scores.items():
        means = "  ".join(f"{statistics.fmean(column):.4f}" for column in zip(*rows, strict=True))
        timing = f"{p50:7.1f} {p95:7.1f}" if leg == "both" else ""
        print(f"{label:26} {leg:7} {means}  {timing}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=os.environ.get("DOCULUME_SHARED_DATA", "../shared/data"))
    parser.add_argument("--sets", nargs="+", help="only these")
    parser.add_argument("--whole", action="store_true", help="one chunk a text, however long")
    parser.add_argument("--across", nargs=2, action="append", default=[], metavar=("QUESTIONS", "CORPUS"))
    options = parser.parse_args()
    folder = Path(options.folder) / "retrieval"
    names = options.sets or sorted(path.name for path in folder.iterdir() if path.is_dir())
    sets = {name: TestSet.read(folder / name) for name in names}
    with scratch_database("benchmark_retrieval"):
        accounts = {}
        for name, test_set in sets.items():
            started = time.perf_counter()
            accounts[name] = ingest(test_set, options.whole)
            print(f"{name}: {len(test_set.corpus)} entries in {time.perf_counter() - started:.0f} s", flush=True)
        print(f"{'set':26} {'leg':7} nDCG@10 rec@10  rec@100 MRR        p50 ms  p95 ms")
        for name, test_set in sets.items():
            ask(accounts[name], test_set, name)
        for questions, corpus in options.across:
            ask(accounts[corpus], sets[questions], f"{questions} in {corpus}")


if __name__ == "__main__":
    main()
