"""Answers without a language model: the sentences of the sources that answer the question, each cited.

Which sentences do is told by a linear score of what correlates with holding the answer (nearness of meaning,
shared words, the passage's rank, a neighbor that shares words); whether any does, by `relevance`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from llm_settings.providers.background import BACKGROUND, background_language
from llm_settings.providers.base import Embedder, Vectors
from llm_settings.providers.calibration import RELEVANT, UNRELATED, cosine
from llm_settings.providers.relevance import (
    ENOUGH,
    SENTENCE_LEAD,
    Cosines,
    Evidence,
    coverage,
    evidence,
    is_foreign,
)

MOST_CANDIDATES = 10  # sentences that are embedded; twice as many find no more and take twice the time
LONGEST_SENTENCE = 500  # characters; text without full stops is cut at its commas or words
LINE_KINDS = frozenset(["table", "list", "code"])
# Weights of a sentence's score, fitted on questions in three languages; see docs/decisions/0011.
NEARNESS, SHARED_WORDS, RANK, NEIGHBOR = 6.3, 3.4, 7.0, 1.5
HOPELESS = 6.0  # so far below the best sentence, one is left out
ALIKE = 0.85  # share of words in common from which on two sentences say the same

TermsOf = Callable[[str, str], Sequence[str]]
"""(text, language) → the terms by which words are compared: stemmed, pairs of characters where no spaces are."""

_WORD = re.compile(r"\w+")
_SOFT_BREAK = re.compile(r"[;:,，、；]\s*|\s+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Passage:
    index: int
    """The number by which it is cited, from 1."""
    text: str
    score: float
    """Of the search; higher is better, and 0 is nothing."""
    sentences: Sequence[tuple[int, int]]
    """Offsets in `text`. Not used where a line is what counts (tables, lists, code)."""
    language: str = ""
    kind: str = "text"
    context: str = ""
    """What else says what the passage is about: its headings, a table's header row. Never quoted."""
    cosine: float | None = None
    """With the question, where the search knows it."""


@dataclass(frozen=True, slots=True)
class ExtractedSentence:
    passage: int
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class ExtractiveAnswer:
    sentences: list[ExtractedSentence]
    """In reading order within a passage, passages in the order of their best sentence."""
    confidence: float
    relevant: bool
    """Whether to answer at all, with these sentences or with a language model."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    passage: Passage
    start: int
    end: int
    terms: frozenset[str]
    shared: float
    """How much of the question's weight stands in the sentence."""
    neighbor: float
    """How much more of it stands in the sentence before."""

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


class ExtractiveModel:
    """Safe from several threads; calls block for as long as embedding a few sentences takes."""

    def __init__(self, embedder: Embedder, terms_of: TermsOf) -> None:
        self._embedder = embedder
        self._terms_of = terms_of
        self._background: dict[str, Vectors] = {}

    def answer(
        self,
        question: str,
        passages: Sequence[Passage],
        max_sentences: int = 3,
        idf: Callable[[str], float] | None = None,
        question_vector: Vectors | None = None,
        searched: int | None = None,
    ) -> ExtractiveAnswer:
        """`idf`: of a term, in what was searched; `searched`: of how many passages these are the best.

        Raises ProviderError where the embedder does.
        """
        asked = {language: self._asked(question, language) for language in {passage.language for passage in passages}}
        candidates = self._candidates(passages, asked, idf or (lambda term: 1.0))
        if not candidates:
            return ExtractiveAnswer([], 0.0, False)
        vector = self._embedder.embed_query(question) if question_vector is None else question_vector
        cosines = self._embedder.embed_passages([candidate.text for candidate in candidates]) @ vector
        nearest = candidates[int(cosines.argmax())].passage
        confidence = self._evidence(question, passages, nearest, float(cosines.max()), vector, searched).confidence
        chosen = _chosen(candidates, self._scores(candidates, cosines), max_sentences)
        return ExtractiveAnswer(chosen, confidence, confidence >= ENOUGH)

    def confidence(
        self, question: str, passages: Sequence[Passage], question_vector: Vectors, searched: int | None = None
    ) -> float:
        """As of an answer, from passages alone: no sentence is embedded, so it is quick and a little less sure.

        Their cosines must be known. `ENOUGH` is where answering begins. The first question in a language embeds
        what it is compared with, and may raise ProviderError.
        """
        near = max(passages, key=lambda passage: passage.cosine or -1.0, default=None)
        if near is None or near.cosine is None:
            return 0.0
        span = cosine(RELEVANT, self._embedder.scale) - cosine(UNRELATED, self._embedder.scale)
        sentence = near.cosine + SENTENCE_LEAD * span
        return self._evidence(question, passages, near, sentence, question_vector, searched).confidence

    def _asked(self, question: str, language: str) -> dict[str, float]:
        """The question's terms and how much each tells of what it is about."""
        weights: dict[str, float] = {}
        for word in _WORD.findall(question.lower()):
            terms = self._terms_of(word, language)
            for term in terms:
                weights[term] = self._embedder.rarity(word if len(terms) == 1 else term)
        return weights

    def _candidates(
        self, passages: Sequence[Passage], asked: Mapping[str, Mapping[str, float]], idf: Callable[[str], float]
    ) -> list[_Candidate]:
        found: list[_Candidate] = []
        for passage in passages:
            weights = {term: weight * idf(term) for term, weight in asked[passage.language].items()}
            found += self._sentences(passage, weights)
        best = max((passage.score for passage in passages), default=0.0) or 1.0
        found.sort(key=lambda candidate: candidate.shared + candidate.passage.score / best, reverse=True)
        return found[:MOST_CANDIDATES]

    def _sentences(self, passage: Passage, weights: Mapping[str, float]) -> Iterator[_Candidate]:
        before = 0.0
        for start, end in _spans(passage):
            terms = frozenset(self._terms_of(passage.text[start:end], passage.language))
            if terms:
                shared = _share(weights, terms)
                yield _Candidate(passage, start, end, terms, shared, max(0.0, before - shared))
                before = shared

    def _scores(self, candidates: Sequence[_Candidate], cosines: Vectors) -> list[float]:
        span = cosine(RELEVANT, self._embedder.scale) - cosine(UNRELATED, self._embedder.scale)
        best = max(candidate.passage.score for candidate in candidates) or 1.0
        return [
            NEARNESS * float(nearness) / span
            + SHARED_WORDS * candidate.shared
            + RANK * candidate.passage.score / best
            + NEIGHBOR * candidate.neighbor
            for candidate, nearness in zip(candidates, cosines, strict=True)
        ]

    def _evidence(
        self,
        question: str,
        passages: Sequence[Passage],
        nearest: Passage,
        nearness: float,
        vector: Vectors,
        searched: int | None,
    ) -> Evidence:
        """What speaks for `nearest`, the passage that holds the nearest sentence."""
        weights = self._asked(question, nearest.language)
        terms = frozenset(self._terms_of(_whole(nearest), nearest.language))
        others = (passage for passage in passages if passage is not nearest)
        read = chain([terms], (self._terms_of(_whole(passage), passage.language) for passage in others))
        background = self._background_of(background_language(nearest.language, nearest.text)) @ vector
        known = [passage.cosine for passage in passages if passage.cosine is not None]
        return evidence(
            self._embedder,
            Cosines(nearness, max(known, default=None), float(background.mean())),
            coverage(weights, terms),
            searched=searched,
            foreign=is_foreign(question, weights, nearest.text, read),
        )

    def _background_of(self, language: str) -> Vectors:
        if language not in self._background:
            self._background[language] = self._embedder.embed_passages(BACKGROUND[language])
        return self._background[language]


def as_text(answer: ExtractiveAnswer) -> str:
    """The sentences with their citations: `It opened in 1937. [2]`."""
    return " ".join(f"{_SPACE.sub(' ', sentence.text)} [{sentence.passage}]" for sentence in answer.sentences)


def _whole(passage: Passage) -> str:
    return f"{passage.context}\n{passage.text}"


def _spans(passage: Passage) -> Iterator[tuple[int, int]]:
    by_line = passage.kind in LINE_KINDS or not passage.sentences
    for start, end in _lines(passage.text) if by_line else passage.sentences:
        yield from _pieces(passage.text, start, end)


def _lines(text: str) -> Iterator[tuple[int, int]]:
    for line in re.finditer(r"[^\n]*\S", text):
        yield line.start() + len(line[0]) - len(line[0].lstrip()), line.end()


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > LONGEST_SENTENCE:
        breaks = list(_SOFT_BREAK.finditer(text, start + LONGEST_SENTENCE // 2, start + LONGEST_SENTENCE))
        # A comma before a space, a space before the middle of a word.
        hard = next((found for found in reversed(breaks) if not found[0].isspace()), None)
        found = hard or (breaks[-1] if breaks else None)
        cut = found.end() if found else start + LONGEST_SENTENCE
        yield start, start + len(text[start:cut].rstrip())
        start = cut
    yield start, end


def _share(weights: Mapping[str, float], terms: frozenset[str]) -> float:
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in terms) / total if total else 0.0


def _chosen(candidates: Sequence[_Candidate], scores: Sequence[float], count: int) -> list[ExtractedSentence]:
    best = max(scores)
    chosen: list[int] = []
    for place in sorted(range(len(candidates)), key=lambda place: -scores[place]):
        if len(chosen) == count or scores[place] < best - HOPELESS:
            break
        if not any(_alike(candidates[place].terms, candidates[other].terms) for other in chosen):
            chosen.append(place)
    by_passage = list(dict.fromkeys(candidates[place].passage.index for place in chosen))
    chosen.sort(key=lambda place: (by_passage.index(candidates[place].passage.index), candidates[place].start))
    return [_extracted(candidates[place], scores[place]) for place in chosen]


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= ALIKE * len(one | other)


def _extracted(candidate: _Candidate, score: float) -> ExtractedSentence:
    return ExtractedSentence(candidate.passage.index, candidate.start, candidate.end, candidate.text, score)


__all__ = ["ExtractedSentence", "ExtractiveAnswer", "ExtractiveModel", "Passage", "TermsOf", "as_text"]
