"""Why an entry stands where it does, for those who look after the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from knowledge.search._candidates import Candidates
from knowledge.search._order import Ranked
from knowledge.search._ranking import together
from knowledge.search.meta import MetaFilter
from llm_settings.providers.base import Scale


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is the same for all entries of an answer."""

    model: str
    scale: Scale
    threshold: float
    candidates: Candidates
    filters: Sequence[MetaFilter]
    replaced: Mapping[str, Sequence[str]]

    def of(self, one: Ranked) -> dict[str, Any]:
        """Plain data. A leg that did not find the entry has neither rank nor score."""
        hit = one.fused
        return {
            "vector": {"rank": hit and hit.vector_rank, "cosine": one.cosine, "chunk_cosine": hit and hit.cosine},
            "lexical": {
                "rank": hit and hit.lexical_rank,
                "score": hit and hit.lexical_score,
                "read_as": {word: list(terms) for word, terms in self.replaced.items()},
            },
            "fused_score": hit.score if hit else None,
            "reranker": one.reranked,
            "boosts": [asdict(boost) for boost in one.boosts],
            "boosted_by": together([boost.factor for boost in one.boosts]),
            "filters": [
                {"field": each.field, "operator": each.operator, "values": list(each.values)} for each in self.filters
            ],
            "calibration": {
                "model": self.model,
                "scale": [list(point) for point in self.scale],
                "threshold": self.threshold,
                "least_cosine": max(self.candidates.least, -1.0),
            },
            "in_scope": {"chunks": self.candidates.scope.chunks, "every_chunk_compared": self.candidates.compared},
        }
