"""Writing what search reads: a chunk's terms and vector, and the index of a model's vectors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from doculume.ids import new_id
from knowledge.models import TERM_SPACE, Chunk, Entry
from knowledge.search import statistics, vocabulary
from knowledge.search.statistics import Weighed
from knowledge.search.terms import term_key, terms_of
from llm_settings.models import EmbeddingModel

# BM25's parameters (Robertson & Zaragoza, 2009), and what counts as a chunk of ordinary length in the weights that
# are stored, in terms: what is ordinary in a collection changes, and is made good for when a question is asked.
SATURATION = 1.2
LENGTH_SHARE = 0.75
ORDINARY_LENGTH = 150

MOST_TERMS = 16_000  # what pgvector allows in a sparse vector

_PREFIX = "chunk_embedding_hnsw_"
_COUNT = """
    UPDATE knowledge_entry AS entry SET chunk_count = counted.chunks
    FROM unnest(%s::uuid[], %s::int[]) AS counted (id, chunks)
    WHERE entry.account_id = %s AND entry.id = counted.id AND entry.chunk_count <> counted.chunks
"""
_TERM_COLUMNS = "chunk_id, account_id, collection_id, entry_id, language, terms, weights, length"
_VECTOR_COLUMNS = "id, account_id, collection_id, entry_id, chunk_id, model_id, vector"


@dataclass(frozen=True, slots=True)
class Written:
    """An entry with its stored chunks. `texts[i]` is what was embedded of `chunks[i]`, `vectors[model][i]` (of length
    1) is what came of it."""

    entry: Entry
    chunks: Sequence[Chunk]
    texts: Sequence[str]
    vectors: Mapping[EmbeddingModel, NDArray[np.float32]]


def index_entries(account_id: int, written: Sequence[Written]) -> None:
    """Make stored chunks of the account's entries findable. Within the transaction that wrote them, the entries' rows
    locked.

    An entry's title counts twice, because words in a title say more of what a text is about.
    """
    keys, counted = _Keys(account_id), defaultdict[tuple[UUID, str], list[Weighed]](list)
    weighed = [
        [_weighed(keys, terms_of(f"{one.entry.title}\n{text}", one.entry.language)) for text in one.texts]
        for one in written
    ]
    for one, rows in zip(written, weighed, strict=True):
        counted[one.entry.collection_id, one.entry.language] += rows
    statistics.add(account_id, counted)
    vocabulary.learn(account_id, keys)
    of_terms = (_term_rows(one.entry, one.chunks, rows) for one, rows in zip(written, weighed, strict=True))
    _copy("knowledge_chunkterms", _TERM_COLUMNS, chain.from_iterable(of_terms))
    of_vectors = (
        _vector_rows(one.entry, one.chunks, vectors, model) for one in written for model, vectors in one.vectors.items()
    )
    _copy("knowledge_chunkembedding", _VECTOR_COLUMNS, chain.from_iterable(of_vectors))
    for one in written:
        one.entry.chunk_count = len(one.chunks)
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT, [[one.entry.id for one in written], [one.entry.chunk_count for one in written], account_id]
        )


def unindex_entry(account_id: int, entry_id: UUID) -> None:
    """`unindex_entries` of one; also before chunks of a new generation are written."""
    unindex_entries(account_id, [entry_id])


def unindex_entries(account_id: int, entry_ids: Sequence[UUID]) -> None:
    """Delete all chunks of the entries with their terms and vectors, and count them out.

    Within the caller's transaction, the entries' rows locked: the account's statistics are locked here, and whoever
    locked those must not wait for an entry any more.
    """
    statistics.remove_entries(account_id, entry_ids)
    with connection.cursor() as cursor:
        for table in ("knowledge_chunkterms", "knowledge_chunkembedding", "knowledge_chunk"):
            # The names are the three above.
            cursor.execute(
                f"DELETE FROM {table} WHERE account_id = %s AND entry_id = ANY(%s)",  # noqa: S608
                [account_id, list(entry_ids)],
            )


def move_entries(account_id: int, entry_ids: Sequence[UUID], collection_id: UUID) -> None:
    """Put all chunks of the entries, their terms and vectors into another collection, and count them there.

    Within the caller's transaction, the entries' rows locked and both collections held.
    """
    statistics.move_entries(account_id, entry_ids, collection_id)
    with connection.cursor() as cursor:
        for table in ("knowledge_chunkterms", "knowledge_chunkembedding", "knowledge_chunk"):
            # The names are the three above.
            cursor.execute(
                f"UPDATE {table} SET collection_id = %s WHERE account_id = %s AND entry_id = ANY(%s)",  # noqa: S608
                [collection_id, account_id, list(entry_ids)],
            )


def ensure_vector_index(model: EmbeddingModel) -> None:
    """Make the model's HNSW index unless it is there. Outside a transaction nobody has to wait for it."""
    name, within = vector_index(model), connection.in_atomic_block
    concurrently, local = ("", "LOCAL") if within else ("CONCURRENTLY", "SESSION")
    with connection.cursor() as cursor:
        if _is_invalid(name):  # left by a build that broke off
            cursor.execute(f"DROP INDEX {concurrently} IF EXISTS {name}")
        cursor.execute(f"SET {local} statement_timeout = 0")
        try:
            # Vectors have length 1, so that the inner product orders them as the cosine does, and costs less.
            cursor.execute(
                f"CREATE INDEX {concurrently} IF NOT EXISTS {name} ON knowledge_chunkembedding "
                f"USING hnsw ((vector::halfvec({model.dimensions})) halfvec_ip_ops) WHERE model_id = '{model.id}'"
            )
        finally:
            if not within:
                cursor.execute("RESET statement_timeout")


def vector_index(model: EmbeddingModel) -> str:
    """The name of the model's HNSW index."""
    return f"{_PREFIX}{model.id.hex}"


def index_new_model(instance: EmbeddingModel, created: bool, raw: bool = False, **_: object) -> None:
    """Receiver of `post_save`: a new model gets its index while it has no vectors."""
    if created and not raw:
        # Robust: without the index searches are slower, not wrong.
        transaction.on_commit(lambda: ensure_vector_index(instance), robust=True)


def index_all_models(**_: object) -> None:
    """Receiver of `restored`: each model has its index, and models that went with what was there before have none."""
    models = list(EmbeddingModel.objects.all())
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE %s AND relkind = 'i'", [f"{_PREFIX}%"])
        for (name,) in cursor.fetchall():
            if name not in map(vector_index, models):
                cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
    for model in models:
        ensure_vector_index(model)


def unindex_deleted(instance: Entry, **_: object) -> None:
    """Receiver of `pre_delete`: whoever deletes an entry, or what it belongs to, leaves the statistics exact."""
    own = Entry.objects.filter(account_id=instance.account_id, id=instance.id)
    own.select_for_update().values_list("id").first()  # as ingestion does, before the statistics are locked
    unindex_entry(instance.account_id, instance.id)


def _is_invalid(index: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [index])
        row = cursor.fetchone()
    return bool(row and row[0])


class _Keys(dict[str, int]):
    """Each term's key, computed once."""

    def __init__(self, account_id: int) -> None:
        super().__init__()
        self.account_id = account_id

    def __missing__(self, term: str) -> int:
        self[term] = key = term_key(self.account_id, term)
        return key


def _weighed(keys: _Keys, terms: list[str]) -> Weighed:
    """BM25's weight of each term in a chunk, without the term's rarity: that is the question's part."""
    norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * len(terms) / ORDINARY_LENGTH)
    counts: dict[int, int] = {}
    for term, count in Counter(terms).most_common(MOST_TERMS):
        counts[keys[term]] = counts.get(keys[term], 0) + count
    return Weighed(((key, count / (count + norm)) for key, count in sorted(counts.items())), len(terms))


def _term_rows(entry: Entry, chunks: Sequence[Chunk], weights: Sequence[Weighed]) -> Iterator[tuple[object, ...]]:
    for chunk, weighed in zip(chunks, weights, strict=True):
        terms = "{" + ",".join(map(str, weighed)) + "}"
        place = (chunk.id, entry.account_id, entry.collection_id, entry.id, entry.language)
        yield (*place, terms, sparse(weighed), weighed.length)


def _vector_rows(
    entry: Entry, chunks: Sequence[Chunk], vectors: NDArray[np.float32], model: EmbeddingModel
) -> Iterator[tuple[object, ...]]:
    for chunk, vector in zip(chunks, vectors, strict=True):
        yield (new_id(), entry.account_id, entry.collection_id, entry.id, chunk.id, model.id, dense(vector))


def sparse(weights: dict[int, float]) -> str:
    """A sparse vector as pgvector reads it."""
    return "{" + ",".join(f"{key}:{weight:.6g}" for key, weight in weights.items()) + f"}}/{TERM_SPACE}"


def dense(vector: NDArray[np.float32]) -> str:
    return "[" + ",".join(["%.6g"] * len(vector)) % tuple(vector.tolist()) + "]"


def _copy(table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
