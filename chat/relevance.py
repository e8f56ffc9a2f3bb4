"""What was found for a question, whether it answers it, and the sentences that do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from accounts.models import Account
from chat.citations import MARKER
from knowledge.ingestion.sentences import split_sentences
from knowledge.search import SearchFilters, SearchHit, search
from knowledge.search.terms import terms_of
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.extractive import ExtractedSentence, ExtractiveModel, Passage

# Passages that are read sentence by sentence; what ranks below these hardly ever holds the answer.
PASSAGES_READ = 5


@dataclass(frozen=True, slots=True)
class Found:
    """`hits` best first; `sentences` are offsets into the texts of those hits, numbered from 1."""

    hits: list[SearchHit]
    relevant: bool
    confidence: float
    sentences: list[ExtractedSentence]

    def spans(self) -> dict[int, tuple[int, int]]:
        """What of each hit is quoted, as offsets into its entry's text: from its first quoted word to its last."""
        spans: dict[int, tuple[int, int]] = {}
        for sentence in self.sentences:
            base = self.hits[sentence.passage - 1].start
            start, end = spans.get(sentence.passage, (base + sentence.start, base + sentence.end))
            spans[sentence.passage] = (min(start, base + sentence.start), max(end, base + sentence.end))
        return spans

    def pieces(self) -> Iterator[str]:
        """The answer in the words of its sources: a sentence at a time, each with the number of its hit.

        Numbers in brackets that stand in a source are left out: here they would seem to be citations.
        """
        for index, sentence in enumerate(self.sentences):
            words = " ".join(MARKER.sub("", sentence.text).split())
            yield f"{' ' if index else ''}{words} [{sentence.passage}]"


def retrieve(account: Account, question: str, top_k: int, filters: SearchFilters) -> Found:
    """Search, and judge what came. `Found.relevant` is False when nothing found answers the question."""
    result = search(account, question, limit=top_k, filters=filters)
    if not result.hits:
        return Found([], False, 0.0, [])
    passages = [as_passage(number, hit) for number, hit in enumerate(result.hits[:PASSAGES_READ], 1)]
    reader = reader_with(EmbeddingModel.objects.active())
    read = reader.answer(question, passages, idf=lambda term: result.query_terms.get(term, 0.0))
    return Found(result.hits, read.relevant, read.confidence, read.sentences)


@cache
def reader_with(model: EmbeddingModel) -> ExtractiveModel:
    """Kept, because it embeds what it compares with once."""
    return ExtractiveModel(get_embedder(model), terms_of)


def as_passage(number: int, hit: SearchHit) -> Passage:
    return Passage(number, hit.text, hit.score, split_sentences(hit.text), hit.language, hit.kind)
