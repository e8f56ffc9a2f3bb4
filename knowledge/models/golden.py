"""Golden sets: questions of which it is known what they should find, and how well search did at them.

Judgments go with their question and their entry, and questions and runs with their collection, by the database's own
cascade: whoever deletes an entry or a collection need not know that they exist.
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from accounts.models import Account
from doculume.ids import new_id

LONGEST_QUESTION = 4_000


class GoldenQuestionSet(models.QuerySet["GoldenQuestion"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)


class GoldenQuestion(models.Model):
    """A question to one collection."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    collection = models.ForeignKey("knowledge.Collection", models.DO_NOTHING, related_name="+", db_constraint=False)
    question = models.TextField(max_length=LONGEST_QUESTION)
    language = models.CharField(max_length=12, blank=True, help_text="ISO 639-1; figures are also given by language.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[GoldenQuestionSet] = GoldenQuestionSet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return self.question[:80]


class GoldenEntry(models.Model):
    """An entry that a question should find. A greater `gain` should stand higher; 0 is known to be of no use."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    question = models.ForeignKey(
        GoldenQuestion, models.DO_NOTHING, related_name="expected", db_constraint=False, db_index=False
    )
    entry = models.ForeignKey("knowledge.Entry", models.DO_NOTHING, related_name="+", db_constraint=False)
    gain = models.PositiveSmallIntegerField(default=1)

    class Meta:
        verbose_name_plural = "golden entries"
        constraints = [models.UniqueConstraint(fields=["question", "entry", "account"], name="golden_entry_once")]

    def __str__(self) -> str:
        return f"{self.entry_id}: {self.gain}"


class EvaluationRunSet(models.QuerySet["EvaluationRun"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)


class EvaluationRun(models.Model):
    """How search did at an account's golden questions, or at those of one of its collections, at one moment.

    `figures` is `Figures.as_json()`; see `knowledge.evaluation`. Runs whose `golden_digest` is the same asked the same.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    collection = models.ForeignKey(
        "knowledge.Collection", models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )
    model_name = models.CharField(max_length=400)
    golden_digest = models.CharField(max_length=64)
    questions = models.PositiveIntegerField()
    ndcg = models.FloatField("nDCG@10")
    recall = models.FloatField("recall@10")
    mrr = models.FloatField("MRR")
    latency_p50_ms = models.FloatField()
    latency_p95_ms = models.FloatField()
    figures = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[EvaluationRunSet] = EvaluationRunSet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["account", "-created_at", "-id"], name="evaluation_of_account")]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.model_name}: {self.ndcg:.3f}"
