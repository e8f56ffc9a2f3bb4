"""The semantic leg: the chunks whose vectors lie nearest to the question's."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from knowledge.search._filters import Id, Scope
from knowledge.search.indexes import vector_index
from llm_settings.models import EmbeddingModel

# Up to this many chunks in scope, all are compared.
EXACT_UP_TO = 20_000
# Comparing a chunk costs about 0.6 µs (384 dimensions); walking the graph, about 50 µs for each chunk that is met,
# of which only the share in scope counts. For the hundred best both cost the same where scope² = GRAPH_COST · all.
GRAPH_COST = 8_000

_EXACT = """
    SELECT chunk_id::text, entry_id::text, -(vector <#> %s::halfvec) AS cosine FROM knowledge_chunkembedding AS own
    WHERE {condition} AND model_id = %s
    ORDER BY cosine DESC, own.chunk_id LIMIT %s
"""
# Relaxed order, hence the sort around it. Model and dimensions as the index has them, or it would not be used.
_APPROXIMATE = """
    SELECT chunk_id::text, entry_id::text, -distance AS cosine FROM (
        SELECT chunk_id, entry_id, vector::halfvec({dimensions}) <#> %s::halfvec({dimensions}) AS distance
        FROM knowledge_chunkembedding WHERE {condition} AND model_id = %s
        ORDER BY vector::halfvec({dimensions}) <#> %s::halfvec({dimensions}) LIMIT %s
    ) AS near
    ORDER BY cosine DESC, near.chunk_id
"""
FRESH_SECONDS = 60.0
_VECTORS: dict[UUID, tuple[int, float]] = {}
# A scan of the whole table would be a scan of everybody's chunks, and starting a worker takes longer than it saves.
SETTINGS = """
    SET LOCAL enable_seqscan = off;
    SET LOCAL max_parallel_workers_per_gather = 0;
    SET LOCAL hnsw.iterative_scan = relaxed_order;
    SET LOCAL hnsw.ef_search = 200;
    SET LOCAL hnsw.max_scan_tuples = 40000
"""


class Near(NamedTuple):
    chunk_id: Id
    entry_id: Id
    cosine: float


def nearest(scope: Scope, model: EmbeddingModel, vector: str, limit: int) -> list[Near]:
    """The chunks in scope with the highest cosines, highest first; `vector` as pgvector reads it.

    As many as asked for, if the scope has them. To be called with SETTINGS in force.
    """
    if not scope.chunks:
        return []
    if scope.chunks <= exact_up_to(model):
        return exact(scope, model, vector, limit)
    found = _approximate(scope, model, vector, limit)
    # The walk ends after so many chunks, whether it met enough in scope or not.
    return found if len(found) == limit else exact(scope, model, vector, limit)


def exact_up_to(model: EmbeddingModel) -> int:
    return max(EXACT_UP_TO, math.isqrt(GRAPH_COST * _vectors_of(model)))


def _vectors_of(model: EmbeddingModel) -> int:
    """About how many vectors the model has in all accounts, as the planner knew it a minute ago at most."""
    known, asked_at = _VECTORS.get(model.id, (0, -math.inf))
    if time.monotonic() - asked_at < FRESH_SECONDS:
        return known
    counted = _count_vectors(model)
    _VECTORS[model.id] = counted, time.monotonic()
    return counted


def _count_vectors(model: EmbeddingModel) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)", [vector_index(model)])
        row = cursor.fetchone()
    return max(0, int(row[0])) if row else 0


def exact(scope: Scope, model: EmbeddingModel, vector: str, limit: int) -> list[Near]:
    condition, bound = scope.where()
    return _fetch(_EXACT.format(condition=condition), [vector, *bound, model.id, limit])


def _approximate(scope: Scope, model: EmbeddingModel, vector: str, limit: int) -> list[Near]:
    condition, bound = scope.where()
    statement = _APPROXIMATE.format(condition=condition, dimensions=int(model.dimensions))
    return _fetch(statement, [vector, *bound, model.id, vector, limit])


def _fetch(statement: str, parameters: list[Any]) -> list[Near]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Near(*row) for row in cursor.fetchall()]
