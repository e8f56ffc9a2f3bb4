"""Files of records that people have made into entries, and the rows of them that could not be."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Account
from doculume.ids import new_id
from knowledge.models.collections import AccountQuerySet, Collection


def import_path(entry_import: EntryImport, _filename: str) -> str:
    """Where an import's file is kept. Its name has no part in it."""
    return f"imports/{entry_import.account_id}/{entry_import.id}"


class EntryImportQuerySet(AccountQuerySet):
    def unfinished(self) -> Self:
        return self.filter(status__in=EntryImport.UNFINISHED)

    def looked_at(self) -> Self:
        """Without those whose file is still on its way, or never came because the process died."""
        return self.exclude(status=EntryImport.Status.DRAFT, survey={})

    def due(self) -> Self:
        """Those that nobody works on: waiting long enough, or left by a worker that no longer says that it lives."""
        waiting = Q(status=EntryImport.Status.WAITING, next_attempt_at__lte=Now())
        abandoned = Q(status=EntryImport.Status.RUNNING, lease_expires_at__lt=Now())
        return self.filter(waiting | abandoned)


class EntryImport(models.Model):
    """A file whose rows become entries of a collection. The row is the queue.

    `done` counts the rows of the file that were dealt with, one way or another, and is written with them: whoever
    takes the work over goes on there. A draft waits for someone to say what its columns are.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    UNFINISHED = (Status.DRAFT, Status.WAITING, Status.RUNNING)
    MOVING = (Status.WAITING, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="imports")
    made_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    file = models.FileField(upload_to=import_path, max_length=200, blank=True)
    filename = models.CharField(max_length=255, help_text="The uploaded name, made safe to show.")
    file_size = models.PositiveBigIntegerField()
    format = models.CharField(max_length=10, help_text="csv, xlsx or json; JSON Lines are json.")
    options = models.JSONField(default=dict, blank=True, help_text="The sheet, and whether columns have names.")
    survey = models.JSONField(default=dict, blank=True, help_text="The columns, and the first rows.")
    mapping = models.JSONField(default=dict, blank=True, help_text="What each column is; see knowledge.importing.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    total = models.PositiveIntegerField(null=True, blank=True, help_text="Rows; empty until the file was read.")
    done = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0, help_text="How often it was claimed since a row was dealt with.")
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    error_code = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[EntryImportQuerySet] = EntryImportQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["account", "collection", "-created_at", "-id"], name="entry_import_listed"),
            models.Index(
                fields=["next_attempt_at"], condition=Q(status__in=["waiting", "running"]), name="entry_import_due"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(done=F("added") + F("changed") + F("unchanged") + F("refused")), name="entry_import_adds_up"
            )
        ]

    def __str__(self) -> str:
        return f"{self.filename}: {self.status}"

    @property
    def is_moving(self) -> bool:
        return self.status in self.MOVING

    @property
    def progress(self) -> float:
        """0 to 1."""
        return min(1.0, self.done / self.total) if self.total else float(self.status == self.Status.DONE)


class RefusedRow(models.Model):
    """A row of an import that became no entry, why, and what was in it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    entry_import = models.ForeignKey(EntryImport, models.CASCADE, related_name="refused_rows", db_index=False)
    number = models.PositiveIntegerField(help_text="As a spreadsheet counts: the row with the names is 1.")
    reason = models.CharField(max_length=500)
    cells = models.JSONField(default=dict)

    objects: ClassVar[Any] = AccountQuerySet.as_manager()

    class Meta:
        ordering = ("number", "id")
        constraints = [models.UniqueConstraint(fields=["account", "entry_import", "number"], name="refused_row_once")]

    def __str__(self) -> str:
        return f"row {self.number}: {self.reason}"
