"""The front door to entries: `search_entries()`, with filters on their fields, a threshold, boosts, sorts and pages.

The order of an answer is one list for all of its pages: first the entries that either leg has among its best hundred
chunks, by the joint score, then all others at or above the threshold, by similarity.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import Account
from knowledge.models import SHOWN_OF_FILES
from knowledge.search import _candidates, _text
from knowledge.search._candidates import Candidates
from knowledge.search._filters import Scope, entry_scope
from knowledge.search._fusion import WINDOW, Fused, fuse
from knowledge.search._ranking import Boost, SortKey, as_seconds, order_by, together, value_of
from knowledge.search._running import LONGEST_QUERY, Clock, snapshot
from knowledge.search.indexes import dense
from knowledge.search.meta import MetaFilter
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.base import Embedder
from llm_settings.providers.calibration import UNRELATED, cosine

__all__ = ["Boost", "BoostApplied", "EntryChunk", "EntryHit", "EntryResults", "MetaFilter", "SortKey", "search_entries"]

MOST_PER_PAGE = 100

_SHOWN = f"""
    SELECT entry.id AS entry_id, entry.title, coalesce(nullif(entry.raw_text, ''), left(entry.text, {SHOWN_OF_FILES}))
               AS raw_text, entry.meta, entry.searchable_meta, entry.source_url, entry.source_type, entry.source_id,
           entry.collection_id, entry.created_at, entry.updated_at, entry.language,
           chunk.id AS chunk_id, chunk.text AS chunk_text, chunk.page_number AS chunk_page_number,
           chunk.heading_path, chunk.start AS chunk_start, chunk."end" AS chunk_end
    FROM knowledge_chunk AS chunk
    JOIN knowledge_entry AS entry
      ON entry.account_id = %(account)s AND entry.id = chunk.entry_id AND entry.active_generation = chunk.generation
    WHERE chunk.account_id = %(account)s AND chunk.id = ANY(%(chunks)s)
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class BoostApplied:
    field: str
    type: str
    factor: float
    """What the score was multiplied by on its account; 1 where the field is missing."""


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
    """Milliseconds: embed, scope, text, vector, rank, fetch, total."""
    total_is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Ranked:
    """An entry in its place."""

    entry_id: UUID
    chunk_id: UUID
    cosine: float | None
    similarity: float
    score: float
    final: float
    boosts: tuple[BoostApplied, ...] = ()
    fused: Fused | None = None

    def order(self) -> tuple[float, float, UUID]:
        return -self.final, -self.similarity, self.entry_id


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
) -> EntryResults:
    """The account's entries of these collections that fit the query and pass the filters: one page, best first.

    `threshold` is on `similarity`, also for an entry that only its words find. Collections that are another account's
    hold nothing. Raises ProviderError when the query cannot be embedded, UnusableRange.
    """
    text = query[:LONGEST_QUERY].replace("\0", " ").strip()
    if not text or not collection_ids:
        return EntryResults([], 0, False)
    clock = Clock()
    model = EmbeddingModel.objects.active()
    embedder = get_embedder(model)
    question = embedder.embed_query(text)  # before the transaction: a remote model may take its time
    vector, least = dense(question), least_cosine(threshold, embedder)
    clock.lap("embed")
    first, count = (max(page, 1) - 1) * per_page, min(per_page, MOST_PER_PAGE)
    with snapshot():
        scope = entry_scope(account.id, collection_ids, meta)
        clock.lap("scope")
        terms = _text.read_query(scope, text)
        found = [] if sorts else _text.matching(scope, terms, WINDOW)
        clock.lap("text")
        candidates = _candidates.among(scope, model, vector, least, found)
        clock.lap("vector")
        if sorts:
            ranked = _sorted(candidates, sorts, embedder, first, count)
            fused: list[Fused] = []
        else:
            fused = fuse(candidates.near, found, terms.full_weight)
            ranked = _page(candidates, _best_of_entries(fused), boosts, embedder, first, count)
        clock.lap("rank")
        rows = _rows(scope, ranked)
    hits = [_hit(one, rows[one.chunk_id], None) for one in ranked if one.chunk_id in rows]
    clock.lap("fetch")
    return EntryResults(hits, candidates.total, bool(hits), clock.laps, candidates.exact)


def least_cosine(threshold: float, embedder: Embedder) -> float:
    """The cosine that has this similarity; below all cosines where every similarity is enough."""
    return cosine(threshold, embedder.scale) if threshold > UNRELATED else -2.0


def _best_of_entries(ranked: Sequence[Fused]) -> dict[UUID, Fused]:
    best: dict[UUID, Fused] = {}
    for hit in ranked:
        best.setdefault(hit.entry_id, hit)
    return best


def _page(
    candidates: Candidates,
    best: dict[UUID, Fused],
    boosts: Sequence[Boost],
    embedder: Embedder,
    first: int,
    count: int,
) -> list[Ranked]:
    """The entries from the `first` of all."""
    head = [
        _ranked(hit, cosine_, embedder)
        for entry, hit in best.items()
        if (cosine_ := candidates.cosine_of(entry)) is not None and cosine_ >= candidates.least
    ]
    if boosts:
        head = _boosted(candidates.scope, head, boosts)
    head.sort(key=Ranked.order)
    chosen = head[first : first + count]
    if len(chosen) < count and candidates.total > len(head):
        rest = candidates.rest([one.entry_id for one in head], max(first - len(head), 0), count - len(chosen))
        chosen += [_unfused(entry, chunk, cosine_, embedder) for entry, chunk, cosine_ in rest]
    return chosen


def _ranked(hit: Fused, cosine_: float, embedder: Embedder) -> Ranked:
    return Ranked(hit.entry_id, hit.chunk_id, cosine_, embedder.similarity(cosine_), hit.score, hit.score, (), hit)


def _unfused(entry: UUID, chunk: UUID, cosine_: float, embedder: Embedder, by_similarity: bool = False) -> Ranked:
    similarity = embedder.similarity(cosine_)
    score = similarity if by_similarity else 0.0
    return Ranked(entry, chunk, cosine_, similarity, score, score)


def _sorted(
    candidates: Candidates, sorts: Sequence[SortKey], embedder: Embedder, first: int, count: int
) -> list[Ranked]:
    rows = candidates.sorted_by(order_by(sorts), first, count)
    return [_unfused(entry, chunk, cosine_, embedder, by_similarity=True) for entry, chunk, cosine_ in rows]


def _boosted(scope: Scope, head: list[Ranked], boosts: Sequence[Boost]) -> list[Ranked]:
    values = _values(scope, [one.entry_id for one in head], boosts)
    return [_with_boosts(one, boosts, values.get(one.entry_id, [None] * len(boosts))) for one in head]


def _with_boosts(one: Ranked, boosts: Sequence[Boost], values: Sequence[float | None]) -> Ranked:
    factors = [boost.factor(value) for boost, value in zip(boosts, values, strict=True)]
    applied = tuple(
        BoostApplied(boost.field, boost.type, factor) for boost, factor in zip(boosts, factors, strict=True)
    )
    return replace(one, final=one.score * together(factors), boosts=applied)


def _values(scope: Scope, entries: list[UUID], boosts: Sequence[Boost]) -> dict[UUID, list[float | None]]:
    columns = [value_of(boost.field, boost.kind) for boost in boosts]
    bound = [value for _, values in columns for value in values]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT entry.id, {', '.join(sql for sql, _ in columns)} FROM knowledge_entry AS entry "  # noqa: S608
            "WHERE entry.account_id = %s AND entry.id = ANY(%s)",
            [*bound, scope.account_id, entries],
        )
        return {row[0]: [as_seconds(value) for value in row[1:]] for row in cursor.fetchall()}


def _rows(scope: Scope, ranked: Sequence[Ranked]) -> dict[UUID, dict[str, Any]]:
    """What is shown, by chunk."""
    if not ranked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SHOWN, {"account": scope.account_id, "chunks": [one.chunk_id for one in ranked]})
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row.pop("chunk_id"): row for row in rows}


def _hit(one: Ranked, row: dict[str, Any], explanation: dict[str, Any] | None) -> EntryHit:
    part = {name: row.pop(f"chunk_{name}") for name in ("text", "page_number", "start", "end")}
    chunk = EntryChunk(one.chunk_id, heading_path=tuple(row.pop("heading_path")), **part)
    # Django reads jsonb as text and leaves decoding to its fields.
    fields = row | {name: json.loads(row[name]) for name in ("meta", "searchable_meta")}
    scores = {"similarity": one.similarity, "final_score": one.final, "boosts": one.boosts}
    return EntryHit(**fields, **scores, chunk=chunk, explain=explanation)
