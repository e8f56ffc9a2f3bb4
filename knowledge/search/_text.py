"""The lexical leg: BM25 by live statistics, in plain PostgreSQL.

A chunk's score is the inner product of its stored term weights with the rarities of the question's terms. Only
chunks that hold at least one of the rarest terms are scored, so that a long question costs no more than a short
one; words that are everywhere add to a score but find nothing by themselves.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from knowledge.search._filters import Scope
from knowledge.search.indexes import sparse
from knowledge.search.terms import is_pair, term_key, terms_of

MOST_LANGUAGES = 12
MOST_QUERY_TERMS = 64
# About how many chunks are scored, and how many at the very most where even the rarest term is everywhere.
CANDIDATES = 5_000
MOST_CANDIDATES = 20_000

_STATISTICS = "SELECT term, chunk_count FROM knowledge_termstatistic WHERE account_id = %s AND term = ANY(%s)"


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """What a question's words weigh in an account, and in how many of its chunks each stands."""

    weights: dict[str, float] = field(default_factory=dict)
    """By term, also those that no chunk has: rarity (Lucene's idf) times the number of times it was asked for."""
    counts: dict[str, int] = field(default_factory=dict)
    full_weight: float = 0.0
    """What all words of the question weigh together. Of a pair of characters one half counts: pairs overlap."""


@dataclass(frozen=True, slots=True)
class Found:
    chunk_id: UUID
    entry_id: UUID
    score: float


def read_query(scope: Scope, text: str) -> QueryTerms:
    """The terms of `text` as each of the account's languages would have them."""
    readings = [Counter(terms_of(text, language)) for language in scope.languages[:MOST_LANGUAGES]]
    asked: Counter[str] = Counter()
    for reading in readings:
        asked |= reading
    counts = _chunk_counts(scope.account_id, asked)
    weights = {term: times * rarity(counts[term], scope.account_chunks) for term, times in asked.items()}
    sums = [sum(weights[term] * (0.5 if is_pair(term) else 1) for term in reading) for reading in readings]
    return QueryTerms(weights, counts, min(sums, default=0.0))


def rarity(chunks: int, total: int) -> float:
    """The inverse document frequency as Lucene has it: above 0 even for a term that is in every chunk."""
    return math.log(1 + (max(total - chunks, 0) + 0.5) / (chunks + 0.5))


def matching(scope: Scope, query: QueryTerms, limit: int) -> list[Found]:
    """The chunks in scope that match best, best first."""
    known = sorted((term for term, count in query.counts.items() if count), key=lambda term: query.counts[term])
    known = known[:MOST_QUERY_TERMS]
    if not known or not scope.chunks:
        return []
    keys = {term: term_key(scope.account_id, term) for term in known}
    weights: dict[int, float] = {}
    for term in known:
        weights[keys[term]] = weights.get(keys[term], 0.0) + query.weights[term]
    required = [keys[term] for term in _rarest(scope, query, known)]
    condition, bound = scope.where()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT chunk_id, entry_id, -(weights <#> %s::sparsevec) AS score FROM (
                SELECT chunk_id, entry_id, weights FROM knowledge_chunkterms
                WHERE {condition} AND terms && %s::int[] LIMIT {MOST_CANDIDATES}
            ) AS candidate
            ORDER BY score DESC, chunk_id LIMIT %s
            """,  # noqa: S608 the condition is written by Scope, with its values bound
            [sparse(dict(sorted(weights.items()))), *bound, required, limit],
        )
        return [Found(*row) for row in cursor.fetchall()]


def _rarest(scope: Scope, query: QueryTerms, ordered: list[str]) -> list[str]:
    """The rarest terms, as many as find about CANDIDATES chunks in scope, and at least two."""
    share = min(1.0, scope.chunks / max(scope.account_chunks, 1))
    taken, expected = 0, 0.0
    for taken, term in enumerate(ordered):
        expected += query.counts[term] * share
        if expected > CANDIDATES and taken >= 2:
            return ordered[:taken]
    return ordered[: taken + 1]


def _chunk_counts(account_id: int, asked: Counter[str]) -> dict[str, int]:
    keys = {term: term_key(account_id, term) for term in asked}
    with connection.cursor() as cursor:
        cursor.execute(_STATISTICS, [account_id, list(keys.values())])
        found: dict[int, int] = dict(cursor.fetchall())
    return {term: found.get(key, 0) for term, key in keys.items()}
