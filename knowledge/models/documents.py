"""Uploaded files."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone

from accounts.models import Account
from doculume.ids import new_id
from knowledge.models.collections import AccountQuerySet, Collection, Entry


def document_path(document: Document, _filename: str) -> str:
    """Where a document's file is kept. Its name has no part in it."""
    return f"documents/{document.account_id}/{document.id}"


class Document(models.Model):
    """An uploaded file. Ingesting it makes the text of its entry."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PROCESSING = "processing"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="documents")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="documents")
    entry = models.OneToOneField(Entry, models.CASCADE, related_name="document")
    uploaded_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    file = models.FileField(upload_to=document_path, max_length=200)
    filename = models.CharField(max_length=255, help_text="The uploaded name, made safe to show.")
    original_filename = models.CharField(max_length=1000)
    file_size = models.PositiveBigIntegerField()
    file_type = models.CharField(max_length=40)
    media_type = models.CharField(max_length=120)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    progress = models.FloatField(default=0.0, help_text="0 to 1")
    page_count = models.PositiveIntegerField(null=True, blank=True)
    chunk_count = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    meta = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    processed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = AccountQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"]),
            # As people look for them: by how far they are, by where they are, by a part of their name.
            models.Index(fields=["account", "status", "-created_at", "-id"], name="document_by_status"),
            models.Index(fields=["account", "collection", "-created_at", "-id"], name="document_by_collection"),
            # What is not ready yet, or never will be, of all accounts: for staff.
            models.Index(
                fields=["status", "-id"],
                condition=Q(status__in=["pending", "processing", "failed"]),
                name="document_unready",
            ),
            GinIndex("account", OpClass(Upper("filename"), "gin_trgm_ops"), name="document_name_gin", fastupdate=False),
        ]

    def __str__(self) -> str:
        return self.filename
