"""Which embedding model answers an account's searches, and the work of moving it to another."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Account
from doculume.ids import new_id
from llm_settings.models import EmbeddingModel


class AccountIndex(models.Model):
    """The models of an account that has its own; one without a row follows the deployment's `EmbeddingModel` rows.

    `answering` is the pointer. What is written gets vectors of all three: `building` is not complete yet, `standby`
    is what answered before and can answer again.
    """

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="+")
    answering = models.ForeignKey(EmbeddingModel, models.PROTECT, related_name="+", db_index=False)
    building = models.ForeignKey(
        EmbeddingModel, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    standby = models.ForeignKey(EmbeddingModel, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "account indexes"

    def __str__(self) -> str:
        return f"{self.account_id}: {self.answering}"


class ReindexingQuerySet(models.QuerySet["Reindexing"]):
    def unfinished(self) -> Self:
        return self.filter(status__in=[Reindexing.Status.WAITING, Reindexing.Status.RUNNING])

    def due(self) -> Self:
        """Those that nobody works on."""
        waiting = Q(status=Reindexing.Status.WAITING, next_turn_at__lte=Now())
        abandoned = Q(status=Reindexing.Status.RUNNING, lease_expires_at__lt=Now())
        return self.filter(waiting | abandoned)


class Reindexing(models.Model):
    """Embedding all chunks of an account by another model, and then answering by it. The row is the queue.

    Chunks are met in the order of their ids, which rise with time; `cursor` is the last one that is done, so that
    a worker that dies is followed by one that goes on there.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        REFUSED = "refused", "refused: it would have answered worse"
        FAILED = "failed"
        CANCELLED = "cancelled"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    model = models.ForeignKey(EmbeddingModel, models.PROTECT, related_name="+", db_index=False)
    collection_id = models.UUIDField(null=True, blank=True, help_text="Only this one is embedded, and nothing swapped.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    cursor = models.UUIDField(null=True, blank=True)
    total = models.PositiveBigIntegerField(default=0, help_text="Chunks there were at the start.")
    done = models.PositiveBigIntegerField(default=0)
    most_per_second = models.PositiveIntegerField(null=True, blank=True, help_text="Chunks; empty: as fast as it goes.")
    accept_regression = models.BooleanField(default=False)
    figures = models.JSONField(default=dict, blank=True, help_text="The golden set before and after.")
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    next_turn_at = models.DateTimeField(default=timezone.now)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[ReindexingQuerySet] = ReindexingQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["next_turn_at"], condition=Q(status__in=["waiting", "running"]), name="reindexing_due")
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(status__in=["waiting", "running"]), name="reindexing_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id} to {self.model}: {self.status}"

    @property
    def progress(self) -> float:
        """0 to 1; new chunks may make it more than all for a moment, which is not shown."""
        return min(1.0, self.done / self.total) if self.total else float(self.status == self.Status.DONE)
