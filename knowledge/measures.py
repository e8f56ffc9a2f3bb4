"""How good a ranking is, by what was judged of it. `gains` is `{entry: gain}`; a gain of 0 is of no use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Gains = Mapping[Any, int]


def ndcg(ranked: Sequence[Any], gains: Gains, depth: int = 10) -> float:
    """Normalized discounted cumulative gain with linear gains, as trec_eval's `ndcg_cut` has it; 0 to 1."""
    ideal = _discounted(sorted(gains.values(), reverse=True)[:depth])
    return _discounted([gains.get(each, 0) for each in ranked[:depth]]) / ideal if ideal else 0.0


def _discounted(values: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(values, 1))


def recall(ranked: Sequence[Any], gains: Gains, depth: int = 10) -> float:
    """Of what is of use, how much is among the first `depth`."""
    useful = {each for each, gain in gains.items() if gain > 0}
    return len(useful & set(ranked[:depth])) / len(useful) if useful else 0.0


def reciprocal_rank(ranked: Sequence[Any], gains: Gains) -> float:
    """1 for a useful one in the first place, 1/2 in the second, and 0 where there is none."""
    return next((1 / rank for rank, each in enumerate(ranked, 1) if gains.get(each, 0) > 0), 0.0)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that is not less than this share of them (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
