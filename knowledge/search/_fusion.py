"""Two rankings made one: the mean of both legs' scores, each stretched over the leg's own best hundred.

Scores say how good a match is and ranks do not, so that a leg which has nothing to say cannot drag the other down
(Bruch, Gai & Ingber, 2023, "An Analysis of Fusion Functions for Hybrid Retrieval").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from knowledge.search._filters import Id
from knowledge.search._text import Found
from knowledge.search._vector import Near

WINDOW = 100
# The best lexical match counts in full when it holds this share of what the question's words weigh. A question in
# another language shares a name or a number with the chunks at best, and that alone is no match.
FULL_MATCH = 0.25
NOT_FOUND: tuple[None, float, None] = (None, 0.0, None)


class Fused(NamedTuple):
    """A chunk in the joint ranking. What a leg did not find has no score and no rank there."""

    chunk_id: Id
    entry_id: Id
    score: float
    cosine: float | None = None
    vector_rank: int | None = None
    lexical_score: float | None = None
    lexical_rank: int | None = None

    def order(self) -> tuple[float, float, float, Id]:
        return -self.score, -(self.cosine or -1.0), -(self.lexical_score or 0.0), self.chunk_id


def fuse(near: Sequence[Near], found: Sequence[Found], full_weight: float, least_spread: float = 0.0) -> list[Fused]:
    """All chunks of both legs, best first; scores from 0 to 1. `full_weight`: see QueryTerms.

    `least_spread`: cosines closer together than this are not stretched as far as from 0 to 1, so that what hardly
    differs has scores that hardly differ. Where scores are only for order, that is of no use.
    """
    spread = found[0].score / 2 if found and least_spread else 0.0
    scores = _stretched([match.score for match in found], FULL_MATCH * full_weight, unfound=0.0, least_spread=spread)
    lexical = {
        match.chunk_id: (match, score / 2, rank)
        for rank, (match, score) in enumerate(zip(found, scores, strict=True), 1)
    }
    fused = []
    scores = _stretched([hit.cosine for hit in near], least_spread=least_spread)
    for rank, (hit, score) in enumerate(zip(near, scores, strict=True), 1):
        match, share, lexical_rank = lexical.pop(hit.chunk_id, NOT_FOUND)
        fused.append(
            Fused(
                hit.chunk_id, hit.entry_id, score / 2 + share, hit.cosine, rank, match and match.score, lexical_rank
            )
        )  # fmt: skip
    for match, share, rank in lexical.values():
        fused.append(Fused(match.chunk_id, match.entry_id, share, None, None, match.score, rank))
    return sorted(fused, key=Fused.order)


def _stretched(
    scores: list[float], least_top: float = -math.inf, unfound: float | None = None, least_spread: float = 0.0
) -> list[float]:
    """Scores, best first, on a scale from the last of the window (0) to its first, or to `least_top` (1).

    `unfound`: the score of whatever is not among them, where that is known.
    """
    if not scores:
        return []
    window = scores[:WINDOW]
    bottom = window[-1] if unfound is None or len(window) == WINDOW else unfound
    top = max(window[0], least_top)
    bottom = min(bottom, window[0] - least_spread)
    if top <= bottom:
        return [1.0 if score >= top else 0.0 for score in scores]
    return [max(0.0, (score - bottom) / (top - bottom)) for score in scores]
