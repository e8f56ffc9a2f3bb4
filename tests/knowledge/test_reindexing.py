"""From one embedding model to another of another dimension, and back, under searches and writes."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import timedelta
from functools import partial
from unittest import mock

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import Account
from knowledge import reindexing, tasks
from knowledge.models import (
    AccountIndex,
    Chunk,
    ChunkEmbedding,
    Collection,
    Entry,
    GoldenEntry,
    GoldenQuestion,
    IngestionJob,
    Reindexing,
)
from knowledge.search import search
from knowledge.search.pointers import answering_model, index_models
from llm_settings import providers
from llm_settings.models import EmbeddingModel
from tests.knowledge.library import add_entry
from tests.llm_settings.endpoints import answering, serving

pytestmark = pytest.mark.django_db(transaction=True)

DIMENSIONS = 64
TEXTS = [
    "The office in Hamburg opens at nine.",
    "Everybody has thirty days of leave.",
    "The warranty covers the battery for two years.",
    "Spare keys are kept by the janitor.",
]


def words_as_vector(text: str) -> list[float]:
    """An embedding that knows words only: each word moves one dimension."""
    vector = np.full(DIMENSIONS, 0.01)
    for word in text.lower().replace(".", " ").replace("?", " ").split():
        vector[hashlib.sha256(word.encode()).digest()[0] % DIMENSIONS] += 1
    return vector.tolist()


def embed(exchange, misread=()) -> None:
    texts = [TEXTS[2] if text in misread else text for text in exchange.body["input"]]
    rows = [{"index": i, "embedding": words_as_vector(text)} for i, text in enumerate(texts)]
    answering("200 OK", json.dumps({"data": rows}))(exchange)


@pytest.fixture
def endpoint(settings):
    with serving(embed) as endpoint:
        settings.EMBEDDING = settings.EMBEDDING | {"base_url": endpoint.url, "api_key": ""}
        providers._embedder.cache_clear()
        yield endpoint
    providers._embedder.cache_clear()


@pytest.fixture
def other(endpoint) -> EmbeddingModel:
    return EmbeddingModel.objects.create(
        provider="openai", name="words", dimensions=DIMENSIONS, status=EmbeddingModel.Status.RETIRED
    )


@pytest.fixture
def first(account) -> EmbeddingModel:
    for text in TEXTS:
        add_entry(account, text)
    return answering_model(account)


def vectors(account: Account, model: EmbeddingModel) -> int:
    return ChunkEmbedding.objects.filter(account=account, model=model).count()


def write(account: Account, text: str) -> Entry:
    """As the API does: a row, a job, and a worker that does it."""
    collection = Collection.objects.default_of(account)
    entry = Entry.objects.create(account=account, collection=collection, raw_text=text)
    job = IngestionJob.objects.create(account=account, entry=entry, generation=1)
    tasks.ingest_entry(str(job.id))
    job.refresh_from_db()
    assert job.status == IngestionJob.Status.DONE
    return entry


def finish(job):
    while not job.finished_at:
        job = reindexing.take_turn(job.id)
    return job


def test_a_move_embeds_everything_and_answers_by_the_new_model(account, first, other):
    job = finish(reindexing.start(account, other))
    assert (job.status, job.done, job.total, job.progress) == (Reindexing.Status.DONE, 4, 4, 1.0)
    assert answering_model(account) == other
    assert vectors(account, other) == vectors(account, first) == 4
    result = search(account, "How long is the battery under warranty?")
    assert "two years" in result.hits[0].text
    assert result.hits[0].vector_rank == 1


def test_what_is_written_meanwhile_gets_vectors_of_both(account, first, other):
    job = reindexing.start(account, other)
    write(account, "Parcels are handed in at the back door.")
    assert answering_model(account) == first
    assert (vectors(account, first), vectors(account, other)) == (5, 1)
    finish(job)
    write(account, "The canteen closes at two.")
    assert answering_model(account) == other
    assert vectors(account, first) == vectors(account, other) == 6


def test_rolling_back_moves_the_pointer_and_loses_nothing(account, first, other):
    finish(reindexing.start(account, other))
    write(account, "The canteen closes at two.")
    assert reindexing.roll_back(account) == first == answering_model(account)
    assert "two" in search(account, "When does the canteen close?").hits[0].text
    assert reindexing.roll_back(account) == other


def test_without_an_earlier_model_there_is_nothing_to_roll_back_to(account, first):
    with pytest.raises(reindexing.NothingToRollBackTo):
        reindexing.roll_back(account)


def test_a_standby_that_lacks_vectors_does_not_answer(account, first, other):
    finish(reindexing.start(account, other))
    ChunkEmbedding.objects.filter(account=account, model=first).first().delete()
    with pytest.raises(reindexing.StandbyIncomplete):
        reindexing.roll_back(account)
    assert answering_model(account) == other


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(account, first, other, endpoint, monkeypatch):
    monkeypatch.setattr(reindexing, "BATCH", 1)
    job = reindexing.start(account, other)
    claimed = reindexing._claim(job.id)
    chunks = reindexing._next_chunks(claimed)
    reindexing._embed(claimed, providers.get_embedder(other), chunks)
    reindexing._advance(claimed, chunks)
    # The worker is gone here. Its lease still holds, then it does not.
    assert reindexing.take_turn(job.id) is None
    Reindexing.objects.filter(id=job.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    asked = len(endpoint.requests)
    job = finish(job)
    assert (job.status, job.done) == (Reindexing.Status.DONE, 4)
    assert len(endpoint.requests) - asked == 3
    with pytest.raises(reindexing.leases.LeaseLost):
        reindexing._advance(claimed, chunks)


def test_a_chunk_that_was_missed_is_found_before_the_pointer_moves(account, first, other):
    job = reindexing.start(account, other)
    Reindexing.objects.filter(id=job.id).update(cursor=Chunk.objects.order_by("-id").first().id)
    job = reindexing.take_turn(job.id)
    assert (job.status, job.cursor, answering_model(account)) == (Reindexing.Status.WAITING, None, first)
    finish(job)
    assert answering_model(account) == other


def test_a_provider_that_fails_is_waited_for_and_a_wrong_key_is_not(account, first, other, endpoint):
    endpoint.behavior = answering("503 Busy", "{}")
    job = reindexing.take_turn(reindexing.start(account, other).id)
    assert (job.status, job.failures) == (Reindexing.Status.WAITING, 1)
    assert job.next_turn_at > timezone.now()
    endpoint.behavior = answering("401 No", "{}")
    Reindexing.objects.update(next_turn_at=timezone.now() - timedelta(seconds=1))
    job = reindexing.take_turn(job.id)
    assert job.status == Reindexing.Status.FAILED
    assert job.last_error
    assert answering_model(account) == first


def test_a_new_model_that_is_away_does_not_hold_up_what_is_written(account, first, other, endpoint):
    job = reindexing.start(account, other)
    endpoint.behavior = answering("503 Busy", "{}")
    entry = write(account, "Parcels are handed in at the back door.")
    assert "Parcels" in search(account, "Where are parcels handed in?").hits[0].text
    endpoint.behavior = embed
    finish(job)
    assert ChunkEmbedding.objects.filter(entry=entry, model=other).exists()


def test_an_account_moves_once_at_a_time_and_can_stop(account, first, other):
    job = reindexing.start(account, other)
    with pytest.raises(reindexing.AlreadyReindexing):
        reindexing.start(account, other)
    assert reindexing.cancel(account) == 1
    assert reindexing.take_turn(job.id) is None
    assert index_models(account.id).all == (first,)
    finish(reindexing.start(account, other))


def test_retiring_gives_room_free_and_ends_the_way_back(account, first, other):
    finish(reindexing.start(account, other))
    assert reindexing.retire(account) == 4
    assert (vectors(account, first), vectors(account, other)) == (0, 4)
    with pytest.raises(reindexing.NothingToRollBackTo):
        reindexing.roll_back(account)
    write(account, "The canteen closes at two.")
    assert (vectors(account, first), vectors(account, other)) == (0, 5)


GOLDEN = {"When does the Hamburg office open?": TEXTS[0], "How many days of leave does everybody have?": TEXTS[1]}


@pytest.fixture
def golden(account, first, endpoint) -> None:
    """Questions that the other model takes for ones about the warranty."""
    collection = Collection.objects.default_of(account)
    for words, text in GOLDEN.items():
        question = GoldenQuestion.objects.create(account=account, collection=collection, question=words)
        entry = Chunk.objects.get(text=text).entry
        GoldenEntry.objects.create(account=account, question=question, entry=entry, gain=1)
    endpoint.behavior = partial(embed, misread=GOLDEN)


def test_a_model_that_answers_the_golden_questions_worse_is_refused(account, first, other, golden):
    job = finish(reindexing.start(account, other))
    assert job.status == Reindexing.Status.REFUSED, job.figures
    assert job.figures["before"]["ndcg"] > job.figures["after"]["ndcg"]
    assert "nDCG@10 fell" in job.last_error
    assert answering_model(account) == first


def test_unless_one_says_so(account, first, other, golden):
    job = finish(reindexing.start(account, other, accept_regression=True))
    assert job.status == Reindexing.Status.DONE
    assert job.figures["before"]["questions"] == 2
    assert answering_model(account) == other


def test_other_accounts_are_left_alone(account, first, other, charlie):
    add_entry(charlie.personal_account, *TEXTS)
    finish(reindexing.start(account, other))
    assert answering_model(charlie.personal_account) == first
    assert vectors(charlie.personal_account, other) == 0


def test_when_all_accounts_have_moved_the_deployment_follows(account, first, other, charlie):
    add_entry(charlie.personal_account, *TEXTS)
    call_command("reindex", model="words", provider="openai", here=True)
    assert EmbeddingModel.objects.active() == other
    first.refresh_from_db()
    assert first.status == EmbeddingModel.Status.STANDBY
    assert AccountIndex.objects.filter(answering=other).count() == 2
    call_command("reindex", rollback=True)
    assert EmbeddingModel.objects.active() == first


def test_the_command_says_what_is_wrong(account, first, endpoint):
    for wrong in ({"account": 999_999}, {"model": "nothing-like-it"}, {"model": "words", "provider": "openai"}):
        with pytest.raises(CommandError):
            call_command("reindex", **wrong)


def test_missing_vectors_are_made_without_a_model_being_named(account, first):
    ChunkEmbedding.objects.filter(account=account).first().delete()
    call_command("reindex", account=account.id, here=True)
    assert vectors(account, first) == 4
    assert answering_model(account) == first


def test_searches_never_fail_or_lose_anything_while_the_pointer_moves(account, first, other):
    """Constant questions, writes and moves to and fro."""
    stop, errors, lost = threading.Event(), [], []

    def ask() -> None:
        try:
            while not stop.is_set():
                hits = search(account, "How many days of leave does everybody have?").hits
                if not hits or "thirty days" not in hits[0].text:
                    lost.append(hits)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    readers = [threading.Thread(target=ask) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(3):
            finish(reindexing.start(account, other if number % 2 == 0 else first))
            write(account, f"Room {number} has a projector.")
            reindexing.roll_back(account)
            reindexing.roll_back(account)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert (errors, lost) == ([], [])


@pytest.fixture
def late(account, first, other, charlie) -> Account:
    """An account whose texts came in while the only other one moved to a model that all are to have."""
    reindexing.announce(other)
    finish(reindexing.start(account, other))
    add_entry(charlie.personal_account, "The canteen closes at two.")
    return charlie.personal_account


def test_a_late_account_is_queued_and_a_worker_told_at_once(late, other, monkeypatch):
    told = []
    monkeypatch.setattr(tasks.reindex, "apply_async", lambda arguments, **_: told.append(arguments[0]))
    assert reindexing.follow_the_accounts() is None
    job = Reindexing.objects.get(account=late)
    assert (job.model, job.status, told) == (other, Reindexing.Status.WAITING, [str(job.id)])
    finish(job)
    assert reindexing.follow_the_accounts() == other


def test_a_late_account_that_was_queued_in_between_is_left_to_whoever_queued_it(late, other):
    start, queued = reindexing.start, []

    def twice(account, model):
        queued.append(start(account, model))
        return start(account, model)

    with mock.patch.object(reindexing, "start", twice):
        assert reindexing.follow_the_accounts() is None
    assert list(Reindexing.objects.filter(account=late)) == queued


def test_following_asks_as_much_of_many_accounts_as_of_one(account, first, other, django_assert_max_num_queries):
    reindexing.announce(other)
    for number in range(12):
        late = Account.objects.create(name=f"Late {number}")
        add_entry(late, "The canteen closes at two.")
        Reindexing.objects.create(account=late, model=other, status=Reindexing.Status.FAILED, total=1)
    Reindexing.objects.create(account=account, model=other, status=Reindexing.Status.FAILED, total=1)
    with django_assert_max_num_queries(8):
        assert reindexing.follow_the_accounts() is None
