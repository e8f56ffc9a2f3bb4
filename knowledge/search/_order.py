"""One list of entries for all pages of an answer: the fused head, boosted and reranked, then the rest by nearness."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection

from knowledge.search._candidates import Candidates, EntryRow
from knowledge.search._filters import Id, Scope
from knowledge.search._fusion import Fused
from knowledge.search._ranking import Boost, SortKey, as_seconds, order_by, sortable, together
from llm_settings.providers.base import Embedder, ProviderError, Reranker

log = logging.getLogger(__name__)

# As many of the best entries as a reranker is asked about.
RERANKED = 50
_TEXTS = """
    SELECT chunk.id::text, entry.title, chunk.text FROM knowledge_chunk AS chunk
    JOIN knowledge_entry AS entry ON entry.account_id = %(account)s AND entry.id = chunk.entry_id
    WHERE chunk.account_id = %(account)s AND chunk.id = ANY(%(chunks)s)
"""


@dataclass(frozen=True, slots=True)
class BoostApplied:
    field: str
    type: str
    factor: float
    """What the score was multiplied by on its account; 1 where the field is missing."""


class Ranked(NamedTuple):
    """An entry in its place, with the chunk it is there by."""

    entry_id: Id
    chunk_id: Id
    cosine: float
    """Of the entry's nearest chunk."""
    score: float
    """Before boosts."""
    final: float
    boosts: tuple[BoostApplied, ...] = ()
    fused: Fused | None = None
    reranked: float | None = None

    def order(self) -> tuple[float, float, Id]:
        return -self.final, -self.cosine, self.entry_id


class Order:
    """`head`: the entries that either leg has among its best, near enough ones only, best first."""

    def __init__(self, candidates: Candidates, embedder: Embedder, fused: Sequence[Fused]) -> None:
        self.candidates = candidates
        self._embedder = embedder
        cosines, least = candidates.cosines, candidates.least
        near: list[tuple[float, float, Id, Fused]] = []
        met: set[Id] = set()
        for hit in fused:
            entry = hit.entry_id
            if entry not in met:
                met.add(entry)
                cosine = cosines.get(entry, -1.0)
                if cosine >= least:
                    near.append((-hit.score, -cosine, entry, hit))
        near.sort()
        self.head = [
            Ranked(entry, hit.chunk_id, -cosine, hit.score, hit.score, (), hit) for _, cosine, entry, hit in near
        ]

    def best(self, count: int) -> list[Ranked]:
        """Those that fit the question best, whatever boosts and sorts say."""
        return self.head[:count]

    def rerank(self, reranker: Reranker, question: str, texts: Sequence[str]) -> None:
        """Put the first of the head into the reranker's order; they share the scores they had. As it is on a fault."""
        chosen = self.head[: len(texts)]
        try:
            relevances = reranker.rerank(question, texts) if chosen else []
        except ProviderError as error:
            log.warning("the order stands without reranking: %s", error.message)
            return
        ordered = sorted(zip(chosen, relevances, strict=True), key=lambda pair: (-pair[1], pair[0].order()))
        self.head[: len(texts)] = [
            one._replace(score=place.score, final=place.score, reranked=relevance)
            for (one, relevance), place in zip(ordered, chosen, strict=True)
        ]

    def page(self, boosts: Sequence[Boost], window: slice) -> list[Ranked]:
        head = self._boosted(boosts) if boosts else self.head
        chosen = head[window]
        missing = window.stop - window.start - len(chosen)
        if missing and self.candidates.total > len(head):
            first = max(window.start - len(head), 0)
            rest = self.candidates.rest([one.entry_id for one in head], first, missing)
            chosen += [_unfused(row, 0.0) for row in rest]
        return chosen

    def sorted_by(self, sorts: Sequence[SortKey], window: slice) -> list[Ranked]:
        rows = self.candidates.sorted_by(order_by(sorts), window.start, window.stop - window.start)
        return [_unfused(row, self._embedder.similarity(row[2])) for row in rows]

    def _boosted(self, boosts: Sequence[Boost]) -> list[Ranked]:
        values = _values(self.candidates.scope, [one.entry_id for one in self.head], boosts)
        nothing: list[float | None] = [None] * len(boosts)
        boosted = [_with_boosts(one, boosts, values.get(one.entry_id, nothing)) for one in self.head]
        return sorted(boosted, key=Ranked.order)


def _unfused(row: EntryRow, score: float) -> Ranked:
    entry, chunk, cosine = row
    return Ranked(entry, chunk, cosine, score, score)


def _with_boosts(one: Ranked, boosts: Sequence[Boost], values: Sequence[float | None]) -> Ranked:
    factors = [boost.factor(value) for boost, value in zip(boosts, values, strict=True)]
    applied = [BoostApplied(boost.field, boost.type, factor) for boost, factor in zip(boosts, factors, strict=True)]
    return one._replace(final=one.score * together(factors), boosts=tuple(applied))


def _values(scope: Scope, entries: list[Id], boosts: Sequence[Boost]) -> Mapping[Id, Sequence[float | None]]:
    """What each of the entries has in the boosts' fields."""
    columns = [sortable(boost.field, boost.kind) for boost in boosts]
    bound = [value for _, values in columns for value in values]
    # Expressions of `meta`, with nothing but placeholders in them.
    chosen = ", ".join(["entry.id::text", *(sql for sql, _ in columns)])
    statement = f"SELECT {chosen} FROM knowledge_entry AS entry WHERE entry.account_id = %s AND entry.id = ANY(%s)"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [*bound, scope.account_id, entries])
        return {row[0]: [as_seconds(value) for value in row[1:]] for row in cursor.fetchall()}


def texts_of(scope: Scope, ranked: Sequence[Ranked]) -> list[str]:
    """What a reranker reads of each."""
    with connection.cursor() as cursor:
        cursor.execute(_TEXTS, {"account": scope.account_id, "chunks": [one.chunk_id for one in ranked]})
        texts = {chunk: f"{title}\n{text}".strip() for chunk, title, text in cursor.fetchall()}
    return [texts.get(one.chunk_id, "") for one in ranked]
