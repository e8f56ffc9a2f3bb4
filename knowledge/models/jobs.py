"""The queue of ingestion."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Account
from doculume.ids import new_id
from knowledge.models.collections import Entry


class IngestionJob(models.Model):
    """Work to be done on an entry's generation. The row is the queue; a Celery message is a hint that it is there."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        SUPERSEDED = "superseded"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    entry = models.ForeignKey(Entry, models.CASCADE, related_name="jobs")
    generation = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveIntegerField(default=0, help_text="How often it was claimed without a provider at fault.")
    provider_failures = models.PositiveIntegerField(default=0, help_text="How often a provider made it wait.")
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(status__in=["waiting", "running"]), name="ingestion_job_due"
            ),
            # What is on its way and what could not be read, of one account: few among all that was ever done.
            models.Index(
                fields=["account", "status"],
                condition=Q(status__in=["waiting", "running", "failed"]),
                name="ingestion_job_open",
            ),
        ]
        constraints = [models.UniqueConstraint(fields=["account", "entry", "generation"], name="ingestion_job_once")]

    def __str__(self) -> str:
        return f"{self.entry_id} generation {self.generation}: {self.status}"
