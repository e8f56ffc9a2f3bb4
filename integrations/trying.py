"""Trying a question: what is found for it and why, before an answer is made of that.

A trial searches as `integrations.gathering` does, twice: entries, to say which fit and why, and passages of those
that are near enough, for the answer. Nothing of it is kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, User
from chat import follow_ups, prompts
from chat.answering import Question, active_embedder, window_of
from chat.prompts import Manner
from chat.relevance import NOTHING, Found, retrieve
from doculume.threads import without_database
from knowledge.search import Boost, EntryHit, MetaFilter, SearchFilters, SearchHit, search_entries
from llm_settings.providers.base import ChatMessage, ChatModel
from llm_settings.providers.fallback import FirstThatAnswers

LISTED = 20
LEAST_MS = 0.05  # what took less was not done
CONSIDERED = 50  # entries: of the others no passage is among the first few

LAPS = {
    "embed": _("Question as a vector"),
    "scope": _("What is searched"),
    "text": _("Reading the words"),
    "vector": _("Search by meaning and by words"),
    "rank": _("Ranking"),
    "rerank": _("Reranking"),
    "fetch": _("Fetching the entries"),
    "judge": _("Whether they answer"),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried. `collection_ids` are all that may be searched; none of them, nothing. `before` is the question
    that this one follows."""

    account: Account
    asker: User
    text: str
    collection_ids: tuple[UUID, ...]
    model: str = ""
    threshold: float = 0.4
    sources: int = 5
    manner: Manner = field(default_factory=Manner)
    meta: tuple[MetaFilter, ...] = ()
    boosts: tuple[Boost, ...] = ()
    before: str = ""
    integration_id: UUID | None = None
    only_search: bool = False

    @property
    def history(self) -> list[ChatMessage]:
        return [{"role": "user", "content": self.before}] if self.before else []


@dataclass(frozen=True, slots=True)
class Stage:
    """In milliseconds since the trial began."""

    name: str | Promise
    start: float
    end: float

    @property
    def took(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry in its place, and whether it is near enough to be used."""

    place: int
    hit: EntryHit
    is_used: bool


@dataclass
class Looked:
    """What was found. `searched_for` is the question as it was searched for; `prompt` what a language model is told,
    None where it is not asked."""

    listed: list[Listed]
    found: Found
    searched_for: str
    prompt: list[ChatMessage] | None = None
    stages: list[Stage] = field(default_factory=list)

    @property
    def took(self) -> float:
        return self.stages[-1].end if self.stages else 0.0


class Watch:
    """Notes stages one after the other."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._began, self._last = time.perf_counter(), 0.0

    def lap(self, name: str | Promise) -> None:
        now = (time.perf_counter() - self._began) * 1000
        self.stages.append(Stage(name, self._last, now))
        self._last = now

    def laps(self, timings: Mapping[str, float]) -> None:
        """Those that somebody else has measured, as they came."""
        for name, label in LAPS.items():
            if timings.get(name, 0) >= LEAST_MS:
                self.stages.append(Stage(label, self._last, self._last + timings[name]))
                self._last += timings[name]
        self._last = (time.perf_counter() - self._began) * 1000


def look(trial: Trial, models: Sequence[ChatModel] = ()) -> Looked:
    """Search as for an answer that `models` write; none: the sources speak themselves, or there is to be none. Raises
    ProviderError, UnusableRange."""
    watch, model = Watch(), FirstThatAnswers(models) if models else None
    text = _searched_for(trial, model, watch)
    # All of them, so that those below the threshold are seen too; the order is the same.
    results = search_entries(
        trial.account, text, collection_ids=trial.collection_ids, meta=trial.meta, threshold=0, boosts=trial.boosts,
        per_page=CONSIDERED, explain=True,
    )  # fmt: skip
    watch.laps(results.timings)
    listed = [Listed(place, hit, hit.similarity >= trial.threshold) for place, hit in enumerate(results.hits, 1)]
    used = {one.hit.entry_id for one in listed if one.is_used}
    looked = Looked(listed[:LISTED], NOTHING, text, stages=watch.stages)
    if used and not trial.only_search:
        among = used if trial.threshold else None
        filters = SearchFilters(trial.collection_ids, meta=trial.meta)
        looked.found = retrieve(trial.account, text, trial.sources, filters, among=among, as_asked=trial.text)
        watch.lap(_("Passages"))
        looked.prompt = _prompt(trial, looked.found, model)
    return looked


def question_of(trial: Trial, looked: Looked) -> Question:
    """For `chat.answering.answer`."""
    return Question(
        trial.text,
        top_k=trial.sources,
        manner=trial.manner,
        found=looked.found,
        by_entry=trial.integration_id is not None,
        is_trial=True,
    )


def _searched_for(trial: Trial, model: ChatModel | None, watch: Watch) -> str:
    """As `chat.answering` makes a question stand alone."""
    if not trial.before or not follow_ups.leans(trial.text):
        return trial.text
    rewritten = without_database(follow_ups.rewritten)(model, trial.text, trial.history) if model else None
    text = rewritten or follow_ups.with_context(trial.text, trial.history, active_embedder().rarity)
    watch.lap(_("Rewriting the follow-up"))
    return text


def _prompt(trial: Trial, found: Found, model: ChatModel | None) -> list[ChatMessage] | None:
    is_asked = found.relevant or (found.worth_reading and not trial.manner.summarize)
    if model is None or not is_asked:
        return None
    return prompts.grounded(trial.text, found.hits, trial.history, trial.manner, window_of(model, None)).messages


def stages_of_answer(began: float, timings: Mapping[str, float]) -> Iterator[Stage]:
    """What `StreamEnd.timings` come to, after `began` milliseconds."""
    last = began
    for name, label in (("prompt", _("Prompt")), ("first_token", _("First word")), ("total", _("The whole answer"))):
        if name in timings:
            yield Stage(label, last, max(began + timings[name], last))
            last = max(began + timings[name], last)


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_marked: bool


def pieces_of(hit: SearchHit, spans: Sequence[tuple[int, int]]) -> list[Piece]:
    """The passage with the spans (offsets into its entry's text) marked; all of it where there is none."""
    within = sorted((max(start, hit.start), min(end, hit.end)) for start, end in spans)
    within = [(start, end) for start, end in within if start < end] or [(hit.start, hit.end)]
    pieces, at = [], hit.start
    for start, end in within:
        pieces += [_piece(hit, at, start, False), _piece(hit, max(start, at), end, True)]
        at = max(at, end)
    return [piece for piece in [*pieces, _piece(hit, at, hit.end, False)] if piece.text]


def _piece(hit: SearchHit, start: int, end: int, is_marked: bool) -> Piece:
    return Piece(hit.text[start - hit.start : max(end, start) - hit.start], is_marked)
