"""What must hold of everything stored is looked at, and mended where a test has broken it."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from knowledge import reconciling, tasks, uploads
from knowledge.models import (
    Chunk,
    ChunkEmbedding,
    ChunkTerms,
    Document,
    EntryImport,
    IngestionJob,
    Reindexing,
    TermStatistic,
)
from knowledge.search import search
from knowledge.search.indexes import vector_index
from llm_settings.models import EmbeddingModel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def document(account, alice):
    file = ContentFile(b"# Hours\n\nThe office in Hamburg opens at nine.", name="hours.md")
    document = uploads.accept(account, alice, file, name="hours.md")
    work()
    document.refresh_from_db()
    assert document.status == "ready"
    return document


@pytest.fixture(autouse=True)
def own_media(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path


def work():
    """What workers do: whatever is due."""
    for job in IngestionJob.objects.filter(status__in=["waiting", "running"]):
        tasks.ingest_entry(str(job.id))
    for job in Reindexing.objects.due():
        tasks.reindex(str(job.id))


def broken() -> set[str]:
    return {invariant.name for invariant, found in reconciling.look() if found}


def reconcile(**options):
    try:
        call_command("reconcile", stdout=io.StringIO(), **options)
    except SystemExit as end:
        return int(end.code)
    return 0


def test_what_was_ingested_breaks_nothing(document):
    assert broken() == set()
    assert reconcile() == 0


def sql(statement, *bound):
    with connection.cursor() as cursor:
        cursor.execute(statement, bound)


BREAKS = {
    "chunks of another account than their entry": lambda d: sql(
        "UPDATE knowledge_chunk SET account_id = (SELECT max(id) FROM accounts_account)"
    ),
    "entries with chunks of a generation that is not the active one": lambda d: Chunk.objects.update(generation=7),
    "ready documents that miscount their chunks": lambda d: Document.objects.update(chunk_count=5),
    "ready documents without any chunk": lambda d: (Chunk.objects.all().delete(), TermStatistic.objects.all().delete()),
    "chunks without a vector of the model that answers": lambda d: ChunkEmbedding.objects.all().delete(),
    # Their index allows no other dimension, where it is there.
    "vectors of a dimension that is not their model's": lambda d: (
        sql(f"DROP INDEX {vector_index(EmbeddingModel.objects.active())}"),
        sql("UPDATE knowledge_chunkembedding SET vector = '[1,0,0]'"),
    ),
    "chunks that words cannot find": lambda d: ChunkTerms.objects.all().delete(),
    "terms that are miscounted": lambda d: TermStatistic.objects.update(chunk_count=3),
    "rows without files": lambda d: default_storage.delete(d.file.name),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_defect_is_seen_and_mended(document, account, charlie, name):
    BREAKS[name](document)
    assert name in broken()
    assert reconcile() == 1
    reconcile(fix=True)
    work()
    assert broken() == set()
    assert reconcile() == 0
    if name != "chunks of another account than their entry":
        assert "nine" in search(account, "When does the office open?").hits[0].text


def test_a_file_that_nothing_refers_to_is_deleted_when_it_is_old(document, account, monkeypatch):
    name = default_storage.save(f"documents/{account.id}/left-over", ContentFile(b"x"))
    assert broken() == set()
    monkeypatch.setattr(reconciling, "YOUNG", timedelta(0))
    assert broken() == {"files without rows"}
    reconcile(fix=True)
    assert not default_storage.exists(name)
    assert default_storage.exists(document.file.name)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_files_that_are_gone_are_told_however_many_are_looked_at_at_once(account, alice, monkeypatch, at_once):
    monkeypatch.setattr(reconciling, "AT_ONCE", at_once)
    files = [ContentFile(f"The office in {town} opens at nine.".encode()) for town in ("Ulm", "Bern", "Wien")]
    documents = [uploads.accept(account, alice, file, name="hours.md") for file in files]
    for document in documents[1:]:
        default_storage.delete(document.file.name)
    assert list(reconciling.rows_without_files()) == [(account.id, document.id) for document in documents[1:]]


def test_files_of_imports_without_rows_are_deleted_and_others_kept(account, document, monkeypatch):
    kept = EntryImport(account=account, collection_id=document.collection_id, file_size=1, format="csv")
    kept.file.save("", ContentFile(b"a,b"), save=False)
    kept.save(force_insert=True)
    name = default_storage.save(f"imports/{account.id}/left-over", ContentFile(b"x"))
    monkeypatch.setattr(reconciling, "YOUNG", timedelta(0))
    assert broken() == {"files without rows"}
    reconcile(fix=True)
    assert broken() == set()
    assert not default_storage.exists(name)
    assert default_storage.exists(kept.file.name)


def test_stale_jobs_are_hinted_at_and_those_tried_too_often_fail(document):
    long_ago = timezone.now() - timedelta(minutes=6)
    IngestionJob.objects.update(status="running", lease_expires_at=long_ago, attempts=4)
    assert broken() == {"jobs whose lease ran out more than 5 minutes ago", "jobs that were tried too often"}
    reconcile(fix=True)
    assert broken() == set()
    document.refresh_from_db()
    assert document.status == "failed"
