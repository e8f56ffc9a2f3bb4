"""The semantic leg, scanned exactly and through the graph: the same neighbors, and never too few."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection, transaction

from knowledge.models import Collection
from knowledge.search import _vector
from knowledge.search._filters import SearchFilters, scope_of
from knowledge.search.indexes import dense, ensure_vector_index, vector_index
from llm_settings.models import EmbeddingModel
from tests.knowledge.library import add_entry

pytestmark = pytest.mark.django_db

RANDOM = np.random.default_rng(7)


def unit(count: int) -> np.ndarray:
    rows = RANDOM.normal(size=(count, 384)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def model(db):
    row = EmbeddingModel.objects.active()
    ensure_vector_index(row)
    return row


@pytest.fixture
def graph_only(monkeypatch):
    """However few the chunks, the graph is walked."""
    monkeypatch.setattr(_vector, "exact_up_to", lambda model: 0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_vector.SETTINGS)
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        cursor.execute("DROP INDEX chunk_embedding_scope")
        yield


def neighbors(account, model, vector, limit, filters=None):
    return _vector.nearest(scope_of(account.id, filters or SearchFilters()), model, dense(vector), limit)


def test_a_small_collection_is_compared_exactly(account, model):
    vectors, [question] = unit(300), unit(1)
    entry = add_entry(account, *["text"] * 300, vectors=vectors)
    found = neighbors(account, model, question, 50)
    expected = np.sort(vectors @ question)[::-1][:50]
    assert [hit.cosine for hit in found] == pytest.approx(expected.tolist(), abs=2e-3)
    assert {hit.entry_id for hit in found} == {str(entry.id)}


def test_the_graph_finds_nearly_the_same_in_order(account, model, graph_only):
    vectors, [question] = unit(600), unit(1)
    add_entry(account, *["text"] * 600, vectors=vectors)
    found = [hit.cosine for hit in neighbors(account, model, question, 50)]
    expected = np.sort(vectors @ question)[::-1][:50]
    assert found == sorted(found, reverse=True)
    assert sum(cosine >= expected[-1] - 2e-3 for cosine in found) >= 45


def test_the_statement_uses_the_models_index(account, model, graph_only):
    add_entry(account, *["text"] * 200, vectors=unit(200))
    statement = _vector._APPROXIMATE.format(condition="account_id = %s", dimensions=384)
    vector = dense(unit(1)[0])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", [vector, account.id, model.id, vector, 10])
        assert vector_index(model) in "\n".join(row[0] for row in cursor.fetchall())


def test_the_graph_returns_as_many_as_asked_for_with_a_narrow_filter(account, model, graph_only):
    archive = Collection.objects.create(account=account, name="Archive")
    [question] = unit(1)
    add_entry(account, *["near"] * 500, vectors=_around(question, 500, 0.2))
    add_entry(account, *["far"] * 20, vectors=_around(-question, 20, 0.2), collection=archive)
    found = neighbors(account, model, question, 15, SearchFilters(collection_ids=(archive.id,)))
    assert len(found) == 15


def test_a_walk_that_ends_too_early_is_made_good_by_a_scan(account, charlie, model, graph_only):
    """Other accounts' chunks lie nearer, and the walk gives up before it meets the account's own."""
    [question] = unit(1)
    add_entry(charlie.personal_account, *["near"] * 500, vectors=_around(question, 500, 0.2))
    own = add_entry(account, *["far"] * 30, vectors=_around(-question, 30, 0.2))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL hnsw.max_scan_tuples = 50; SET LOCAL hnsw.ef_search = 10")
    found = neighbors(account, model, question, 20)
    assert len(found) == 20
    assert {hit.entry_id for hit in found} == {str(own.id)}


def test_vectors_of_another_model_are_not_compared(account, model):
    add_entry(account, "text", vectors=unit(1))
    other = EmbeddingModel.objects.create(provider="local", name="another", dimensions=3)
    assert neighbors(account, other, np.array([1, 0, 0], np.float32), 5) == []


def test_an_index_that_is_there_is_left_alone(model):
    ensure_vector_index(model)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexname = %s", [vector_index(model)])
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_a_new_model_gets_its_index_when_it_is_made():
    row = EmbeddingModel.objects.create(provider="local", name="new", dimensions=12)
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [vector_index(row)])
        [definition] = cursor.fetchone()
    assert "hnsw" in definition
    assert str(row.id) in definition


def _around(center: np.ndarray, count: int, spread: float) -> np.ndarray:
    rows = center + spread * unit(count)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
