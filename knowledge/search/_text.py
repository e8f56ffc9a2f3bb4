"""The lexical leg: BM25 by live statistics, in plain PostgreSQL.

A chunk's score is the inner product of its stored term weights with the rarities of the question's terms, times
what its length is worth among those in scope. Only
chunks that hold at least one of the rarest terms are scored, so that a long question costs no more than a short
one; words that are everywhere add to a score but find nothing by themselves.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection

from doculume.postgresql.statements import Statement
from knowledge.search import vocabulary
from knowledge.search._filters import Id, Scope
from knowledge.search.indexes import LENGTH_SHARE, ORDINARY_LENGTH, SATURATION, sparse
from knowledge.search.terms import is_pair, term_key, terms_of

MOST_LANGUAGES = 12
MOST_GUESSED = 12  # words of a search box
_WORD = re.compile(r"[^\W_]+")
MOST_QUERY_TERMS = 64
# About how many chunks are scored, and how many are looked at in the worst case. Scoring one costs about 2 µs.
CANDIDATES = 5_000
MOST_CANDIDATES = 20_000

STATISTICS = Statement("SELECT term, chunk_count FROM knowledge_termstatistic WHERE account_id = %s AND term = ANY(%s)")
# Weights are stored as if ORDINARY_LENGTH were the average. The factor makes a term that stands in the chunk once what
# BM25 has it weigh with the true average, and others nearly that; see docs/decisions/0020.
SCORE = "-(weights <#> %s::sparsevec) * (%s::float8 + %s::float8 * length) / (%s::float8 + %s::float8 * length)"
# Either the terms lead to the chunks, or the scope does. The planner is not left to choose: it takes comparing
# arrays for as cheap as comparing numbers. IS TRUE hides the scope from its indexes.
_BY_TERMS = """
    SELECT chunk_id::text, entry_id::text, {score} AS score FROM (
        SELECT chunk_id, entry_id, weights, length FROM knowledge_chunkterms
        WHERE ({condition}) IS TRUE AND terms && %s::int[] LIMIT {most}
    ) AS candidate
    ORDER BY score DESC, candidate.chunk_id LIMIT %s
"""
_BY_SCOPE = """
    SELECT chunk_id::text, entry_id::text, score FROM (
        SELECT chunk_id, entry_id, {score} AS score FROM knowledge_chunkterms
        WHERE {condition} LIMIT {most}
    ) AS candidate
    WHERE score > 0 ORDER BY score DESC, candidate.chunk_id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """What a question's words weigh in an account, and in how many of its chunks each stands."""

    weights: dict[str, float] = field(default_factory=dict)
    """By term, also those that no chunk has: rarity (Lucene's idf) times the number of times it was asked for."""
    counts: dict[str, int] = field(default_factory=dict)
    full_weight: float = 0.0
    """What all words of the question weigh together. Of a pair of characters one half counts: pairs overlap."""
    replaced: dict[str, list[str]] = field(default_factory=dict)
    """What words of a search box were read as; see `vocabulary`."""


class Found(NamedTuple):
    chunk_id: Id
    entry_id: Id
    score: float


def read_query(scope: Scope, text: str, *, as_you_type: bool = False) -> QueryTerms:
    """The terms of `text` as each of the account's languages would have them.

    `as_you_type`: the last word stands for all that begin like it, a word that no chunk has for its nearest ones.
    """
    reading = Reading(scope, text)
    with connection.cursor() as cursor:
        STATISTICS.execute(cursor, reading.bound)
        return reading.weighed(cursor.fetchall(), as_you_type=as_you_type)


class Reading:
    """A question's terms, before it is known in how many chunks each stands."""

    def __init__(self, scope: Scope, text: str) -> None:
        self.scope, self.text = scope, text
        self._readings = [Counter(terms_of(text, language)) for language in scope.languages[:MOST_LANGUAGES]]
        self._asked: Counter[str] = Counter()
        for reading in self._readings:
            self._asked |= reading
        self._keys = {term: term_key(scope.account_id, term) for term in self._asked}

    @property
    def bound(self) -> tuple[int, list[int]]:
        """What STATISTICS binds."""
        return self.scope.account_id, list(self._keys.values())

    def weighed(self, statistics: Iterable[tuple[int, int]], *, as_you_type: bool = False) -> QueryTerms:
        """By the rows of STATISTICS; see `read_query`."""
        scope, found = self.scope, dict(statistics)
        counts = {term: found.get(key, 0) for term, key in self._keys.items()}
        weights = {term: times * rarity(counts[term], scope.account_chunks) for term, times in self._asked.items()}
        guesses = _guesses(scope, self.text, counts) if as_you_type and self._readings else []
        guessed = {term for guess in guesses for term in guess.instead_of}
        full = [
            _full_weight(weights[term] * (0.5 if is_pair(term) else 1) for term in reading if term not in guessed)
            for reading in self._readings
        ]
        for guess in guesses:
            weight = rarity(min(sum(guess.terms.values()), scope.account_chunks), scope.account_chunks)
            weights |= {term: max(weight, weights.get(term, 0.0)) for term in guess.terms}
            counts |= guess.terms
            full = [each + weight for each in full]
        read_as = {guess.word: list(guess.terms) for guess in guesses}
        return QueryTerms(weights, counts, min(full, default=0.0), read_as)


@dataclass(frozen=True, slots=True)
class Guess:
    """What a word of a search box may stand for."""

    word: str
    instead_of: frozenset[str]
    terms: dict[str, int]


def _guesses(scope: Scope, text: str, counts: dict[str, int]) -> list[Guess]:
    languages = scope.languages[:MOST_LANGUAGES]
    words = list(dict.fromkeys(_WORD.findall(text)))[:MOST_GUESSED]
    unfinished = words[-1] if words and text.endswith(words[-1]) else ""
    guesses = []
    for word in words:
        own = frozenset(term for language in languages for term in terms_of(word, language))
        known = any(counts.get(term) for term in own)
        terms: dict[str, int] = {}
        if word == unfinished:
            terms = vocabulary.completions(scope.account_id, word)
        if not terms and not known:
            terms = vocabulary.corrections(scope.account_id, word, languages)
        if terms:
            guesses.append(Guess(word, frozenset() if known else own, terms))
    return guesses


def _full_weight(weights: Iterable[float]) -> float:
    return sum(sorted(weights, reverse=True)[:MOST_QUERY_TERMS])


def rarity(chunks: int, total: int) -> float:
    """The inverse document frequency as Lucene has it: above 0 even for a term that is in every chunk."""
    return math.log(1 + (max(total - chunks, 0) + 0.5) / (chunks + 0.5))


@dataclass(frozen=True, slots=True)
class Lookup:
    """How chunks in scope are found and scored. `scoring` is what SCORE binds."""

    scoring: list[Any]
    rarest: list[int]
    """The keys of the terms that lead to the chunks, where not all in scope are scored."""
    met: int
    """To about how many chunks of the account they lead."""


def lookup(scope: Scope, query: QueryTerms) -> Lookup | None:
    """None where no chunk can match."""
    known = sorted((term for term, count in query.counts.items() if count), key=lambda term: query.counts[term])
    known = known[:MOST_QUERY_TERMS]
    if not known or not scope.chunks:
        return None
    weights: dict[int, float] = {}
    for term in known:
        key = term_key(scope.account_id, term)
        weights[key] = weights.get(key, 0.0) + query.weights[term]
    rarest = _rarest(scope, query, known)
    return Lookup(
        [sparse(dict(sorted(weights.items()))), *_lengths(scope)],
        [term_key(scope.account_id, term) for term in rarest],
        sum(query.counts[term] for term in rarest),
    )


def matching(scope: Scope, query: QueryTerms, limit: int) -> list[Found]:
    """The chunks in scope that match best, best first. To be called with the settings of `_vector` in force."""
    asked = lookup(scope, query)
    if asked is None:
        return []
    condition, bound = scope.where()
    bound = [*asked.scoring, *bound]
    statement = _BY_SCOPE
    if asked.met < scope.chunks:
        statement = _BY_TERMS
        bound.append(asked.rarest)
    with connection.cursor() as cursor:
        cursor.execute(statement.format(condition=condition, score=SCORE, most=MOST_CANDIDATES), [*bound, limit])
        return [Found(*row) for row in cursor.fetchall()]


def _lengths(scope: Scope) -> list[float]:
    """What SCORE binds beside the weights: the parts of BM25's denominator, for a term that stands there once."""
    fixed, share = 1 + SATURATION * (1 - LENGTH_SHARE), SATURATION * LENGTH_SHARE
    return [fixed, share / ORDINARY_LENGTH, fixed, share / (scope.average_length or ORDINARY_LENGTH)]


def _rarest(scope: Scope, query: QueryTerms, ordered: list[str]) -> list[str]:
    """Of the terms, rarest first, as many as lead to about CANDIDATES chunks in scope; two at least."""
    share = min(1.0, scope.chunks / max(scope.account_chunks, 1))
    met = 0
    for taken, term in enumerate(ordered):
        met += query.counts[term]
        if taken >= 2 and (met * share > CANDIDATES or met > MOST_CANDIDATES):
            return ordered[:taken]
    return ordered
