"""Jobs on their way through the stages: leases, attempts, faults, and what must never happen twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from knowledge import tasks, uploads
from knowledge.ingestion import leases, pipeline
from knowledge.ingestion.errors import IngestionError
from knowledge.models import (
    Chunk,
    ChunkEmbedding,
    ChunkTerms,
    Document,
    EmbeddedText,
    Entry,
    IngestionJob,
    LanguageStatistic,
    TermStatistic,
)
from llm_settings.providers.base import ProviderError

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "# Opening hours\n\nThe office in Hamburg opens at nine.\n\n# Holidays\n\nEverybody has thirty days of leave."


@pytest.fixture
def document(account, alice):
    return accepted(account, alice, TEXT)


def accepted(account, user, text, name="hours.md"):
    content = text if isinstance(text, bytes) else text.encode()
    return uploads.accept(account, user, ContentFile(content, name=name), name=name)


def job_of(document):
    return IngestionJob.objects.get(entry_id=document.entry_id)


def run(document):
    tasks.ingest_entry(str(job_of(document).id))
    document.refresh_from_db()
    return document


def make_due(job):
    IngestionJob.objects.filter(id=job.id).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def assert_nothing_left_over(account):
    """The invariants that hold whatever happened."""
    chunks = Chunk.objects.for_account(account)
    assert not ChunkTerms.objects.exclude(chunk__in=chunks).exists()
    assert not ChunkEmbedding.objects.exclude(chunk__in=chunks).exists()
    for document in Document.objects.for_account(account):
        own = chunks.filter(entry_id=document.entry_id)
        assert own.count() == (document.chunk_count if document.status == "ready" else 0)
        assert ChunkEmbedding.objects.filter(entry_id=document.entry_id).count() == own.count()
        assert set(own.values_list("generation", flat=True)) <= {document.entry.active_generation}
    assert not EmbeddedText.objects.filter(account=account, entry__jobs__status="done").exists()


def test_a_document_becomes_ready_and_its_chunks_quote_its_text(document, account):
    run(document)
    assert (document.status, document.progress, document.error_code) == ("ready", 1.0, "")
    entry = document.entry
    entry.refresh_from_db()
    assert (entry.active_generation, entry.language, entry.title) == (1, "en", "Opening hours")
    chunks = list(Chunk.objects.filter(entry=entry))
    assert len(chunks) == document.chunk_count >= 1
    assert all(entry.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert any("thirty days" in chunk.text for chunk in chunks)
    assert_nothing_left_over(account)


def test_a_task_that_runs_again_changes_nothing(document, account):
    run(document)
    before = list(Chunk.objects.values_list("id", flat=True).order_by("id"))
    run(document)
    assert list(Chunk.objects.values_list("id", flat=True).order_by("id")) == before


def test_ten_at_once_do_the_work_once(document, account, monkeypatch):
    worked = []
    stage = pipeline.parse

    def counted(work):
        worked.append(work.job.id)
        stage(work)

    counted.__name__ = "parse"
    monkeypatch.setattr(pipeline, "STAGES", [counted if s is stage else s for s in pipeline.STAGES])
    job_id = str(job_of(document).id)

    def once(_):
        try:
            tasks.ingest_entry(job_id)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(once, range(10)))
    document.refresh_from_db()
    assert document.status == "ready"
    assert len(worked) == 1
    assert_nothing_left_over(account)


def test_a_worker_that_vanished_is_replaced_when_its_lease_runs_out(document, account):
    job = leases.claim(job_of(document).id, "a worker that was killed")
    assert job is not None
    assert leases.claim(job.id, "another") is None
    IngestionJob.objects.filter(id=job.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    run(document)
    assert document.status == "ready"
    assert job_of(document).attempts == 2
    with pytest.raises(leases.LeaseLost):
        leases.renew(job)


def test_what_a_worker_made_after_it_lost_its_lease_is_thrown_away(document, account, monkeypatch):
    stage = pipeline.store

    def too_late(work):
        IngestionJob.objects.filter(id=work.job.id).update(lease_owner="somebody else")
        stage(work)

    too_late.__name__ = "store"
    monkeypatch.setattr(pipeline, "STAGES", [*pipeline.STAGES[:-1], too_late])
    run(document)
    assert document.status == "processing"
    assert not Chunk.objects.exists()
    assert not TermStatistic.objects.filter(chunk_count__gt=0).exists()


def test_a_worker_that_is_late_does_not_undo_what_another_finished(document, account, monkeypatch):
    stage, stages = pipeline.parse, pipeline.STAGES

    def overtaken(work):
        monkeypatch.setattr(pipeline, "STAGES", stages)
        IngestionJob.objects.filter(id=work.job.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        tasks.ingest_entry(str(work.job.id))
        stage(work)

    overtaken.__name__ = "parse"
    monkeypatch.setattr(pipeline, "STAGES", [overtaken if s is stage else s for s in stages])
    assert run(document).status == "ready"
    assert_nothing_left_over(account)


@pytest.mark.parametrize("during", ["parse", "embed", "store"])
def test_a_document_deleted_while_it_is_worked_on_leaves_nothing(document, account, monkeypatch, during):
    def then_delete(stage):
        def wrapped(work):
            uploads.delete(Document.objects.get(id=document.id))
            stage(work)

        wrapped.__name__ = stage.__name__
        return wrapped

    stages = [then_delete(s) if s.__name__ == during else s for s in pipeline.STAGES]
    monkeypatch.setattr(pipeline, "STAGES", stages)
    tasks.ingest_entry(str(job_of(document).id))
    for model in (Document, Entry, IngestionJob, Chunk, ChunkTerms, ChunkEmbedding, EmbeddedText):
        assert not model.objects.exists(), model
    assert not document.file.storage.exists(document.file.name)


def test_deleting_takes_everything_with_it(document, account, alice):
    other = accepted(account, alice, "Visitors park behind the house.", "parking.txt")
    run(document)
    run(other)
    uploads.delete(document)
    assert set(Chunk.objects.values_list("entry_id", flat=True)) == {other.entry_id}
    [language] = LanguageStatistic.objects.filter(account=account, chunk_count__gt=0)
    assert language.chunk_count == 1
    assert_nothing_left_over(account)
    uploads.delete(other)
    assert not LanguageStatistic.objects.filter(chunk_count__gt=0).exists()
    assert not TermStatistic.objects.filter(chunk_count__gt=0).exists()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("cut.pdf", b"%PDF-1.7\n", "corrupt"),
        ("blank.txt", b" \n \n\t ", "no_text"),
    ],
)
def test_a_document_that_cannot_be_read_fails_with_a_reason(account, alice, name, content, code):
    failed = run(accepted(account, alice, content, name))
    assert (failed.status, failed.error_code) == ("failed", code)
    assert failed.error_message
    assert failed.processed_at
    assert job_of(failed).status == "failed"


def test_a_provider_that_is_away_costs_no_attempt(document, monkeypatch):
    def away(work):
        raise ProviderError("The endpoint is busy.", retry_after=40)

    away.__name__ = "embed"
    monkeypatch.setattr(pipeline, "STAGES", [*pipeline.STAGES[:3], away])
    run(document)
    job = job_of(document)
    assert (job.status, job.attempts, job.provider_failures) == ("waiting", 0, 1)
    assert timedelta(seconds=30) < job.next_attempt_at - timezone.now() <= timedelta(seconds=45)
    assert leases.claim(job.id, "too early") is None
    monkeypatch.undo()
    make_due(job)
    assert run(document).status == "ready"


def test_a_provider_that_refuses_for_good_fails_the_document_at_once(document, monkeypatch):
    def refused(work):
        raise ProviderError("The key was refused.", permanent=True)

    refused.__name__ = "embed"
    monkeypatch.setattr(pipeline, "STAGES", [*pipeline.STAGES[:3], refused])
    run(document)
    assert (document.status, document.error_code) == ("failed", "provider_unavailable")
    assert document.error_message == "The key was refused."


def test_what_crashes_each_time_fails_after_three_attempts(document, monkeypatch):
    def crash(work):
        raise RuntimeError("inner details")

    crash.__name__ = "parse"
    monkeypatch.setattr(pipeline, "STAGES", [pipeline.load, crash])
    for attempt in (1, 2, 3):
        make_due(job_of(document))
        run(document)
        assert job_of(document).attempts == attempt
    assert (document.status, document.error_code) == ("failed", "parser_crashed")
    assert "inner details" not in document.error_message


def test_the_sweeper_fails_what_kills_its_workers(document):
    expired = {"status": "running", "lease_expires_at": timezone.now() - timedelta(seconds=1)}
    IngestionJob.objects.update(attempts=3, **expired)
    tasks.sweep()
    document.refresh_from_db()
    assert (document.status, document.error_code) == ("failed", "parser_crashed")


def test_the_sweeper_hints_at_what_is_due(document, account, alice, monkeypatch):
    running = accepted(account, alice, "Somebody is at this.", "running.txt")
    leases.claim(job_of(running).id, "alive")
    hinted = []
    monkeypatch.setattr(tasks.ingest_entry, "apply_async", lambda args, **options: hinted.append(args[0]))
    tasks.sweep()
    assert hinted == [str(job_of(document).id)]


def test_a_broker_that_is_away_loses_nothing(account, alice, monkeypatch):
    def refuse(*args, **options):
        raise ConnectionError

    monkeypatch.setattr(tasks.ingest_entry, "apply_async", refuse)
    waiting = accepted(account, alice, "Kept.", "kept.txt")
    assert run(waiting).status == "ready"


def test_what_was_embedded_before_a_crash_is_not_embedded_again(document, monkeypatch):
    def crash(work):
        raise RuntimeError

    crash.__name__ = "store"
    monkeypatch.setattr(pipeline, "STAGES", [*pipeline.STAGES[:-1], crash])
    run(document)
    kept = EmbeddedText.objects.count()
    assert kept >= 1
    monkeypatch.undo()
    embedded = []
    monkeypatch.setattr(pipeline, "keep_paid", lambda works, model, vectors: embedded.extend(vectors))
    make_due(job_of(document))
    assert run(document).status == "ready"
    assert embedded == []
    assert not EmbeddedText.objects.exists()


def test_a_failed_document_can_be_tried_again(document, monkeypatch):
    def failing(work):
        raise IngestionError.of("timeout")

    failing.__name__ = "parse"
    monkeypatch.setattr(pipeline, "STAGES", [pipeline.load, failing])
    run(document)
    assert document.status == "failed"
    monkeypatch.undo()
    uploads.retry(document)
    document.refresh_from_db()
    assert (document.status, document.error_code) == ("pending", "")
    assert run(document).status == "ready"
    assert job_of(document).attempts == 1


def test_a_long_document_lets_others_go_first_and_goes_on_where_it_was(account, alice, monkeypatch, settings):
    settings.INGESTION = settings.INGESTION | {"turn_seconds": 0}
    monkeypatch.setattr(pipeline, "EMBED_BATCH", 1)
    monkeypatch.setattr(pipeline, "WORTHWHILE", 0)
    hinted = []
    monkeypatch.setattr(tasks.ingest_entry, "apply_async", lambda args, **options: hinted.append(args[0]))
    parts = [f"# Part {n}\n\n" + f"The part about number {n} has many words. " * 60 for n in range(3)]
    long = accepted(account, alice, "\n\n".join(parts), "long.md")
    short = accepted(account, alice, "Short.", "short.txt")
    run(long)
    job = job_of(long)
    assert (long.status, job.status, job.attempts) == ("processing", "waiting", 0)
    assert hinted[-1] == str(job.id)
    paid = EmbeddedText.objects.filter(entry_id=long.entry_id).count()
    assert paid == 1
    assert run(short).status == "ready"
    assert run(long).status == "ready"
    assert_nothing_left_over(account)


def test_one_accounts_many_uploads_do_not_stand_before_anothers_one(account, alice, charlie, monkeypatch):
    hinted = []
    monkeypatch.setattr(tasks.ingest_entry, "apply_async", lambda args, **options: hinted.append(args[0]))
    many = [accepted(account, alice, f"Note {n}.", f"{n}.txt") for n in range(3)]
    one = accepted(charlie.personal_account, charlie, "Mine.", "mine.txt")
    leases.claim(job_of(many[0]).id, "a worker that is at it")
    run(many[1])
    one.refresh_from_db()
    assert (one.status, many[1].status) == ("ready", "pending")
    assert hinted[-1] == str(job_of(many[1]).id)
    assert run(many[1]).status == "ready"


def test_progress_shows_while_it_runs(document, monkeypatch):
    seen = []
    stage = pipeline.store

    def look(work):
        seen.append((Document.objects.get(id=document.id).status, Document.objects.get(id=document.id).progress))
        stage(work)

    look.__name__ = "store"
    monkeypatch.setattr(pipeline, "STAGES", [*pipeline.STAGES[:-1], look])
    run(document)
    assert seen == [("processing", pipeline.PROGRESS["store"])]
