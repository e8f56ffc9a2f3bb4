"""What is searched of an entry: its chunks, their words and their vectors."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from pgvector.django import HalfVectorField, SparseVectorField

from accounts.models import Account
from doculume.ids import new_id
from knowledge.models.collections import AccountQuerySet, Collection, Entry
from llm_settings.models import EmbeddingModel

# Terms are kept as numbers below this, pgvector's bound for the dimensions of a sparse vector.
TERM_SPACE = 1_000_000_000


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
