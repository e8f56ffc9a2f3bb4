"""How well search finds what golden questions should find, asked as a client of the API asks.

`evaluate()` measures, `Figures` can be stored, written down and read again, and `worse()` says what a later one lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from statistics import fmean
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db.models import Prefetch

from accounts.models import Account
from doculume.errors import DoculumeError
from knowledge.measures import ndcg, percentile, recall, reciprocal_rank
from knowledge.models import EvaluationRun, GoldenEntry, GoldenQuestion
from knowledge.search import EntryResults, search_entries
from knowledge.search.pointers import answering_model
from llm_settings.models import EmbeddingModel

DEPTH = 10
# A client that names no threshold gets this one.
THRESHOLD = 0.4
# So much less is still the same: a question or two of a hundred that changed places.
TOLERANCE = 0.01

Search = Callable[..., EntryResults]


class NoGoldenQuestions(DoculumeError):
    code: ClassVar[str] = "not_found"
    status_code: ClassVar[int] = 404
    message = "There are no golden questions with expected entries."


@dataclass(frozen=True, slots=True)
class Answered:
    """One question's ranking, measured. `ms` is the search, embedding the question included."""

    question: str
    language: str
    ndcg: float
    recall: float
    reciprocal_rank: float
    ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the questions, nDCG and recall at 10; latency in milliseconds."""

    model: str
    threshold: float
    golden_digest: str
    questions: int
    left_out: int
    """Questions that expect nothing any more, since their entries are gone."""
    ndcg: float
    recall: float
    mrr: float
    latency_p50_ms: float
    latency_p95_ms: float
    ndcg_by_language: dict[str, float] = field(default_factory=dict)
    answered: list[Answered] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Raises TypeError or KeyError for what `as_json` has not written."""
        return cls(**data | {"answered": [Answered(**row) for row in data["answered"]]})

    def store(self, account: Account, collection_id: UUID | None = None) -> EvaluationRun:
        return EvaluationRun.objects.create(
            account=account,
            collection_id=collection_id,
            model_name=self.model,
            golden_digest=self.golden_digest,
            questions=self.questions,
            ndcg=self.ndcg,
            recall=self.recall,
            mrr=self.mrr,
            latency_p50_ms=self.latency_p50_ms,
            latency_p95_ms=self.latency_p95_ms,
            figures=self.as_json(),
        )


def evaluate(
    account: Account,
    collection_id: UUID | None = None,
    *,
    model: EmbeddingModel | None = None,
    threshold: float = THRESHOLD,
    search: Search = search_entries,
) -> Figures:
    """Ask the account's golden questions, each of its own collection, and measure what comes back.

    `search` is called as `search_entries` is; `model` names the one it answers by, the account's own if None.
    Raises NoGoldenQuestions, and what the search raises.
    """
    questions = golden_questions(account, collection_id)
    asked = [question for question in questions if gains_of(question)]
    if not asked:
        raise NoGoldenQuestions
    # The first search of a process loads the model; no client waits for that twice.
    _ask(account, asked[0], threshold, search)
    answered = [_ask(account, question, threshold, search) for question in asked]
    model = model or answering_model(account)
    times = [one.ms for one in answered]
    return Figures(
        model=f"{model.provider}/{model.name} ({model.dimensions})",
        threshold=threshold,
        golden_digest=digest_of(asked),
        questions=len(asked),
        left_out=len(questions) - len(asked),
        ndcg=fmean(one.ndcg for one in answered),
        recall=fmean(one.recall for one in answered),
        mrr=fmean(one.reciprocal_rank for one in answered),
        latency_p50_ms=percentile(times, 0.5),
        latency_p95_ms=percentile(times, 0.95),
        ndcg_by_language=_by_language(answered),
        answered=answered,
    )


def golden_questions(account: Account, collection_id: UUID | None = None) -> list[GoldenQuestion]:
    questions = GoldenQuestion.objects.for_account(account)
    if collection_id is not None:
        questions = questions.filter(collection_id=collection_id)
    return list(questions.prefetch_related(Prefetch("expected", GoldenEntry.objects.filter(account=account))))


def gains_of(question: GoldenQuestion) -> dict[UUID, int]:
    """Of a question that was read by `golden_questions`; empty where nothing is of use."""
    gains = {expected.entry_id: expected.gain for expected in question.expected.all()}
    return gains if any(gains.values()) else {}


def digest_of(questions: Iterable[GoldenQuestion]) -> str:
    """Of what was asked and expected, so that two runs can be known to be of the same."""
    lines = [
        f"{question.collection_id}\t{question.question}\t{entry}\t{gain}"
        for question in questions
        for entry, gain in gains_of(question).items()
    ]
    return sha256("\n".join(sorted(lines)).encode()).hexdigest()


def worse(before: Figures, after: Figures, tolerance: float = TOLERANCE) -> list[str]:
    """What fell by more than `tolerance`, in words; latency is not compared, it depends on the machine."""
    pairs = {
        "nDCG@10": (before.ndcg, after.ndcg),
        "recall@10": (before.recall, after.recall),
        "MRR": (before.mrr, after.mrr),
    } | {
        f"nDCG@10 in {language}": (value, after.ndcg_by_language[language])
        for language, value in before.ndcg_by_language.items()
        if language and language in after.ndcg_by_language
    }
    return [f"{name} fell from {old:.3f} to {new:.3f}" for name, (old, new) in pairs.items() if old - new > tolerance]


def _ask(account: Account, question: GoldenQuestion, threshold: float, search: Search) -> Answered:
    start = time.perf_counter()
    results = search(
        account,
        question.question,
        collection_ids=[question.collection_id],
        threshold=threshold,
        per_page=DEPTH,
    )
    ms = (time.perf_counter() - start) * 1000
    ranked, gains = [hit.entry_id for hit in results.hits], gains_of(question)
    return Answered(
        question=str(question.id),
        language=question.language,
        ndcg=ndcg(ranked, gains, DEPTH),
        recall=recall(ranked, gains, DEPTH),
        reciprocal_rank=reciprocal_rank(ranked, gains),
        ms=ms,
    )


def _by_language(answered: list[Answered]) -> dict[str, float]:
    languages = sorted({one.language for one in answered})
    return {language: fmean(one.ndcg for one in answered if one.language == language) for language in languages}
