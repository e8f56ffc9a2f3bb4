"""What an account knows: collections of entries, the files they came from, and what is searched of them.

Every table bears the account, and every statement binds it. Chunks, their terms and their embeddings exist for the
active generation of an entry only: a new generation replaces them in one transaction.
"""

from __future__ import annotations

from knowledge.models.chunks import (
    TERM_SPACE,
    Chunk,
    ChunkEmbedding,
    ChunkTerms,
    EmbeddedText,
    LanguageStatistic,
    TermStatistic,
    Word,
)
from knowledge.models.collections import SHOWN_OF_FILES, AccountQuerySet, Collection, CollectionQuerySet, Entry
from knowledge.models.documents import Document, document_path
from knowledge.models.golden import EvaluationRun, GoldenEntry, GoldenQuestion
from knowledge.models.imports import EntryImport, RefusedRow, import_path
from knowledge.models.jobs import IngestionJob
from knowledge.models.reindexing import AccountIndex, Reindexing

__all__ = [
    "SHOWN_OF_FILES",
    "TERM_SPACE",
    "AccountIndex",
    "AccountQuerySet",
    "Chunk",
    "ChunkEmbedding",
    "ChunkTerms",
    "Collection",
    "CollectionQuerySet",
    "Document",
    "EmbeddedText",
    "Entry",
    "EntryImport",
    "EvaluationRun",
    "GoldenEntry",
    "GoldenQuestion",
    "IngestionJob",
    "LanguageStatistic",
    "RefusedRow",
    "Reindexing",
    "TermStatistic",
    "Word",
    "document_path",
    "import_path",
]
