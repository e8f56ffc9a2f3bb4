"""Whether what was found answers the question: one judge for search, summaries and chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from knowledge.search.terms import terms_of
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.base import Vectors
from llm_settings.providers.extractive import ExtractiveModel, Passage
from llm_settings.providers.relevance import ENOUGH

# What ranks below these hardly ever holds the answer.
PASSAGES_JUDGED = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """A chunk among the best, with what tells what it is about."""

    text: str
    about: str
    language: str
    cosine: float


@cache
def reader_with(model: EmbeddingModel) -> ExtractiveModel:
    """Kept, because it embeds what it compares with once."""
    return ExtractiveModel(get_embedder(model), terms_of)


def answers(model: EmbeddingModel, question: str, vector: Vectors, best: Sequence[Judged], searched: int) -> bool:
    """Whether the best chunks answer the question, not merely resemble it; `searched`: among how many.

    Judged by whole chunks, in a millisecond; whoever goes on to write an answer reads their sentences as well.
    Raises ProviderError.
    """
    passages = [
        Passage(number, one.text, 0.0, (), one.language, context=one.about, cosine=one.cosine)
        for number, one in enumerate(best[:PASSAGES_JUDGED], 1)
    ]
    return reader_with(model).confidence(question, passages, vector, searched) >= ENOUGH
