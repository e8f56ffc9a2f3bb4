"""What must hold of what is stored, and how to mend it where it does not.

Each invariant is a statement that selects whatever breaks it, over all accounts: for operators and tests, never for a
request. Nothing here is expected to find anything; what it finds is a defect, or a disk that lost something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Account
from knowledge import reindexing
from knowledge.ingestion import leases
from knowledge.models import Chunk, ChunkEmbedding, ChunkTerms, Document, Entry, EntryImport, IngestionJob, Reindexing
from knowledge.search import statistics
from knowledge.search.indexes import unindex_entry
from knowledge.search.pointers import index_models
from knowledge.tasks import hint, hint_reindexing

# (account, id of what is wrong)
Broken = tuple[int, Any]
SHOWN = 20
AT_ONCE = 1_000
YOUNG = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Invariant:
    """`find` gives what breaks it; `mend` is given that and is safe to run twice."""

    name: str
    find: Callable[[], Iterator[Broken]]
    mend: Callable[[Sequence[Broken]], None]


def selecting(statement: str, **bound: Any) -> Callable[[], Iterator[Broken]]:
    def find() -> Iterator[Broken]:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            try:
                cursor.execute(statement, bound)
                yield from cursor.fetchall()
            finally:
                cursor.execute("RESET statement_timeout")

    return find


def ingest_again(broken: Sequence[Broken]) -> None:
    """Make each entry's chunks anew, from what was uploaded or sent. Until then it is found as it is."""
    for account_id, entry_id in dict.fromkeys(broken):
        with transaction.atomic():
            entry = Entry.objects.select_for_update().filter(account_id=account_id, id=entry_id).first()
            if entry is None:
                continue
            entry.generation += 1
            Entry.objects.filter(account_id=account_id, id=entry_id).update(generation=entry.generation)
            job = IngestionJob.objects.create(account_id=account_id, entry=entry, generation=entry.generation)
            hint(job.id)


def forget_chunks(broken: Sequence[Broken]) -> None:
    """Delete an entry's chunks, which are not those that should answer, and make them anew."""
    for account_id, entry_id in dict.fromkeys(broken):
        with transaction.atomic():
            Entry.objects.select_for_update().filter(account_id=account_id, id=entry_id).first()
            unindex_entry(account_id, entry_id)
    ingest_again(broken)


def count_chunks(broken: Sequence[Broken]) -> None:
    for account_id, document_id in broken:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT_CHUNKS, {"account": account_id, "document": document_id})


def embed_missing(broken: Sequence[Broken]) -> None:
    for account in Account.objects.filter(id__in={account_id for account_id, _ in broken}):
        with transaction.atomic():
            if Reindexing.objects.unfinished().filter(account=account).exists():
                continue
            job = reindexing.start(account, index_models(account.pk).answering)
        hint_reindexing(job.id)


def drop_vectors(broken: Sequence[Broken]) -> None:
    ChunkEmbedding.objects.filter(id__in=[vector_id for _, vector_id in broken]).delete()
    embed_missing(broken)


def count_statistics(broken: Sequence[Broken]) -> None:
    for account_id in {account_id for account_id, _ in broken}:
        with transaction.atomic():
            statistics.recount(account_id)


def hint_again(broken: Sequence[Broken]) -> None:
    for _, job_id in broken:
        hint(job_id)


def fail_for_good(broken: Sequence[Broken]) -> None:
    for account_id, job_id in broken:
        job = IngestionJob.objects.filter(account_id=account_id, id=job_id).select_related("account").first()
        if job is not None:
            leases.fail_abandoned(job)


def delete_files(broken: Sequence[Broken]) -> None:
    for _, name in broken:
        default_storage.delete(name)


def fail_documents(broken: Sequence[Broken]) -> None:
    """Their text still answers; what cannot be done any more is to read the file again."""
    for account_id, document_id in broken:
        Document.objects.filter(account_id=account_id, id=document_id).update(
            error_code="corrupt", error_message="The uploaded file is no longer there. Upload it again."
        )


def files_without_rows() -> Iterator[Broken]:
    """Of documents, and of imports, whose collections may be deleted while the storage is down."""
    yield from _files_without(Document, "documents")
    yield from _files_without(EntryImport, "imports")


def _files_without(model: type[Document] | type[EntryImport], folder: str) -> Iterator[Broken]:
    for account_id in _folders(folder):
        stored = set(_files(f"{folder}/{account_id}"))
        known = model.objects.filter(account_id=account_id).exclude(file="").values_list("id", flat=True)
        for name in sorted(stored - {str(row_id) for row_id in known}):
            path = f"{folder}/{account_id}/{name}"
            # A document's file is there before its row is.
            if default_storage.get_modified_time(path) < timezone.now() - YOUNG:
                yield account_id, path


def rows_without_files() -> Iterator[Broken]:
    """By pieces: a cursor of the server's would be lost behind a pooler."""
    known = Document.objects.exclude(error_code="corrupt").order_by("id").values_list("account_id", "id", "file")
    last = UUID(int=0)
    while piece := list(known.filter(id__gt=last)[:AT_ONCE]):
        for account_id, document_id, name in piece:
            if not default_storage.exists(name):
                yield account_id, document_id
        last = piece[-1][1]


def _folders(path: str) -> list[int]:
    try:
        return sorted(int(name) for name in default_storage.listdir(path)[0] if name.isdigit())
    except FileNotFoundError:
        return []


def _files(path: str) -> list[str]:
    return default_storage.listdir(path)[1]


@transaction.atomic
def delete_chunks(broken: Sequence[Broken]) -> None:
    """With all that refers to them, whichever account it names."""
    chunks = [chunk_id for _, chunk_id in broken]
    ChunkTerms.objects.filter(chunk_id__in=chunks).delete()
    ChunkEmbedding.objects.filter(chunk_id__in=chunks).delete()
    Chunk.objects.filter(id__in=chunks).delete()


_COUNT_CHUNKS = """
    UPDATE knowledge_document AS document SET chunk_count = (
        SELECT count(*) FROM knowledge_chunk AS chunk
        WHERE chunk.account_id = %(account)s AND chunk.entry_id = document.entry_id
    ) WHERE document.account_id = %(account)s AND document.id = %(document)s
"""
_ENTRY_OF_CHUNK = """
    FROM knowledge_chunk AS chunk LEFT JOIN knowledge_entry AS entry ON entry.id = chunk.entry_id
"""
# The model that answers is the account's own, or the deployment's.
_WITHOUT_VECTOR = """
    WITH wanted AS (
        SELECT account.id AS account_id, coalesce(
            own.answering_id,
            (SELECT id FROM llm_settings_embeddingmodel WHERE status = 'active' ORDER BY created_at DESC LIMIT 1)
        ) AS model_id
        FROM accounts_account AS account LEFT JOIN knowledge_accountindex AS own ON own.account_id = account.id
    )
    SELECT chunk.account_id, chunk.id FROM knowledge_chunk AS chunk
    JOIN wanted ON wanted.account_id = chunk.account_id
    WHERE wanted.model_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM knowledge_chunkembedding AS embedding
        WHERE embedding.account_id = chunk.account_id AND embedding.chunk_id = chunk.id
          AND embedding.model_id = wanted.model_id
    )
"""

INVARIANTS: list[Invariant] = [
    Invariant(
        "chunks without a live entry",
        selecting(f"SELECT chunk.account_id, chunk.id {_ENTRY_OF_CHUNK} WHERE entry.id IS NULL"),
        delete_chunks,
    ),
    Invariant(
        "chunks of another account than their entry",
        selecting(f"SELECT chunk.account_id, chunk.id {_ENTRY_OF_CHUNK} WHERE entry.account_id <> chunk.account_id"),
        delete_chunks,
    ),
    Invariant(
        "entries with chunks of a generation that is not the active one",
        selecting(
            f"SELECT DISTINCT entry.account_id, entry.id {_ENTRY_OF_CHUNK} "
            "WHERE entry.active_generation <> chunk.generation"
        ),
        forget_chunks,
    ),
    Invariant(
        "two chunks at one place of an entry",
        selecting(
            "SELECT account_id, entry_id FROM knowledge_chunk "
            "GROUP BY account_id, entry_id, generation, position HAVING count(*) > 1"
        ),
        forget_chunks,
    ),
    Invariant(
        "ready documents that miscount their chunks",
        selecting(
            "SELECT document.account_id, document.id FROM knowledge_document AS document WHERE status = 'ready' "
            "AND chunk_count <> (SELECT count(*) FROM knowledge_chunk AS chunk "
            "WHERE chunk.account_id = document.account_id AND chunk.entry_id = document.entry_id)"
        ),
        count_chunks,
    ),
    Invariant(
        "ready documents without any chunk",
        selecting(
            "SELECT document.account_id, document.entry_id FROM knowledge_document AS document "
            "WHERE status = 'ready' AND NOT EXISTS (SELECT 1 FROM knowledge_chunk AS chunk "
            "WHERE chunk.account_id = document.account_id AND chunk.entry_id = document.entry_id)"
        ),
        ingest_again,
    ),
    Invariant(
        "chunks without a vector of the model that answers",
        selecting(_WITHOUT_VECTOR),
        embed_missing,
    ),
    Invariant(
        "vectors of a dimension that is not their model's",
        selecting(
            "SELECT embedding.account_id, embedding.id FROM knowledge_chunkembedding AS embedding "
            "JOIN llm_settings_embeddingmodel AS model ON model.id = embedding.model_id "
            "WHERE vector_dims(embedding.vector) <> model.dimensions"
        ),
        drop_vectors,
    ),
    Invariant(
        "chunks that words cannot find",
        selecting(
            "SELECT DISTINCT chunk.account_id, chunk.entry_id FROM knowledge_chunk AS chunk WHERE NOT EXISTS ("
            "SELECT 1 FROM knowledge_chunkterms AS terms "
            "WHERE terms.account_id = chunk.account_id AND terms.chunk_id = chunk.id)"
        ),
        forget_chunks,
    ),
    Invariant(
        "terms that are miscounted",
        selecting(
            "SELECT coalesce(known.account_id, real.account_id), coalesce(known.term, real.term) FROM ("
            "SELECT account_id, term, count(*) AS chunks FROM knowledge_chunkterms, unnest(terms) AS term "
            "GROUP BY account_id, term) AS real FULL JOIN knowledge_termstatistic AS known "
            "ON known.account_id = real.account_id AND known.term = real.term "
            "WHERE known.chunk_count IS DISTINCT FROM real.chunks"
        ),
        count_statistics,
    ),
    Invariant(
        "jobs whose lease ran out more than 5 minutes ago",
        selecting(
            "SELECT account_id, id FROM knowledge_ingestionjob "
            "WHERE status = 'running' AND lease_expires_at < now() - interval '5 minutes'"
        ),
        hint_again,
    ),
    Invariant(
        "jobs that were tried too often",
        selecting(
            "SELECT account_id, id FROM knowledge_ingestionjob "
            "WHERE status IN ('waiting', 'running') AND attempts > %(most)s",
            most=settings.INGESTION["max_attempts"],
        ),
        fail_for_good,
    ),
    Invariant("files without rows", files_without_rows, delete_files),
    Invariant("rows without files", rows_without_files, fail_documents),
]


def look() -> Iterator[tuple[Invariant, list[Broken]]]:
    """Each invariant with whatever breaks it, which should be nothing."""
    for invariant in INVARIANTS:
        yield invariant, list(invariant.find())


def shown(broken: Sequence[Broken]) -> str:
    some = ", ".join(f"{what} of account {account}" for account, what in broken[:SHOWN])
    return some + (f" and {len(broken) - SHOWN} more" if len(broken) > SHOWN else "")
