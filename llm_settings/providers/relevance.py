"""Whether what was found has anything to do with the question.

Three things speak for it, put together by a logistic model:
- how near the nearest sentence and the nearest passage are to the question;
- how much nearer the sentence is than sentences about nothing in particular (`background`), which evens out
  questions that are near to everything and languages that lie close together;
- how much of what the question is about stands in the passage of that sentence, word for word or nearly.

The first two are in units of the model's own span from unrelated to relevant. The more was searched, the nearer
something comes by chance, so more is asked of it. A question in another language
than the passages shares no words with them, so there the first two decide alone, less surely. How the weights
were fitted and what they reach is in docs/decisions/0011-extractive-answers.md and `benchmarks/extractive.py`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from llm_settings.providers.background import script_language
from llm_settings.providers.base import Embedder
from llm_settings.providers.calibration import RELEVANT, UNRELATED, cosine

ENOUGH = 0.5
INTERCEPT, NEARNESS, LIFT, COVERAGE, SIZE = -17.3, 10.3, 8.6, 7.8, 0.93
FOREIGN_INTERCEPT, FOREIGN_NEARNESS, FOREIGN_LIFT = -4.4, 3.4, 4.0

SENTENCE_LEAD = 0.1  # by how much the nearest sentence is nearer than the nearest passage, where that is not known
TYPICAL_SIZE = 240  # passages searched, where that is not known: what the intercept was fitted on
LARGEST_SIZE = 1000  # beyond it nothing was measured, and the bar is not raised any further
COMMON = 2.0  # the rarity below which a word is in every text of its language
FEWEST_COMMON = 3  # of such words in a question, before their absence from the passages means anything
MOST_FOUND = 0.4  # of them, in passages of another language
SHORTEST_STEM = 5  # letters that two words must share at least to be related


@dataclass(frozen=True, slots=True)
class Evidence:
    nearness: float
    lift: float
    coverage: float
    searched: int
    foreign: bool

    @property
    def confidence(self) -> float:
        """From 0 to 1; `ENOUGH` is where answering begins."""
        total = INTERCEPT + NEARNESS * self.nearness + LIFT * self.lift + COVERAGE * self.coverage
        total += SIZE * math.log(TYPICAL_SIZE / min(max(self.searched, 1), LARGEST_SIZE))
        if self.foreign:
            total = max(total, FOREIGN_INTERCEPT + FOREIGN_NEARNESS * self.nearness + FOREIGN_LIFT * self.lift)
        return 1 / (1 + math.exp(-total))


@dataclass(frozen=True, slots=True)
class Cosines:
    """With the question: of the nearest sentence, the nearest passage (where known), the background's mean."""

    sentence: float
    passage: float | None
    background: float


def evidence(embedder: Embedder, cosines: Cosines, covered: float, *, searched: int | None, foreign: bool) -> Evidence:
    """`searched`: how many passages the search chose from."""
    unrelated = cosine(UNRELATED, embedder.scale)
    span = cosine(RELEVANT, embedder.scale) - unrelated
    near = (cosines.sentence - unrelated) / span
    whole = near - SENTENCE_LEAD if cosines.passage is None else (cosines.passage - unrelated) / span
    lift = (cosines.sentence - cosines.background) / span
    return Evidence((near + whole) / 2, lift, covered, TYPICAL_SIZE if searched is None else searched, foreign)


def coverage(weights: Mapping[str, float], terms: Collection[str]) -> float:
    """The share, from 0 to 1, of the question's weight that stands in `terms`; related words count in part."""
    total = sum(weights.values())
    if not total:
        return 0.0
    return sum(weight * _likeness(term, terms) for term, weight in weights.items() if weight) / total


def is_foreign(question: str, weights: Mapping[str, float], text: str, read: Iterable[Iterable[str]]) -> bool:
    """Whether the question is in another language than `text`: by its script, or by its commonest words.

    A detector of languages needs a longer text than a question. `read`: the terms of `text` and of what was found
    beside it, of which no more is read than it takes.
    """
    if script_language(question) != script_language(text):
        return True
    common = {term for term, weight in weights.items() if weight < COMMON}
    if len(common) < FEWEST_COMMON:
        return False
    missing = set(common)
    for terms in read:
        missing.difference_update(terms)
        if len(common) - len(missing) > MOST_FOUND * len(common):
            return False
    return True


def _likeness(term: str, terms: Collection[str]) -> float:
    """1 for the same word; less for one that begins alike or holds the other, as compounds and forms do."""
    if term in terms:
        return 1.0
    if len(term) < SHORTEST_STEM:
        return 0.0
    return max((_related(term, other) for other in terms if len(other) >= SHORTEST_STEM), default=0.0)


def _related(one: str, other: str) -> float:
    short, long = sorted((one, other), key=len)
    shared = len(short) if short in long else sum(1 for _ in takewhile(_same, zip(short, long, strict=False)))
    return shared / len(long) if shared >= SHORTEST_STEM else 0.0


def _same(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]
