"""The entries a search chooses from: those in scope whose nearest chunk is near enough to the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import connection

from knowledge.search import _text, _vector
from knowledge.search._filters import Id, Scope
from knowledge.search._fusion import WINDOW
from knowledge.search._surveying import scored, survey
from knowledge.search._text import Found, QueryTerms
from knowledge.search._vector import Near
from knowledge.search.meta import Bound
from llm_settings.models import EmbeddingModel

# Up to this many chunks in scope, all are compared: that takes no longer than a walk of the graph that is sure of the
# nearest ten whatever the vectors. Above it, the candidates are what the legs returned.
COMPARED_UP_TO = 50_000
WALKED = 200
_THOROUGH = "SET LOCAL hnsw.ef_search = 400"
# Of this many entries, the nearest, sort keys put in order.
MOST_SORTED = 20_000

_BEST = """
    {scored}, best AS (
        SELECT entry_id, max(cosine) AS cosine, (array_agg(chunk_id ORDER BY cosine DESC, chunk_id))[1] AS chunk_id
        FROM scored WHERE cosine >= %s GROUP BY entry_id
    )
"""
_REST = """
    {best} SELECT entry_id::text, chunk_id::text, cosine FROM best WHERE entry_id <> ALL(%s)
    ORDER BY cosine DESC, best.entry_id LIMIT %s OFFSET %s
"""
_SORTED = """
    {best} SELECT best.entry_id::text, best.chunk_id::text, best.cosine
    FROM (SELECT * FROM best ORDER BY cosine DESC, entry_id LIMIT {most}) AS best
    JOIN knowledge_entry AS entry ON entry.account_id = %s AND entry.id = best.entry_id
    ORDER BY {order}, best.cosine DESC, best.entry_id LIMIT %s OFFSET %s
"""
_COSINES = """
    SELECT entry_id::text, max(-(vector <#> %s::halfvec)) FROM knowledge_chunkembedding
    WHERE account_id = %s AND model_id = %s AND entry_id = ANY(%s) GROUP BY entry_id
"""

EntryRow = tuple[Id, Id, float]
"""Entry, its nearest chunk, that chunk's cosine."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """`near`, `found`: what each leg brings, whether near enough or not, because scores are stretched over it."""

    scope: Scope
    model: EmbeddingModel
    vector: str
    least: float
    near: list[Near]
    found: list[Found]
    total: int
    exact: bool
    """Whether `total` counts all there are."""
    compared: bool
    """Whether every chunk in scope was compared."""
    cosines: dict[Id, float] = field(default_factory=dict)
    """Of the entries that either leg brings, that of the nearest chunk; none for what the model has not embedded."""

    def rest(self, without: Sequence[Id], first: int, count: int) -> list[EntryRow]:
        """Entries near enough beside these, nearest first."""
        if not self.compared:
            return []
        return self._fetch(_REST, [list(without), count, first])

    def sorted_by(self, order: Bound, first: int, count: int) -> list[EntryRow]:
        """Entries near enough in that order of the table `entry`; ties by nearness, then by id."""
        sql, bound = order
        if not self.compared:
            scope = replace(self.scope, entry_ids=[UUID(entry) for entry in self.cosines], entry_filter=None)
            return replace(self, scope=scope, compared=True).sorted_by(order, first, count)
        return self._fetch(_SORTED, [self.scope.account_id, *bound, count, first], order=sql, most=MOST_SORTED)

    def _fetch(self, statement: str, bound: list[Any], **parts: Any) -> list[EntryRow]:
        with_scored, scope = scored(self.scope, self.model, self.vector, COMPARED_UP_TO)
        best = _BEST.format(scored=with_scored)
        with connection.cursor() as cursor:
            cursor.execute(statement.format(best=best, **parts), [*scope, self.least, *bound])
            return cursor.fetchall()


def among(scope: Scope, model: EmbeddingModel, vector: str, least: float, asked: QueryTerms | None) -> Candidates:
    """`least`: the cosine from which a chunk is near enough; `asked`: None, where the lexical leg has no say."""
    if not scope.chunks:
        return Candidates(scope, model, vector, least, [], [], 0, True, True)
    words = _text.lookup(scope, asked) if asked else None
    if scope.chunks <= COMPARED_UP_TO or scope.entry_filter is not None:
        seen = survey(scope, model, vector, least, words, COMPARED_UP_TO)
        scope, found = replace(scope, chunks=seen.chunks), seen.found
        if scope.chunks <= COMPARED_UP_TO:
            return Candidates(scope, model, vector, least, seen.near, found, seen.total, True, True, seen.cosines)
    else:
        found = _text.matching(scope, asked, WINDOW) if asked else []
    return _walked(scope, model, vector, least, found)


def _walked(scope: Scope, model: EmbeddingModel, vector: str, least: float, found: list[Found]) -> Candidates:
    with connection.cursor() as cursor:
        cursor.execute(_THOROUGH)
    near = _vector.nearest(scope, model, vector, WALKED)
    settled = len(near) < WALKED or near[-1].cosine < least
    cosines = _nearest_of_entries(near)
    cosines |= _cosines(scope, model, vector, {hit.entry_id for hit in found} - cosines.keys())
    total = sum(cosine >= least for cosine in cosines.values())
    return Candidates(scope, model, vector, least, near, found, total, settled, False, cosines)


def _nearest_of_entries(near: Sequence[Near]) -> dict[Id, float]:
    cosines: dict[Id, float] = {}
    for hit in near:
        cosines.setdefault(hit.entry_id, hit.cosine)
    return cosines


def _cosines(scope: Scope, model: EmbeddingModel, vector: str, entries: set[Id]) -> dict[Id, float]:
    if not entries:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_COSINES, [vector, scope.account_id, model.id, list(entries)])
        return dict(cursor.fetchall())
