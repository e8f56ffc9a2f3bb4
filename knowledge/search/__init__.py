"""The front door to finding: `search()` for chunks, `search_entries()` for entries.

Two legs look in the same scope, by meaning (`_vector`) and by words (`_text`), and their rankings become one
(`_fusion`). Every statement binds the account; filters are part of what each leg asks, never applied afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts.models import Account
from doculume.postgresql.statements import Statement
from knowledge.search import _text, _vector
from knowledge.search._filters import Id, Scope, SearchFilters, scope_of
from knowledge.search._fusion import WINDOW, Fused, fuse
from knowledge.search._running import LONGEST_QUERY, Clock, Moment, snapshot
from knowledge.search.entries import (
    Boost,
    BoostApplied,
    EntryChunk,
    EntryHit,
    EntryResults,
    SortKey,
    search_entries,
)
from knowledge.search.indexes import dense
from knowledge.search.meta import MetaFilter, UnusableRange
from knowledge.search.pointers import model_of
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.base import Embedder

__all__ = [
    "LONGEST_QUERY", "Boost", "BoostApplied", "EntryChunk", "EntryHit", "EntryResults", "MetaFilter", "SearchFilters",
    "SearchHit", "SearchResult", "SortKey", "UnusableRange", "search", "search_entries", "weights_for",
]  # fmt: skip

MOST_HITS = 200
EVERYTHING = SearchFilters()

_HITS = Statement("""
    SELECT chunk.id AS chunk_id, chunk.entry_id, document.id AS document_id, chunk.collection_id,
           coalesce(document.filename, '') AS filename, entry.title, chunk.page_number, chunk.heading_path, chunk.kind,
           chunk.text, chunk.context, chunk.start, chunk."end", entry.language, entry.source_url AS url,
           coalesce(-(embedding.vector <#> %s::halfvec), 0) AS cosine
    FROM knowledge_chunk AS chunk
    JOIN knowledge_entry AS entry
      ON entry.account_id = %s AND entry.id = chunk.entry_id AND entry.active_generation = chunk.generation
    LEFT JOIN knowledge_document AS document
      ON document.account_id = %s AND document.entry_id = entry.id
    LEFT JOIN knowledge_chunkembedding AS embedding
      ON embedding.account_id = %s AND embedding.chunk_id = chunk.id AND embedding.model_id = %s
    WHERE chunk.account_id = %s AND chunk.id = ANY(%s)
""")


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A chunk that was found, with all that is shown or cited of it."""

    chunk_id: UUID
    entry_id: UUID
    document_id: UUID | None
    collection_id: UUID
    filename: str
    title: str
    page_number: int | None
    heading_path: tuple[str, ...]
    kind: str
    text: str
    context: str
    start: int
    end: int
    language: str
    score: float
    """Of the joint ranking, 0 to 1: good for order within one search, not for comparing searches."""
    similarity: float
    """0 to 1, the same for every embedding model; see `Embedder.similarity`."""
    cosine: float
    """0 where the active model has not embedded the chunk yet."""
    lexical_score: float
    """BM25; 0 where the lexical leg did not find the chunk."""
    vector_rank: int | None
    lexical_rank: int | None
    url: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    hits: list[SearchHit]
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds: embed, vector, text, fetch, total."""
    query_terms: dict[str, float] = field(default_factory=dict)
    """The question's terms and what each weighs in this account; see `weights_for`."""
    searched: int = 0
    """How many chunks were in scope."""


def search(
    account: Account,
    query: str,
    *,
    limit: int = 5,
    filters: SearchFilters = EVERYTHING,
    per_entry: bool = False,
    model: EmbeddingModel | None = None,
) -> SearchResult:
    """The account's chunks that answer the query best, best first; at most MOST_HITS.

    `per_entry`: each entry once, by its best chunk. `model`: another than the account's, whose vectors are complete
    or on their way. Raises ProviderError when the query cannot be embedded.
    """
    text = query[:LONGEST_QUERY].replace("\0", " ").strip()
    limit = min(limit, MOST_HITS)
    if not text or limit < 1:
        return SearchResult([])
    clock = Clock()
    scope = scope_of(account.id, filters)
    model = model or model_of(scope.answering)
    embedder = get_embedder(model)
    # Before the transaction: a remote model may take its time.
    vector = dense(embedder.embed_query(text))
    clock.lap("embed")
    depth = max(WINDOW, 2 * limit if per_entry else limit)
    reading = _text.Reading(scope, text)
    with snapshot(_text.STATISTICS, reading.bound) as moment:
        near = _vector.nearest(scope, model, vector, depth)
        clock.lap("vector")
        terms = reading.weighed(moment.first)
        found = _text.matching(scope, terms, depth)
        clock.lap("text")
        ranked = fuse(near, found, terms.full_weight)
        chosen = (_best_of_entries(ranked) if per_entry else ranked)[:limit]
        rows = _rows(moment, scope, model, vector, chosen)
    hits = [_hit(hit, rows[hit.chunk_id], embedder) for hit in chosen if hit.chunk_id in rows]
    clock.lap("fetch")
    return SearchResult(hits, clock.laps, terms.weights, scope.chunks)


def weights_for(account: Account, text: str) -> dict[str, float]:
    """What each term of `text` weighs among the account's chunks: its rarity times its number."""
    return _text.read_query(scope_of(account.id, EVERYTHING), text[:LONGEST_QUERY]).weights


def _best_of_entries(ranked: list[Fused]) -> list[Fused]:
    best: dict[Id, Fused] = {}
    for hit in ranked:
        best.setdefault(hit.entry_id, hit)
    return list(best.values())


def _rows(
    moment: Moment, scope: Scope, model: EmbeddingModel, vector: str, chosen: list[Fused]
) -> dict[Id, dict[str, Any]]:
    account = scope.account_id
    rows = moment.last(_HITS, [vector, account, account, account, model.id, account, [hit.chunk_id for hit in chosen]])
    return {str(row["chunk_id"]): row for row in rows}


def _hit(fused: Fused, row: dict[str, Any], embedder: Embedder) -> SearchHit:
    return SearchHit(
        **row | {"heading_path": tuple(row["heading_path"])},
        score=fused.score,
        similarity=embedder.similarity(row["cosine"]),
        lexical_score=fused.lexical_score or 0.0,
        vector_rank=fused.vector_rank,
        lexical_rank=fused.lexical_rank,
    )
