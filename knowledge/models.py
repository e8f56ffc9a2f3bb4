"""What an account knows: collections of entries, the files they came from, and what is searched of them.

Every table bears the account, and every statement binds it. Chunks, their terms and their embeddings exist for the
active generation of an entry only: a new generation replaces them in one transaction.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import connection, models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Left
from django.utils import timezone
from pgvector.django import HalfVectorField, SparseVectorField

from accounts.models import Account
from doculume.errors import NotFound
from doculume.ids import new_id
from knowledge.golden_models import EvaluationRun as EvaluationRun
from knowledge.golden_models import GoldenEntry as GoldenEntry
from knowledge.golden_models import GoldenQuestion as GoldenQuestion
from knowledge.reindexing_models import AccountIndex as AccountIndex
from knowledge.reindexing_models import Reindexing as Reindexing
from llm_settings.models import EmbeddingModel

# Terms are kept as numbers below this, pgvector's bound for the dimensions of a sparse vector.
TERM_SPACE = 1_000_000_000

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
        indexes = [models.Index(fields=["account", "-created_at", "-id"])]

    def __str__(self) -> str:
        return self.filename


class Chunk(models.Model):
    """A part of an entry's text: what is embedded, searched and cited. `text` is `entry.text[start:end]`."""

    class Kind(models.TextChoices):
        TEXT = "text"
        TABLE = "table"
        CODE = "code"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    entry = models.ForeignKey(Entry, models.CASCADE, related_name="chunks")
    generation = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TEXT)
    text = models.TextField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    page_number = models.PositiveIntegerField(null=True, blank=True)
    heading_path = ArrayField(models.TextField(), default=list, blank=True)
    context = models.TextField(
        blank=True, help_text="What is embedded with the text but is not in it: a table's header."
    )
    token_count = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, blank=True, editable=False, help_text="Of what was embedded, SHA-256.")

    objects: ClassVar[Any] = AccountQuerySet.as_manager()

    class Meta:
        ordering = ("entry_id", "position")
        constraints = [
            models.UniqueConstraint(fields=["account", "entry", "generation", "position"], name="chunk_position_once")
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} #{self.position}"


class ChunkTerms(models.Model):
    """The lexical side of a chunk: its terms as numbers, for the index, and what each weighs in it (BM25's part).

    The account and the collection are the chunk's; rows go with their entry, so neither needs a constraint here.
    """

    chunk = models.OneToOneField(Chunk, models.CASCADE, primary_key=True, related_name="terms")
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    collection = models.ForeignKey(Collection, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    entry = models.ForeignKey(Entry, models.CASCADE, related_name="+")
    language = models.CharField(max_length=12, blank=True)
    terms = ArrayField(models.IntegerField())
    weights = SparseVectorField(dimensions=TERM_SPACE)
    length = models.PositiveIntegerField(default=0, help_text="In terms, repetitions included; 0 where not known.")

    class Meta:
        verbose_name_plural = "chunk terms"
        indexes = [
            models.Index(fields=["account", "collection"], name="chunk_terms_scope"),
            GinIndex(fields=["terms"], name="chunk_terms_gin", fastupdate=False),
        ]

    def __str__(self) -> str:
        return str(self.chunk_id)


class TermStatistic(models.Model):
    """In how many chunks of an account a term stands."""

    pk = models.CompositePrimaryKey("account_id", "term")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    term = models.IntegerField()
    chunk_count = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.account_id}: {self.term}"


class Word(models.Model):
    """A term of an account as it is written, for search boxes that complete and correct; goes with its statistic."""

    pk = models.CompositePrimaryKey("account_id", "term")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    term = models.IntegerField()
    word = models.CharField(max_length=64, db_collation="C")

    class Meta:
        indexes = [models.Index(fields=["account", "word"], name="word_of_account")]

    def __str__(self) -> str:
        return self.word


class LanguageStatistic(models.Model):
    """How many chunks of a language a collection has, and how many terms they have together."""

    pk = models.CompositePrimaryKey("account_id", "collection_id", "language")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    language = models.CharField(max_length=12, blank=True)
    chunk_count = models.BigIntegerField()
    term_count = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.collection_id}: {self.language or 'unknown'}"


class ChunkEmbedding(models.Model):
    """A chunk's vector by one embedding model: a slim table, so that an exact scan reads little.

    Each model has an HNSW index of its own over its rows, made when the model is first used; see `search.indexes`.
    The account and the collection are the chunk's; rows go with their entry, so neither needs a constraint here.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    collection = models.ForeignKey(Collection, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    entry = models.ForeignKey(Entry, models.CASCADE, related_name="+")
    chunk = models.ForeignKey(Chunk, models.CASCADE, related_name="embeddings", db_index=False)
    model = models.ForeignKey(EmbeddingModel, models.PROTECT, related_name="+", db_index=False)
    vector = HalfVectorField()

    class Meta:
        indexes = [models.Index(fields=["account", "model", "collection"], name="chunk_embedding_scope")]
        constraints = [models.UniqueConstraint(fields=["chunk", "model", "account"], name="chunk_embedding_once")]

    def __str__(self) -> str:
        return str(self.chunk_id)


class EmbeddedText(models.Model):
    """A vector that is already paid for, by the digest of what was embedded, until its generation is stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    entry = models.ForeignKey(Entry, models.CASCADE, related_name="+")
    model = models.ForeignKey(EmbeddingModel, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    vector = HalfVectorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "entry", "model", "digest"], name="embedded_text_once")
        ]

    def __str__(self) -> str:
        return self.digest


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
            )
        ]
        constraints = [models.UniqueConstraint(fields=["account", "entry", "generation"], name="ingestion_job_once")]

    def __str__(self) -> str:
        return f"{self.entry_id} generation {self.generation}: {self.status}"
