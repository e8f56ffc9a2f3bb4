"""Entries as they are written: what is queued and embedded, what races end in, and what is gone afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from accounts.models import StoredUsage
from doculume.errors import NotFound
from knowledge import collections, entries, tasks, uploads
from knowledge.ingestion import leases, pipeline
from knowledge.models import (
    Chunk,
    ChunkEmbedding,
    ChunkTerms,
    Collection,
    EmbeddedText,
    Entry,
    IngestionJob,
    LanguageStatistic,
    TermStatistic,
)
from knowledge.search import SearchFilters, search

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def collection(account):
    return Collection.objects.create(account=account, name="Support")


def sent(source: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"source_type": "web", "source_id": source, "raw_text": text, **fields}


def work_off() -> int:
    """Do all that is queued, as workers would; how many jobs that was."""
    done = 0
    while job := IngestionJob.objects.filter(leases.due()).first():
        tasks.ingest_entry(str(job.id))
        done += 1
    return done


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """What `call` returns or raises in each of `count` threads that begin together."""
    barrier = threading.Barrier(count)

    def one(number: int) -> Any:
        try:
            barrier.wait(30)
            return call(number)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def found(account, question: str) -> list[str]:
    return [hit.text for hit in search(account, question).hits]


@contextmanager
def embedding_counted() -> Iterator[list[str]]:
    """The digests of whatever is paid for meanwhile: the rows that the pipeline writes as it embeds."""
    seen: list[str] = []

    def note(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "knowledge_embeddedtext"'):
            seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def assert_exact(account) -> None:
    """Statistics, usage and rows agree with each other."""
    chunks = Chunk.objects.for_account(account)
    assert ChunkTerms.objects.filter(account=account).count() == chunks.count()
    assert ChunkEmbedding.objects.filter(account=account).count() == chunks.count()
    counted = sum(LanguageStatistic.objects.filter(account=account).values_list("chunk_count", flat=True))
    assert counted == chunks.count()
    terms: dict[int, int] = {}
    for row in ChunkTerms.objects.filter(account=account):
        for term in row.terms:
            terms[term] = terms.get(term, 0) + 1
    stored = dict(TermStatistic.objects.filter(account=account, chunk_count__gt=0).values_list("term", "chunk_count"))
    assert stored == terms
    usage = StoredUsage.objects.get(account=account)
    texts = Entry.objects.for_account(account).filter(document=None).values_list("raw_text", flat=True)
    assert usage.entries == Entry.objects.for_account(account).count()
    assert usage.stored_bytes == sum(len(text.encode()) for text in texts)


# --- what is queued and what is embedded


def test_an_entry_is_found_once_it_is_embedded(account, collection):
    entry = entries.add(account, collection, {"raw_text": "The office in Hamburg opens at nine.", "title": "Hours"})
    assert found(account, "When does the office open?") == []
    assert work_off() == 1
    assert found(account, "When does the office open?") == ["The office in Hamburg opens at nine."]
    entry.refresh_from_db()
    assert (entry.title, entry.active_generation) == ("Hours", 1)


def test_the_old_text_answers_until_the_new_one_is_embedded(account, collection):
    entries.upsert(account, collection, sent("a", "The office opens at nine."))
    work_off()
    entries.upsert(account, collection, sent("a", "The office opens at seven."))
    assert found(account, "When does the office open?") == ["The office opens at nine."]
    work_off()
    assert found(account, "When does the office open?") == ["The office opens at seven."]


def test_unchanged_content_queues_and_embeds_nothing(account, collection):
    full = sent("a", "The office opens at nine.", title="Hours", searchable_meta={"city": "Hamburg", "n": [1, 2]})
    entries.upsert(account, collection, full)
    work_off()
    before = set(ChunkEmbedding.objects.values_list("id", flat=True))
    for again in (full, full | {"meta": {"seen": 2}}, full | {"searchable_meta": {"n": [1, 2], "city": "Hamburg"}},
                  sent("a", full["raw_text"]), full | {"source_url": "https://example.com/"}):  # fmt: skip
        ident, created = entries.upsert(account, collection, again)
        assert not created
        assert work_off() == 0
    entry = Entry.objects.get(id=ident)
    entries.update(account, entry, {"meta": {"seen": 3}, "title": "Hours", "source_id": "b"})
    entries.upsert_batch(account, collection, [full | {"source_id": "b"}])
    assert work_off() == 0
    assert set(ChunkEmbedding.objects.values_list("id", flat=True)) == before
    entry.refresh_from_db()
    assert (entry.generation, entry.active_generation, entry.meta) == (1, 1, {"seen": 3})


@pytest.mark.parametrize("changes", [{"title": "New"}, {"raw_text": "New."}, {"searchable_meta": {"sku": "X-1"}}])
@pytest.mark.parametrize("how", ["update", "upsert"])
def test_what_is_indexed_is_embedded_anew_when_it_changes(account, collection, changes, how):
    ident, _ = entries.upsert(account, collection, sent("a", "The office opens at nine.", title="Hours"))
    work_off()
    if how == "update":
        entries.update(account, Entry.objects.get(id=ident), changes)
    else:
        entries.upsert(account, collection, sent("a", "The office opens at nine.") | changes)
    assert work_off() == 1
    assert Entry.objects.get(id=ident).active_generation == 2
    assert_exact(account)


def test_of_a_long_text_only_the_changed_part_is_embedded(account, collection):
    parts = [f"# Part {n}\n\n" + f"The part about number {n} has many words in it. " * 40 for n in range(6)]
    entries.upsert(account, collection, sent("a", "\n\n".join(parts), title="Parts"))
    with embedding_counted() as first:
        work_off()
    digests = set(Chunk.objects.values_list("digest", flat=True))
    assert first
    assert len(digests) >= 6
    parts[3] = "# Part 3\n\n" + "This part was written again, and says something else. " * 30
    entries.upsert(account, collection, sent("a", "\n\n".join(parts)))
    kept: set[str] = set()

    def keep(works, model, vectors):
        kept.update(vectors)
        return stage(works, model, vectors)

    stage, pipeline.keep_paid = pipeline.keep_paid, keep
    try:
        work_off()
    finally:
        pipeline.keep_paid = stage
    now = set(Chunk.objects.values_list("digest", flat=True))
    assert kept == now - digests
    assert 1 <= len(kept) <= 3
    assert len(now & digests) >= 5
    assert_exact(account)


def test_a_text_that_changed_back_costs_nothing(account, collection):
    entries.upsert(account, collection, sent("a", "The office opens at nine."))
    work_off()
    entries.upsert(account, collection, sent("a", "The office opens at ten."))
    entries.upsert(account, collection, sent("a", "The office opens at nine."))
    with embedding_counted() as paid:
        assert work_off() == 1
    assert paid == []
    assert Entry.objects.get().active_generation == 3


def test_only_the_newest_generation_is_queued(account, collection):
    for number in range(5):
        ident, _ = entries.upsert(account, collection, sent("a", f"Version {number}."))
    [job] = IngestionJob.objects.filter(entry_id=ident)
    assert (job.generation, job.status) == (5, "waiting")
    assert work_off() == 1
    assert found(account, "version") == ["Version 4."]


def test_work_on_an_older_generation_is_thrown_away(account, collection, monkeypatch):
    ident, _ = entries.upsert(account, collection, sent("a", "Old."))
    stage = pipeline.store

    def overtaken(work):
        monkeypatch.undo()
        entries.upsert(account, collection, sent("a", "New."))
        stage(work)

    overtaken.__name__ = "store"
    monkeypatch.setattr(pipeline, "STAGES", [*pipeline.STAGES[:-1], overtaken])
    tasks.ingest_entry(str(IngestionJob.objects.get().id))
    assert not Chunk.objects.exists()
    assert work_off() == 1
    assert [chunk.text for chunk in Chunk.objects.filter(entry_id=ident)] == ["New."]


def test_what_failed_is_tried_again_when_it_is_sent_again(account, collection):
    entries.upsert(account, collection, sent("a", "Open at nine."))
    IngestionJob.objects.update(status="failed", attempts=3, last_error="provider_unavailable")
    assert work_off() == 0
    entries.upsert(account, collection, sent("a", "Open at nine."))
    assert work_off() == 1
    assert found(account, "open") == ["Open at nine."]


@pytest.mark.parametrize("text", ["---", "<p></p>", "…"])
def test_a_text_without_words_takes_the_old_one_away(account, collection, text):
    entries.upsert(account, collection, sent("a", "Open at nine."))
    work_off()
    entries.upsert(account, collection, sent("a", text))
    work_off()
    assert found(account, "open at nine") == []
    assert_exact(account)
    entries.upsert(account, collection, sent("a", text, title="Kettle", searchable_meta={"sku": "KX-77"}))
    work_off()
    assert "KX-77" in found(account, "KX-77")[0]


# --- what is searched


def by_words(account, question: str) -> set[str]:
    """The sources of the entries that hold the words of the question."""
    ids = {hit.entry_id for hit in search(account, question, limit=50).hits if hit.lexical_rank is not None}
    return set(Entry.objects.filter(id__in=ids).values_list("source_id", flat=True))


def test_searchable_meta_is_searched_and_meta_is_not(account, collection):
    many = {"codes": [f"ZX-{number}" for number in range(400)], "maker": {"name": "Ostwind"}}
    entries.upsert_batch(account, collection, [
        sent("kettle", "It boils in two minutes.", searchable_meta={"sku": "KX-7731"}, meta={"shelf": "upstairs"}),
        sent("bike", "# Battery\n\n" + "The battery is charged in the evening. " * 150, searchable_meta=many),
    ])  # fmt: skip
    work_off()
    assert by_words(account, "KX-7731") == {"kettle"}
    assert by_words(account, "upstairs") == set()
    for word in ("ZX-0", "ZX-399", "Ostwind"):
        assert by_words(account, word) == {"bike"}
    for entry in Entry.objects.all():
        chunks = Chunk.objects.filter(entry=entry)
        assert all(entry.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
        assert "KX-7731" not in entry.text
        assert not any(chunk.context for chunk in chunks)
    entries.upsert(account, collection, sent("kettle", "It boils a liter in two minutes.", searchable_meta={}))
    work_off()
    assert by_words(account, "KX-7731") == set()
    assert_exact(account)


# --- several at once


@pytest.mark.parametrize("count", [20, 100])
def test_many_upserts_of_one_key_leave_one_entry_and_lose_none(account, collection, count):
    outcomes = at_once(count, lambda n: entries.upsert(account, collection, sent("a", f"Version {n} x" + "x" * n)))
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert len({ident for ident, _ in outcomes}) == 1
    assert sum(created for _, created in outcomes) == 1
    entry = Entry.objects.get()
    assert entry.generation == count
    [job] = IngestionJob.objects.all()
    assert job.generation == count
    assert work_off() == 1
    [chunk] = Chunk.objects.all()
    assert chunk.text == entry.raw_text
    assert_exact(account)


def test_of_what_several_send_each_field_stands(account, collection):
    """Twenty send a field each; none of them undoes another's."""
    fields = [{"title": "T"}, {"meta": {"a": 1}}, {"searchable_meta": {"b": 2}}, {"source_url": "https://example.com/"}]
    outcomes = at_once(20, lambda n: entries.upsert(account, collection, sent("a", "Text.") | fields[n % 4]))
    assert not any(isinstance(outcome, Exception) for outcome in outcomes)
    entry = Entry.objects.get()
    assert (entry.title, entry.meta, entry.searchable_meta) == ("T", {"a": 1}, {"b": 2})
    assert entry.source_url == "https://example.com/"


def test_batches_in_opposite_order_do_not_wait_for_each_other_for_ever(account, collection):
    def load(number: int) -> Any:
        keys = [f"{key:02}" for key in range(50)]
        for turn in range(4):
            batch = [sent(key, f"{key} of {number} in turn {turn}") for key in keys]
            entries.upsert_batch(account, collection, batch if number % 2 else batch[::-1])

    assert at_once(6, load) == [None] * 6
    assert Entry.objects.count() == 50
    assert not Entry.objects.exclude(generation=24).exists()
    assert IngestionJob.objects.filter(status="waiting").count() == 50
    usage = StoredUsage.objects.get(account=account)
    assert usage.stored_bytes == sum(len(text) for text in Entry.objects.values_list("raw_text", flat=True))


def test_writing_deleting_and_embedding_at_once_neither_blocks_nor_miscounts(account, collection):
    """All the locks against each other: entries, jobs, statistics, usage."""
    other = Collection.objects.create(account=account, name="To go")
    gone = [collection, other]

    def write(number: int) -> None:
        for turn in range(6):
            batch = [sent(str(key), f"Text {key} by {number} in {turn}") for key in range(8)]
            entries.upsert_batch(account, collection, batch if number % 2 else batch[::-1])
            try:
                entries.upsert_batch(account, other, batch)
            except NotFound:
                gone.append(other)

    def delete(number: int) -> None:
        for key in range(8):
            for target in (collection, other):
                with suppress(NotFound):
                    entries.delete_by_source(account, target, "web", str(key))

    def embed(number: int) -> None:
        for _ in range(12):
            if job := IngestionJob.objects.filter(leases.due()).order_by("?").first():
                tasks.ingest_entry(str(job.id))

    def delete_collection(number: int) -> None:
        collections.delete(account, other.id)

    kinds = [write, write, delete, embed, embed, embed, delete_collection]
    outcomes = at_once(len(kinds), lambda n: kinds[n](n))
    assert outcomes == [None] * len(kinds)
    work_off()
    assert not Entry.objects.filter(collection=other).exists()
    assert not IngestionJob.objects.exclude(status="done").exists()
    assert not Entry.objects.exclude(generation=F("active_generation")).exists()
    assert_exact(account)


# --- all or nothing


def test_a_batch_with_a_documents_source_writes_nothing(account, alice, collection):
    document = uploads.accept(account, alice, ContentFile(b"Hours.", name="a.txt"), name="a.txt",
                              collection_id=collection.id)  # fmt: skip
    mine = sent(str(document.id), "Mine.") | {"source_type": "document"}
    with pytest.raises(entries.FromFile):
        entries.upsert_batch(account, collection, [sent("a", "New."), mine])
    assert Entry.objects.count() == 1
    assert IngestionJob.objects.count() == 1


def test_a_batch_is_a_constant_number_of_statements(account, collection):
    counts = []
    for size in (1, 10, 50):
        batch = [sent(f"{size}-{n}", f"Text {n}.") for n in range(size)]
        with CaptureQueriesContext(connection) as new:
            entries.upsert_batch(account, collection, batch)
        with CaptureQueriesContext(connection) as known:
            entries.upsert_batch(account, collection, [one | {"raw_text": "Other."} for one in batch])
        counts.append((len(new), len(known)))
    assert len({first for first, _ in counts[1:]}) == 1
    assert len({second for _, second in counts}) == 1
    assert counts[-1][0] < 16, counts


# --- what is gone


def test_a_deleted_entry_is_gone_from_the_next_search(account, collection):
    first, _ = entries.upsert(account, collection, sent("a", "The office opens at nine."))
    entries.upsert(account, collection, sent("b", "The office closes at five."))
    work_off()
    entries.delete(account, Entry.objects.get(id=first))
    assert found(account, "office") == ["The office closes at five."]
    entries.delete_by_source(account, collection, "web", "b")
    assert found(account, "office") == []
    for model in (Entry, IngestionJob, Chunk, ChunkTerms, ChunkEmbedding, EmbeddedText):
        assert not model.objects.exists(), model
    assert_exact(account)


@pytest.mark.parametrize("during", ["parse", "embed", "store"])
def test_an_entry_deleted_while_it_is_worked_on_leaves_nothing(account, collection, monkeypatch, during):
    ident, _ = entries.upsert(account, collection, sent("a", "The office opens at nine."))

    def then_delete(stage):
        def wrapped(work):
            entries.delete(account, Entry.objects.get(id=ident))
            stage(work)

        wrapped.__name__ = stage.__name__
        return wrapped

    stages = [then_delete(s) if s.__name__ == during else s for s in pipeline.STAGES]
    monkeypatch.setattr(pipeline, "STAGES", stages)
    tasks.ingest_entry(str(IngestionJob.objects.get().id))
    for model in (Entry, IngestionJob, Chunk, ChunkTerms, ChunkEmbedding, EmbeddedText):
        assert not model.objects.exists(), model
    assert_exact(account)


def test_a_collection_goes_with_all_that_is_in_it_and_nothing_else(account, alice, collection):
    other = Collection.objects.create(account=account, name="Stays")
    for target in (collection, other):
        entries.upsert_batch(account, target, [sent(str(n), f"The office number {n} opens at nine.") for n in range(5)])
    uploads.accept(account, alice, ContentFile(b"Hours.", name="a.txt"), name="a.txt", collection_id=collection.id)
    work_off()
    collections.delete(account, collection.id)
    assert set(Collection.objects.for_account(account).values_list("name", flat=True)) == {"Stays"}
    assert len(search(account, "office opens", limit=50).hits) == 5
    assert search(account, "office", filters=SearchFilters(collection_ids=(collection.id,))).hits == []
    assert set(Chunk.objects.values_list("collection_id", flat=True)) == {other.id}
    assert_exact(account)
    with pytest.raises(NotFound):
        collections.delete(account, collection.id)


def test_nothing_is_written_into_a_collection_that_is_gone(account, collection):
    collections.delete(account, collection.id)
    with pytest.raises(NotFound):
        entries.upsert(account, collection, sent("a", "Text."))
    with pytest.raises(NotFound):
        entries.add(account, collection, {"raw_text": "Text."})
    assert not Entry.objects.exists()


def test_another_accounts_collection_is_not_deleted(account, collection, charlie):
    with pytest.raises(NotFound):
        collections.delete(charlie.personal_account, collection.id)
    with pytest.raises(NotFound), transaction.atomic():
        entries.upsert(charlie.personal_account, collection, sent("a", "Text."))
    assert Collection.objects.filter(id=collection.id).exists()


def test_what_a_batch_reads_of_the_queue_does_not_grow_with_it(account, collection):
    def of_the_queue(batch) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            entries.upsert_batch(account, collection, batch)
        return [each["sql"] for each in seen.captured_queries if "knowledge_ingestionjob" in each["sql"]]

    for first in range(0, 500, 50):
        batch = [sent(str(number), "The office opens at nine.") for number in range(first, first + 50)]
        assert len(of_the_queue(batch)) == 1  # which writes the new jobs
    changed = [one | {"raw_text": "It opens at ten."} for one in batch]
    delete = next(sql for sql in of_the_queue(changed) if "DELETE" in sql)
    assert IngestionJob.objects.filter(account=account).count() == 500
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {delete}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "entry_id = ANY" in plan
    assert "Join" not in plan
