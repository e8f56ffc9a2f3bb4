"""Whether what was found has anything to do with the question.

Three things speak for it, put together by a logistic model:
- how near the nearest sentence is to the question;
- how much nearer it is than sentences about nothing in particular (`background`), which evens out questions that
  are near to everything and languages that lie close together;
- how much of what the question is about stands, word for word, in the passage of that sentence.

The first two are in units of the model's own span from unrelated to relevant. How the weights were fitted and
what they reach is in docs/decisions/0011-extractive-answers.md and `benchmarks/extractive.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from llm_settings.providers.base import Embedder
from llm_settings.providers.calibration import RELEVANT, UNRELATED, cosine

INTERCEPT, NEARNESS, LIFT, COVERAGE = -12.4, 7.9, 5.3, 6.4
ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    nearness: float
    lift: float
    coverage: float

    @property
    def confidence(self) -> float:
        """From 0 to 1; `ENOUGH` is where answering begins."""
        total = INTERCEPT + NEARNESS * self.nearness + LIFT * self.lift + COVERAGE * self.coverage
        return 1 / (1 + math.exp(-total))


def evidence(embedder: Embedder, best: float, background: float, coverage: float) -> Evidence:
    """`best`: cosine of the nearest sentence; `background`: mean cosine of the background; `coverage`: 0–1."""
    unrelated = cosine(UNRELATED, embedder.scale)
    span = cosine(RELEVANT, embedder.scale) - unrelated
    return Evidence((best - unrelated) / span, (best - background) / span, coverage)
