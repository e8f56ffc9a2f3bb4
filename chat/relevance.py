"""What was found for a question, whether it answers it, and the sentences that do."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from accounts.models import Account
from chat.quoting import Quote, quotes_of
from knowledge.search import SearchFilters, SearchHit, search
from knowledge.search.answering import PASSAGES_JUDGED, reader_with
from knowledge.search.pointers import answering_model
from llm_settings.providers.extractive import ExtractedSentence, ExtractiveAnswer, Passage

# In units of a sentence's score, in which a prose answer's second sentence is one to four below its first.
ROW_MARGIN = 2.0
MOST_SENTENCES = 3
# A language model tells for itself whether its sources answer; it is not asked only where that is hopeless.
WORTH_READING = 0.15


@dataclass(frozen=True, slots=True)
class Quoted:
    """Words of the hit with that number, from 1, and where they stand in its entry's text."""

    number: int
    start: int
    end: int
    words: str


@dataclass(frozen=True, slots=True)
class Found:
    """`hits` best first; `quoted` are the words of theirs that answer."""

    hits: list[SearchHit]
    relevant: bool
    confidence: float
    quoted: list[Quoted]

    @property
    def worth_reading(self) -> bool:
        """Whether a language model may find an answer in it; less than `relevant`, which is for quoting it."""
        return bool(self.hits) and self.confidence >= WORTH_READING

    def spans(self) -> dict[int, tuple[int, int]]:
        """What of each hit is quoted, from its first quoted word to its last."""
        spans: dict[int, tuple[int, int]] = {}
        for quoted in self.quoted:
            start, end = spans.get(quoted.number, (quoted.start, quoted.end))
            spans[quoted.number] = (min(start, quoted.start), max(end, quoted.end))
        return spans

    def pieces(self) -> Iterator[str]:
        """The answer in the words of its sources: a sentence at a time, each with the number of its hit."""
        for index, quoted in enumerate(self.quoted):
            yield f"{' ' if index else ''}{quoted.words} [{quoted.number}]"


NOTHING = Found([], False, 0.0, [])


def retrieve(
    account: Account,
    question: str,
    top_k: int,
    filters: SearchFilters,
    *,
    among: Collection[UUID] | None = None,
    sentences: int = MOST_SENTENCES,
    as_asked: str = "",
) -> Found:
    """Search, and judge what came. `Found.relevant` is False when nothing found answers the question.

    `among`: only what is of these entries; `sentences`: how many at most may answer; `as_asked`: the question in the
    user's own words, where `question` has more to search by. What answers either of them is relevant.
    """
    result = search(account, question, limit=top_k, filters=filters)
    hits = [hit for hit in result.hits if among is None or hit.entry_id in among]
    if not hits:
        return NOTHING
    quotes = [quotes_of(hit) for hit in hits[:PASSAGES_JUDGED]]
    passages = [as_passage(number, hit, quotes[number - 1]) for number, hit in enumerate(hits[:PASSAGES_JUDGED], 1)]
    reader = reader_with(answering_model(account))

    def read_for(asked: str) -> ExtractiveAnswer:
        weight = result.query_terms.get
        return reader.answer(asked, passages, sentences, idf=lambda term: weight(term, 0.0), searched=result.searched)

    read = read_for(as_asked or question)
    if not read.relevant and as_asked not in ("", question):
        read = max(read, read_for(question), key=lambda one: one.confidence)
    chosen = [(sentence, quote_at(sentence, quotes[sentence.passage - 1])) for sentence in read.sentences]
    best = max((sentence.score for sentence in read.sentences), default=0.0)
    # Sentences explain each other; a row stands for itself, and one that fits less is about something else.
    kept = [(sentence, quote) for sentence, quote in chosen if not quote.is_row or sentence.score > best - ROW_MARGIN]
    quoted = [as_quoted(sentence, quote, hits[sentence.passage - 1]) for sentence, quote in kept]
    return Found(hits, read.relevant, read.confidence, quoted)


def as_passage(number: int, hit: SearchHit, quotes: list[Quote]) -> Passage:
    about = "\n".join([hit.title, *hit.heading_path, hit.context])
    spans = [(quote.start, quote.end) for quote in quotes]
    return Passage(number, hit.text, hit.score, spans, hit.language, context=about, cosine=hit.cosine)


def quote_at(sentence: ExtractedSentence, quotes: list[Quote]) -> Quote:
    """What the sentence was offered as; it is a part of it where that was very long."""
    return next(quote for quote in quotes if quote.start <= sentence.start < quote.end)


def as_quoted(sentence: ExtractedSentence, quote: Quote, hit: SearchHit) -> Quoted:
    """The sentence without the heading it was judged with."""
    said = max(quote.said, sentence.start) if quote.said < sentence.end else sentence.start
    words = replace(quote, said=said, end=sentence.end).words(hit.text)
    return Quoted(sentence.passage, hit.start + said, hit.start + sentence.end, words)
