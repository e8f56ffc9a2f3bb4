"""Many entries at once, a chunk each, with vectors that a test places: the rows ingestion leaves, by few statements."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from uuid import UUID

import numpy as np
from django.db import connection

from doculume.ids import new_id
from knowledge.models import Chunk, Collection, Entry
from knowledge.search import entries, indexes, statistics
from knowledge.search.terms import terms_of
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.calibration import similarity

DIMENSIONS = 384


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def crowd(
    collection: Collection,
    texts: Sequence[str],
    metas: Sequence[dict[str, Any]],
    vectors: np.ndarray,
    *,
    searchable: Sequence[dict[str, Any]] | None = None,
    titles: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> list[UUID]:
    """The entries' ids, in the order given."""
    now, account = datetime.now(UTC), collection.account_id
    rows = [
        Entry(
            account_id=account, collection=collection, source_type="crowd",
            source_id=sources[at] if sources else str(at),
            title=titles[at] if titles else "", raw_text=text, text=text, language="en", meta=metas[at],
            searchable_meta=searchable[at] if searchable else {}, active_generation=1, chunk_count=1, created_at=now,
        )
        for at, text in enumerate(texts)
    ]  # fmt: skip
    Entry.objects.bulk_create(rows, batch_size=2_000)
    chunks = [
        Chunk(
            account_id=account, collection=collection, entry=entry, generation=1, position=0, text=entry.text, start=0,
            end=len(entry.text), token_count=1,
        )
        for entry in rows
    ]  # fmt: skip
    Chunk.objects.bulk_create(chunks, batch_size=2_000)
    _index(collection, rows, chunks, vectors)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE knowledge_entry, knowledge_chunkembedding, knowledge_chunkterms")
    return [entry.id for entry in rows]


def _index(collection: Collection, rows: list[Entry], chunks: list[Chunk], vectors: np.ndarray) -> None:
    account, model, keys = collection.account_id, EmbeddingModel.objects.active(), indexes._Keys(collection.account_id)
    weighed = [indexes._weighed(keys, terms_of(f"{row.title}\n{row.text}", "en")) for row in rows]
    statistics.add(account, {(collection.id, "en"): weighed})
    indexes._copy("knowledge_chunkterms", indexes._TERM_COLUMNS, (
        (c.id, account, collection.id, c.entry_id, "en", "{" + ",".join(map(str, w)) + "}", indexes.sparse(w), w.length)
        for c, w in zip(chunks, weighed, strict=True)
    ))  # fmt: skip
    indexes._copy("knowledge_chunkembedding", indexes._VECTOR_COLUMNS, (
        (new_id(), account, collection.id, c.entry_id, c.id, model.id, indexes.dense(v))
        for c, v in zip(chunks, vectors, strict=True)
    ))  # fmt: skip


class Placed:
    """The model itself, but for the questions' vectors, which the test knows, and for a scale without corners."""

    scale = [(0.0, 0.0), (1.0, 1.0)]

    def __init__(self, questions: dict[str, np.ndarray]) -> None:
        self.questions = questions
        self.real = get_embedder(EmbeddingModel.objects.active())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def embed_query(self, text: str) -> np.ndarray:
        return self.questions[text]

    def similarity(self, cosine: float) -> float:
        return similarity(cosine, self.scale)


@contextmanager
def asking(**questions: np.ndarray):
    """Within it, a question is the vector given for it."""
    with mock.patch.object(entries, "get_embedder", return_value=Placed(questions)):
        yield


def cosines(vectors: np.ndarray, question: np.ndarray) -> np.ndarray:
    """As the database has them: vectors are stored in half precision."""
    dense = np.array([float(f"{value:.6g}") for value in question], np.float16)
    return vectors.astype(np.float16).astype(np.float64) @ dense.astype(np.float64)
