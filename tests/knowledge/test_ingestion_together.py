"""Small entries that are read together: as if each were read by itself, whatever becomes of the others."""

from __future__ import annotations

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from knowledge import entries, tasks, uploads
from knowledge.ingestion import leases, pipeline, together
from knowledge.ingestion.errors import IngestionError
from knowledge.models import Chunk, Collection, EmbeddedText, Entry, IngestionJob
from llm_settings.providers.base import ProviderError
from tests.knowledge.test_entries import assert_exact, found, sent, work_off

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def collection(account):
    return Collection.objects.create(account=account, name="Support")


def several(account, collection, count: int = 5, **fields) -> list[Entry]:
    rows = [sent(str(number), f"Room {number} opens at {number}:30.", **fields) for number in range(count)]
    ids = entries.upsert_batch(account, collection, rows).ids
    return [Entry.objects.get(id=ident) for ident in ids]


def take_one() -> None:
    tasks.ingest_entry(str(IngestionJob.objects.filter(leases.due()).earliest("created_at").id))


def statuses() -> dict[str, int]:
    found = IngestionJob.objects.values_list("status", flat=True)
    return {status: list(found).count(status) for status in set(found)}


@pytest.fixture
def embedder(monkeypatch):
    """The real one; `calls` has what it was given, and `fail` is asked before."""
    real = together.get_embedder
    calls: list[list[str]] = []

    class Watched:
        fail = staticmethod(lambda texts: None)

        def __init__(self, model) -> None:
            self.real = real(model)

        def __getattr__(self, name):
            return getattr(self.real, name)

        def embed_passages(self, texts):
            Watched.fail(texts)
            calls.append(list(texts))
            return self.real.embed_passages(texts)

    for module in (pipeline, together):
        monkeypatch.setattr(module, "get_embedder", Watched)
    Watched.calls = calls
    return Watched


def test_one_message_has_all_that_wait_read_by_one_call(account, collection, embedder):
    several(account, collection, 20)
    with CaptureQueriesContext(connection) as asked:
        take_one()
    assert statuses() == {"done": 20}
    assert [len(call) for call in embedder.calls] == [20]
    assert len(asked) < 50  # some forty are for any number
    assert found(account, "When does room 7 open?")[0] == "Room 7 opens at 7:30."
    assert_exact(account)
    assert not EmbeddedText.objects.exists()
    assert set(IngestionJob.objects.values_list("attempts", "lease_owner")) == {(1, "")}


def test_it_comes_to_the_same_as_one_by_one(account, collection, monkeypatch):
    several(account, collection, title="Hours", searchable_meta={"floor": 3})
    take_one()
    texts = list(Chunk.objects.order_by("text").values_list("text", "digest", "generation", "token_count"))
    shown = list(Entry.objects.order_by("raw_text").values_list("text", "language", "title", "chunk_count"))
    other = Collection.objects.create(account=account, name="One by one")
    monkeypatch.setattr(together, "alike", lambda job: [])
    several(account, other, title="Hours", searchable_meta={"floor": 3})
    assert work_off() == 5
    alone = Chunk.objects.filter(collection=other).order_by("text")
    assert list(alone.values_list("text", "digest", "generation", "token_count")) == texts
    alike = Entry.objects.filter(collection=other).order_by("raw_text")
    assert list(alike.values_list("text", "language", "title", "chunk_count")) == shown
    assert_exact(account)


def test_new_generations_replace_the_old_ones(account, collection, embedder):
    several(account, collection)
    take_one()
    rows = [sent(str(number), f"Room {number} is closed.") for number in range(3)]
    entries.upsert_batch(account, collection, rows)
    take_one()
    assert sorted(Chunk.objects.values_list("text", flat=True)) == [
        *(f"Room {number} is closed." for number in range(3)),
        *(f"Room {number} opens at {number}:30." for number in (3, 4)),
    ]
    assert_exact(account)


def test_files_long_texts_and_other_collections_are_left_out(account, collection, alice):
    several(account, collection, 2)
    other = Collection.objects.create(account=account, name="Other")
    entries.upsert(account, other, sent("other", "Elsewhere."))
    entries.upsert(account, collection, sent("long", "Long. " * together.LONGEST))
    uploads.accept(account, alice, ContentFile(b"A file."), name="a.txt", collection_id=collection.id)
    wanted = IngestionJob.objects.get(entry__source_id="0")
    tasks.ingest_entry(str(wanted.id))
    assert set(IngestionJob.objects.filter(status="done").values_list("entry__source_id", flat=True)) == {"0", "1"}
    waiting = IngestionJob.objects.filter(status="waiting")
    assert waiting.count() == 3
    assert set(waiting.values_list("attempts", flat=True)) == {0}


def test_one_that_cannot_be_read_holds_nobody_up(account, collection, monkeypatch):
    several(account, collection)
    parse = pipeline.parse

    def picky(work):
        if "Room 3" in work.entry.raw_text:
            raise IngestionError.of("timeout")
        parse(work)

    monkeypatch.setattr(pipeline, "parse", picky)
    take_one()
    assert statuses() == {"done": 4, "failed": 1}
    assert IngestionJob.objects.get(status="failed").entry.raw_text == "Room 3 opens at 3:30."
    assert_exact(account)


def test_a_provider_that_is_away_makes_all_wait_and_counts_nothing(account, collection, embedder):
    several(account, collection)

    def away(texts):
        raise ProviderError("down")

    embedder.fail = staticmethod(away)
    take_one()
    assert statuses() == {"waiting": 5}
    assert set(IngestionJob.objects.values_list("attempts", "provider_failures", "last_error")) == {(0, 1, "down")}
    IngestionJob.objects.update(next_attempt_at="2001-01-01T00:00Z")
    embedder.fail = staticmethod(lambda texts: None)
    take_one()
    assert statuses() == {"done": 5}
    assert_exact(account)


def test_a_text_that_the_provider_refuses_fails_alone(account, collection, embedder):
    several(account, collection)

    def refuse(texts):
        if any("Room 2" in text for text in texts):
            raise ProviderError("That is no text.", permanent=True)

    embedder.fail = staticmethod(refuse)
    take_one()
    assert statuses() == {"done": 4, "failed": 1}
    assert_exact(account)


def test_what_killed_its_worker_is_read_alone(account, collection, embedder):
    several(account, collection)

    def killed(texts):
        raise KeyboardInterrupt

    embedder.fail = staticmethod(killed)
    with pytest.raises(KeyboardInterrupt):
        take_one()
    assert statuses() == {"running": 5}
    IngestionJob.objects.update(lease_expires_at="2001-01-01T00:00Z")
    embedder.fail = staticmethod(lambda texts: None)
    take_one()
    assert statuses() == {"done": 1, "running": 4}
    assert work_off() == 4
    assert_exact(account)


def test_what_is_changed_deleted_or_moved_meanwhile_is_not_overwritten(account, collection, embedder):
    rows = several(account, collection)
    other = Collection.objects.create(account=account, name="Other")

    def meanwhile(texts):
        embedder.fail = staticmethod(lambda texts: None)
        entries.upsert(account, collection, sent("0", "Room 0 is closed."))
        entries.delete(account, rows[1])
        Entry.objects.filter(id=rows[2].id).update(collection=other)

    embedder.fail = staticmethod(meanwhile)
    take_one()
    assert set(Chunk.objects.values_list("entry_id", flat=True)) >= {rows[3].id, rows[4].id}
    assert not Chunk.objects.filter(text__startswith="Room 0 opens").exists()
    work_off()
    assert set(Chunk.objects.values_list("text", "collection_id")) == {
        ("Room 0 is closed.", collection.id),
        ("Room 2 opens at 2:30.", other.id),
        ("Room 3 opens at 3:30.", collection.id),
        ("Room 4 opens at 4:30.", collection.id),
    }
    assert_exact(account)


def test_an_entry_that_somebody_holds_is_not_waited_for_by_the_others(account, collection, monkeypatch):
    """It is stored by itself, behind whoever holds it."""
    rows = several(account, collection)
    alone: list[str] = []
    monkeypatch.setattr(tasks, "ingest", lambda job: alone.append(job.entry.raw_text))
    locked = pipeline.locked
    # What another transaction's lock comes to, without a thread for it.
    monkeypatch.setattr(
        pipeline, "locked", lambda works, skip: {k: v for k, v in locked(works, skip=skip).items() if k != rows[2].id}
    )
    take_one()
    assert alone == ["Room 2 opens at 2:30."]
    assert Chunk.objects.count() == 4


def test_rows_that_are_locked_are_skipped_and_not_waited_for(account, collection):
    rows = several(account, collection)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT FROM knowledge_entry WHERE id = %s FOR UPDATE", [rows[2].id])
            job = leases.claim(IngestionJob.objects.get(entry=rows[0]).id, "a worker")
            jobs = [job, *together.alike(job)]
            models = pipeline.index_models(account.pk)
            with transaction.atomic(), pipeline.ExitStack() as resources:
                works = [together._read(one, models, resources) for one in jobs]
                assert set(pipeline.locked(works, skip=True)) == {row.id for row in rows} - {rows[2].id}
            cursor.execute("ROLLBACK")
    finally:
        other.close()


def test_a_batch_that_cannot_be_stored_is_stored_one_by_one(account, collection, monkeypatch):
    several(account, collection)
    store = pipeline.store_locked

    def refuses_many(locked):
        if len(locked) > 1:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return store(locked)

    monkeypatch.setattr(pipeline, "store_locked", refuses_many)
    take_one()
    assert statuses() == {"done": 5}
    assert_exact(account)
