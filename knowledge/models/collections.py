"""Collections and their entries, each from a file, a page or a record."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from uuid import UUID

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import connection, models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Left
from django.utils import timezone

from accounts.models import Account
from doculume.errors import NotFound
from doculume.ids import new_id

# Of an uploaded file's text this much, in characters, is shown where entries are listed.
SHOWN_OF_FILES = 100_000


class AccountQuerySet(models.QuerySet[Any]):
    """Rows that belong to an account."""

    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)


_HOLD = "SELECT 1 FROM knowledge_collection WHERE account_id = %s AND id = %s FOR KEY SHARE"


class CollectionQuerySet(AccountQuerySet):
    def default_of(self, account: Account) -> Collection:
        """The collection that uploads go to when they name none; made at first need."""
        collection, _ = self.get_or_create(account=account, is_default=True, defaults={"name": "Documents"})
        return collection

    def hold(self, account_id: int, collection_id: UUID) -> None:
        """Keep the collection from being deleted until the transaction ends. Raises NotFound.

        Whoever writes something into a collection holds it before locking anything else: a deletion waits for all
        who hold it, and then meets nobody. See `knowledge.entries` for the order of locks.
        """
        with connection.cursor() as cursor:
            cursor.execute(_HOLD, [account_id, collection_id])
            if cursor.fetchone() is None:
                raise NotFound


class Collection(models.Model):
    """A container of entries."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="collections")
    name = models.CharField(max_length=255)
    is_default = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["account", "-created_at", "-id"])]
        constraints = [
            models.UniqueConstraint(fields=["account"], condition=Q(is_default=True), name="collection_one_default")
        ]

    def __str__(self) -> str:
        return self.name


class EntryQuerySet(AccountQuerySet):
    def ready(self) -> Self:
        """Entries that search can find."""
        return self.filter(active_generation__gt=0)

    def shown(self) -> Self:
        """With `shown_text`: what was sent, or the beginning of what was read in an uploaded file."""
        beginning = Left("text", SHOWN_OF_FILES)
        text = Case(When(raw_text="", then=beginning), default=F("raw_text"), output_field=models.TextField())
        return self.defer("text", "raw_text").annotate(shown_text=text)


class Entry(models.Model):
    """One thing a person added. `generation` counts its contents, `active_generation` is the one that answers.

    `text` is the text of the active generation; chunks and citations give offsets into it, in characters.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="entries")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="entries")
    # Null where there is none: any number of entries of a collection may be without a source.
    source_type = models.CharField(max_length=255, null=True, blank=True)
    source_id = models.CharField(max_length=255, null=True, blank=True)
    source_url = models.URLField(max_length=2000, blank=True)
    title = models.CharField(max_length=500, blank=True)
    read_title = models.CharField(max_length=500, blank=True, editable=False, help_text="Read in the text.")
    raw_text = models.TextField(blank=True, help_text="As it was sent; empty for an uploaded file.")
    text = models.TextField(blank=True, editable=False)
    language = models.CharField(max_length=12, blank=True, help_text="ISO 639-1, detected; empty where unknown.")
    meta = models.JSONField(default=dict, blank=True)
    searchable_meta = models.JSONField(default=dict, blank=True)
    generation = models.PositiveIntegerField(default=1, editable=False)
    active_generation = models.PositiveIntegerField(default=0, editable=False)
    # By how many bytes the last upsert made `raw_text` longer, for the plan's count: a statement that writes cannot
    # otherwise tell what stood there before (PostgreSQL below 18 returns new values only).
    growth = models.IntegerField(default=0, editable=False)
    # Of the active generation, kept by `search.indexes`: how much a filtered search would have to read.
    chunk_count = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = EntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "entries"
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["account", "collection", "-created_at", "-id"]),
            # The account is in it, so that a filter costs one account no more for what others have.
            GinIndex(
                "account",
                OpClass("meta", "jsonb_path_ops"),
                OpClass("searchable_meta", "jsonb_path_ops"),
                name="entry_meta_gin",
                fastupdate=False,
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "collection", "source_type", "source_id"], name="entry_source_once"
            )
        ]

    def __str__(self) -> str:
        return self.title or f"{self.source_type or 'entry'}/{self.source_id or self.id}"
