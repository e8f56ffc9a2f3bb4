"""Both legs among entries in one statement, so that what passes the filters is looked up once.

How it is read depends on how much that is, and PostgreSQL finds it out on the way: of the branches below those whose
condition on `size` does not hold are not begun. Few entries are looked up by their ids; where there are many, all of
their collections' rows are read and held against a hash of the ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from doculume.postgresql.statements import Statement, send
from knowledge.search._filters import Id, Scope
from knowledge.search._fusion import WINDOW
from knowledge.search._text import CANDIDATES, MOST_CANDIDATES, SCORE, Found, Lookup
from knowledge.search._vector import Near
from knowledge.search.meta import Bound
from llm_settings.models import EmbeddingModel

# Read once, however often it is compared with.
_VECTOR = "(SELECT vector FROM asked)"
# A row by its entry's id costs about ten times as much as one of a scan.
FEW_SHARE = 10
FEW = 1_000

_MATCHING = """
    matching AS MATERIALIZED (SELECT entry.id, entry.chunk_count FROM knowledge_entry AS entry WHERE {where}),
    size AS MATERIALIZED (
        SELECT count(*) AS entries, coalesce(sum(greatest(chunk_count, 1)), 0)::bigint AS chunks FROM matching
    ),
    listed AS MATERIALIZED (SELECT (SELECT array_agg(id) FROM matching) AS ids FROM size WHERE entries <= %s)
"""
_BY_ID = "entry_id = ANY((SELECT ids FROM listed)::uuid[])"
# IS TRUE keeps the planner from looking up by id here too, which it would where it expects few.
_BY_HASH = """(SELECT entries > %s AND chunks <= %s FROM size)
    AND collection_id = ANY(%s) AND (entry_id IN (SELECT id FROM matching)) IS TRUE"""
_SCORED = """
    SELECT chunk_id, entry_id, {cosine} AS cosine FROM knowledge_chunkembedding
    WHERE account_id = %s AND model_id = %s AND {condition}
"""
# Read once for all that asks for it. Of many entries that would be much to keep.
_FEW = "few AS MATERIALIZED ({scored})"
_OF_FEW = "SELECT chunk_id, entry_id, cosine FROM few"
_NEAREST_OF_FEW = """
    SELECT entry_id, max(cosine) AS cosine FROM few WHERE entry_id IN (SELECT entry_id FROM found) GROUP BY entry_id
"""
_NOTHING = "SELECT NULL::uuid AS entry_id, NULL::float8 AS cosine WHERE FALSE"
_NEAR = "near AS MATERIALIZED (SELECT * FROM ({scored}) AS scored ORDER BY cosine DESC, chunk_id LIMIT {window})"
_LEXICAL = """
    SELECT chunk_id, entry_id, {score} AS score FROM (
        SELECT chunk_id, entry_id, weights, length FROM knowledge_chunkterms WHERE account_id = %s AND {condition}
        LIMIT {most}
    ) AS candidate
"""
_FOUND = """
    found AS MATERIALIZED (
        SELECT * FROM (SELECT * FROM ({lexical}) AS scored ORDER BY score DESC, chunk_id LIMIT {window}) AS best
        WHERE score > 0
    )
"""
# Where the last of the nearest is not near enough, the nearest are all there are.
_RESULTS = """
    SELECT 0, chunk_id::text, entry_id::text, cosine, NULL::float8 FROM near
    UNION ALL
    SELECT 1, chunk_id::text, entry_id::text, score, coalesce(nearest.cosine, (
        SELECT max(-(vector <#> {vector})) FROM knowledge_chunkembedding AS own
        WHERE own.account_id = %s AND own.model_id = %s AND own.entry_id = found.entry_id
    )) FROM found LEFT JOIN ({nearest}) AS nearest USING (entry_id)
    UNION ALL
    SELECT 2, NULL, NULL, (SELECT chunks FROM size), (
        SELECT count(*) FROM (
            SELECT FROM ({scored}) AS scored
            WHERE cosine >= %s AND (SELECT count(*) = {window} AND min(cosine) >= %s FROM near) GROUP BY entry_id
        ) AS enough
    )
"""


@dataclass(frozen=True, slots=True)
class Survey:
    """`near` and `found`: each leg's best hundred chunks in scope."""

    near: list[Near]
    found: list[Found]
    cosines: dict[Id, float]
    """Of all entries in either, that of the nearest chunk."""
    chunks: int
    """In scope; where there are more than `most`, nothing else is told."""
    total: int
    """The entries that have a chunk at or above the least cosine."""


def survey(scope: Scope, model: EmbeddingModel, vector: str, least: float, asked: Lookup | None, most: int) -> Survey:
    """To be called with the settings of `_vector` in force."""
    matching, (*by_id, all_) = _scope(scope, most)
    few, found = _scored(scope, model, by_id), _found(scope, asked)
    near, counted = _scored(scope, model, [all_]), _scored(scope, model, [all_], least)
    kept = f"{_OF_FEW} UNION ALL " if by_id else ""
    statement = ", ".join(
        [
            "asked AS (SELECT %s::halfvec AS vector)",
            matching[0],
            *([_FEW.format(scored=few[0])] if by_id else []),
            _NEAR.format(scored=kept + near[0], window=WINDOW),
            _FOUND.format(lexical=found[0], window=WINDOW),
        ]
    )
    results = _RESULTS.format(
        scored=kept + counted[0],
        window=WINDOW,
        vector=_VECTOR,
        nearest=_NEAREST_OF_FEW if by_id else _NOTHING,
    )
    bound = [vector, *matching[1], *few[1], *near[1], *found[1], scope.account_id, model.id, *counted[1], least, least]
    sql = f"WITH {statement} {results}"
    with connection.cursor() as cursor:
        send(cursor, _kept(sql).text() if scope.is_typical else sql, bound)
        rows = cursor.fetchall()
    return _read(rows, least)


@lru_cache(maxsize=64)
def _kept(sql: str) -> Statement:
    """One for each number and kind of filters."""
    return Statement(sql)


def scored(scope: Scope, model: EmbeddingModel, vector: str, most: int) -> Bound:
    """`WITH`, and in it `scored`: chunk_id, entry_id and cosine of all chunks in scope."""
    matching, condition = _scope(scope, most)
    sql, bound = _scored(scope, model, condition)
    asked = "WITH asked AS (SELECT %s::halfvec AS vector)"
    return f"{asked}, {matching[0]}, scored AS MATERIALIZED ({sql})", [vector, *matching[1], *bound]


def _few(scope: Scope) -> int:
    return max(FEW, scope.chunks // FEW_SHARE)


def _scope(scope: Scope, most: int) -> tuple[Bound, list[Bound]]:
    """The common table expressions that say what is in scope, and the conditions that lead there, one of which does;
    where there are two, the first leads to few."""
    if scope.entry_filter is None:
        condition, bound = "collection_id = ANY(%s)", [scope.collection_ids]
        if scope.entry_ids is not None:
            condition, bound = f"{condition} AND entry_id = ANY(%s)", [*bound, scope.entry_ids]
        return ("size AS (SELECT %s::bigint AS chunks)", [scope.chunks]), [(condition, bound)]
    where, bound = scope.entry_filter
    by_hash = (_BY_HASH, [_few(scope), most, scope.collection_ids])
    return (_MATCHING.format(where=where), [*bound, _few(scope)]), [(_BY_ID, []), by_hash]


def _scored(scope: Scope, model: EmbeddingModel, conditions: Sequence[Bound], least: float = -1.0) -> Bound:
    """`least`: where it is below all cosines, none is computed."""
    cosine = f"-(vector <#> {_VECTOR})" if least >= -1.0 else "-1.0::float8"
    branches = [_SCORED.format(cosine=cosine, condition=condition) for condition, _ in conditions]
    bound = [[scope.account_id, model.id, *values] for _, values in conditions]
    return " UNION ALL ".join(branches), [value for values in bound for value in values]


def _found(scope: Scope, asked: Lookup | None) -> Bound:
    """The lexical leg: by the scope where it is small, by the rarest terms where those lead to less."""
    if asked is None:
        return "SELECT NULL::uuid AS chunk_id, NULL::uuid AS entry_id, 0::float8 AS score WHERE FALSE", []
    ways: list[Bound]
    by_terms = "terms && %s::int[]"
    if scope.entry_filter is None:
        limits = ("(collection_id = ANY(%s)) IS TRUE AND " + by_terms, [scope.collection_ids, asked.rarest])
        ways = [limits if asked.met < scope.chunks else ("collection_id = ANY(%s)", [scope.collection_ids])]
    else:
        scanned, small = "(SELECT entries <= %s AND chunks <= %s FROM size)", [_few(scope), max(CANDIDATES, asked.met)]
        among = "(entry_id IN (SELECT id FROM matching)) IS TRUE"
        ways = [
            (f"{scanned} AND {_BY_ID}", small),
            (f"{scanned} IS NOT TRUE AND {among} AND {by_terms}", [*small, asked.rarest]),
        ]
    branches = [_LEXICAL.format(score=SCORE, condition=condition, most=MOST_CANDIDATES) for condition, _ in ways]
    bound = [[*asked.scoring, scope.account_id, *values] for _, values in ways]
    return " UNION ALL ".join(branches), [value for values in bound for value in values]


def _read(rows: Sequence[tuple[int, Id, Id, float, float]], least: float) -> Survey:
    *hits, (_, _, _, chunks, total) = rows
    near = [Near(chunk, entry, cosine) for leg, chunk, entry, cosine, _ in hits if leg == 0]
    found = [Found(chunk, entry, score) for leg, chunk, entry, score, _ in hits if leg == 1]
    # What the model has not embedded is as far as can be.
    cosines = {entry: -1.0 if cosine is None else cosine for leg, _, entry, _, cosine in hits if leg == 1}
    for hit in near:
        cosines.setdefault(hit.entry_id, hit.cosine)
    if len(near) < WINDOW or near[-1].cosine < least:
        total = len({hit.entry_id for hit in near if hit.cosine >= least})
    return Survey(near, found, cosines, int(chunks), int(total))
