"""The front door to entries: `search_entries()`, with filters on their fields, a threshold, boosts, sorts and pages.

The order of an answer is one list for all of its pages: first the entries that either leg has among its best hundred
chunks, by the joint score, then all others at or above the threshold, by similarity.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from accounts.models import Account
from doculume.postgresql.statements import Statement
from knowledge.models import SHOWN_OF_FILES
from knowledge.search import _text
from knowledge.search._candidates import among
from knowledge.search._explaining import Explanation
from knowledge.search._filters import Id, entry_scope
from knowledge.search._fusion import fuse
from knowledge.search._order import RERANKED, BoostApplied, Order, Ranked, texts_of
from knowledge.search._ranking import Boost, SortKey
from knowledge.search._running import LONGEST_QUERY, Clock, Moment, snapshot
from knowledge.search.answering import PASSAGES_JUDGED, Judged, answers
from knowledge.search.indexes import dense
from knowledge.search.meta import MetaFilter
from knowledge.search.pointers import model_of
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder, get_reranker
from llm_settings.providers.base import Embedder, Vectors
from llm_settings.providers.calibration import RELEVANT, UNRELATED, cosine

__all__ = ["Boost", "BoostApplied", "EntryChunk", "EntryHit", "EntryResults", "MetaFilter", "SortKey", "search_entries"]

MOST_PER_PAGE = 100
MOST_KEPT = 1_000  # queries; 5 kB each by the model that comes along

_SHOWN = Statement(f"""
    SELECT entry.id AS entry_id, entry.title, coalesce(nullif(entry.raw_text, ''), left(entry.text, {SHOWN_OF_FILES}))
               AS raw_text, entry.meta, entry.searchable_meta, entry.source_url, entry.source_type, entry.source_id,
           entry.collection_id, entry.created_at, entry.updated_at, entry.language,
           chunk.id AS chunk_id, chunk.text AS chunk_text, chunk.page_number AS chunk_page_number,
           chunk.heading_path, chunk.start AS chunk_start, chunk."end" AS chunk_end
    FROM knowledge_chunk AS chunk
    JOIN knowledge_entry AS entry
      ON entry.account_id = %s AND entry.id = chunk.entry_id AND entry.active_generation = chunk.generation
    WHERE chunk.account_id = %s AND chunk.id = ANY(%s)
""")  # noqa: S608


@dataclass(frozen=True, slots=True)
class EntryChunk:
    """The part of an entry that fits the query best."""

    id: UUID
    text: str
    page_number: int | None
    heading_path: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class EntryHit:
    entry_id: UUID
    title: str
    raw_text: str
    """As it was sent; of an uploaded file, the beginning of what was read in it."""
    meta: dict[str, Any]
    searchable_meta: dict[str, Any]
    source_url: str
    source_type: str | None
    source_id: str | None
    collection_id: UUID
    created_at: datetime
    updated_at: datetime
    language: str
    similarity: float
    """0 to 1, of its nearest chunk; the same for every embedding model, see `Embedder.similarity`."""
    final_score: float
    """What the order goes by, from 0 to 1, with boosts to 1.5; where entries are sorted, the similarity."""
    boosts: tuple[BoostApplied, ...]
    chunk: EntryChunk
    explain: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class EntryResults:
    hits: list[EntryHit]
    total: int
    """Entries at or above the threshold; see `search_entries` for when it is bounded."""
    summarisable: bool
    """Whether the best results truly answer the query."""
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds: scope, embed, text, vector, rank, rerank (where there is one), fetch, judge, total."""
    total_is_exact: bool = True


def search_entries(
    account: Account,
    query: str,
    *,
    collection_ids: Sequence[UUID],
    meta: Sequence[MetaFilter] = (),
    threshold: float = 0.4,
    boosts: Sequence[Boost] = (),
    sorts: Sequence[SortKey] = (),
    page: int = 1,
    per_page: int = 15,
    explain: bool = False,
    as_you_type: bool = False,
    model: EmbeddingModel | None = None,
) -> EntryResults:
    """The account's entries of these collections that fit the query and pass the filters: one page, best first.

    `threshold` is on `similarity`, also for an entry that only its words find. `sorts` replace the order of
    relevance, and then `final_score` is the similarity. `as_you_type`: the last word may be a beginning, and words
    nobody wrote are read as their nearest ones. Collections that are another account's hold nothing.

    `total` counts every entry at or above the threshold where up to 50,000 chunks are in scope: all are compared. In
    larger scopes it counts among the nearest two hundred chunks and the hundred best by words, there are no pages
    beyond, and `total_is_exact` is False unless the threshold lies above the last of them.

    Raises ProviderError when the query cannot be embedded, UnusableRange.
    """
    text = query[:LONGEST_QUERY].replace("\0", " ").strip()
    if not text or not collection_ids:
        return EntryResults([], 0, False)
    clock = Clock()
    scope = entry_scope(account.id, collection_ids, meta)
    clock.lap("scope")
    model = model or model_of(scope.answering)
    embedder = get_embedder(model)
    # Before the transaction: a remote model may take its time.
    asked, vector = embedded(embedder, text)  # type: ignore[arg-type]
    clock.lap("embed")
    window = slice((max(page, 1) - 1) * per_page, (max(page, 1) - 1) * per_page + min(per_page, MOST_PER_PAGE))
    reading = _text.Reading(scope, text)
    with snapshot(_text.STATISTICS, reading.bound) as moment:
        terms = reading.weighed(moment.first, as_you_type=as_you_type)
        clock.lap("text")
        least = least_cosine(threshold, embedder)
        candidates = among(scope, model, vector, least, None if sorts else terms)
        clock.lap("vector")
        fused = fuse(candidates.near, candidates.found, terms.full_weight, least_spread(embedder))
        order = Order(candidates, embedder, fused)
        best = order.best(PASSAGES_JUDGED)
        reranker = None if sorts else get_reranker()
        texts = texts_of(scope, order.head[:RERANKED]) if reranker else []
        shown = None if reranker else _shown(moment, order, boosts, sorts, window, best)
    clock.lap("rank")
    if reranker:  # outside the transaction too
        order.rerank(reranker, text, texts)
        clock.lap("rerank")
    if shown is None:
        with snapshot() as moment:
            shown = _shown(moment, order, boosts, sorts, window, best)
    ranked, rows = shown
    clock.lap("fetch")
    judged = [_judged(one, rows[one.chunk_id]) for one in best if one.chunk_id in rows]
    summarisable = bool(judged) and answers(model, text, asked, judged, candidates.scope.chunks)
    clock.lap("judge")
    about = Explanation(model.name, embedder.scale, threshold, candidates, meta, terms.replaced) if explain else None
    hits = [_hit(one, rows[one.chunk_id], embedder, about) for one in ranked if one.chunk_id in rows]
    return EntryResults(hits, candidates.total, summarisable, clock.laps, candidates.exact)


@lru_cache(maxsize=MOST_KEPT)
def embedded(embedder: Embedder, text: str) -> tuple[Vectors, str]:
    """A query's vector, also as pgvector reads it. Kept: who turns pages or narrows a search asks the same again."""
    vector = embedder.embed_query(text)
    return vector, dense(vector)


def least_cosine(threshold: float, embedder: Embedder) -> float:
    """The cosine that has this similarity; below all cosines where every similarity is enough."""
    return cosine(threshold, embedder.scale) if threshold > UNRELATED else -2.0


def least_spread(embedder: Embedder) -> float:
    """How far apart cosines must lie for the nearest and the farthest of them to have 1 and 0."""
    return (cosine(RELEVANT, embedder.scale) - cosine(UNRELATED, embedder.scale)) / 2


def _shown(
    moment: Moment,
    order: Order,
    boosts: Sequence[Boost],
    sorts: Sequence[SortKey],
    window: slice,
    best: Sequence[Ranked],
) -> tuple[list[Ranked], dict[Id, dict[str, Any]]]:
    """The entries of the page, and what is shown of them and judged of the best; by chunk."""
    ranked = order.sorted_by(sorts, window) if sorts else order.page(boosts, window)
    chunks = {one.chunk_id for one in (*ranked, *best)}
    account = order.candidates.scope.account_id
    rows = moment.last(_SHOWN, [account, account, list(chunks)]) if chunks else []
    return ranked, {str(row["chunk_id"]): row for row in rows}


def _judged(one: Ranked, row: dict[str, Any]) -> Judged:
    about = "\n".join([row["title"], *row["heading_path"]])
    return Judged(row["chunk_text"], about, row["language"], one.cosine)


def _hit(one: Ranked, row: dict[str, Any], embedder: Embedder, about: Explanation | None) -> EntryHit:
    chunk = EntryChunk(
        row["chunk_id"], row["chunk_text"], row["chunk_page_number"], tuple(row["heading_path"]),
        row["chunk_start"], row["chunk_end"],
    )  # fmt: skip
    return EntryHit(
        entry_id=row["entry_id"],
        title=row["title"],
        raw_text=row["raw_text"],
        # Django reads jsonb as text and leaves decoding to its fields.
        meta=json.loads(row["meta"]),
        searchable_meta=json.loads(row["searchable_meta"]),
        source_url=row["source_url"],
        source_type=row["source_type"],
        source_id=row["source_id"],
        collection_id=row["collection_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        language=row["language"],
        similarity=embedder.similarity(one.cosine),
        final_score=one.final,
        boosts=one.boosts,
        chunk=chunk,
        explain=about.of(one) if about else None,
    )
