"""What a search finds, and what it must never find."""

from __future__ import annotations

import uuid

import pytest

from knowledge.models import Chunk, ChunkEmbedding, Collection, Document, Entry
from knowledge.search import LONGEST_QUERY, MOST_HITS, SearchFilters, search, weights_for
from knowledge.search.indexes import unindex_entry
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from tests.knowledge.library import add_entry, write_chunks

pytestmark = pytest.mark.django_db

HOLIDAYS = "Every employee has thirty days of paid leave a year."
PARKING = "Visitors may park their cars behind the main building."
PRINTER = "If the printer shows the code E-4711, replace the toner cartridge."
COFFEE = "The coffee machine on the second floor is cleaned on Fridays."


@pytest.fixture
def library(account):
    return [add_entry(account, text) for text in (HOLIDAYS, PARKING, PRINTER, COFFEE)]


def texts(result):
    return [hit.text for hit in result.hits]


def test_a_question_in_other_words_finds_its_passage(account, library):
    assert texts(search(account, "How much vacation do workers get?"))[0] == HOLIDAYS
    assert texts(search(account, "Wo kann ich mein Auto abstellen?"))[0] == PARKING


def test_a_code_finds_the_passage_that_holds_it(account, library):
    hit = search(account, "E-4711").hits[0]
    assert hit.text == PRINTER
    assert (hit.lexical_rank, hit.score) == (1, pytest.approx(1.0, abs=0.5))
    assert hit.lexical_score > 0


def test_a_hit_says_all_that_is_cited_of_it(account, alice):
    entry = add_entry(account, "Introduction.", PARKING, title="House rules")
    document = Document.objects.create(
        account=account, collection=entry.collection, entry=entry, filename="rules.pdf", original_filename="rules.pdf",
        file_size=1, file_type="pdf", media_type="application/pdf",
    )  # fmt: skip
    Chunk.objects.filter(entry=entry, position=1).update(
        page_number=7, heading_path=["Arrival", "By car"], kind="table"
    )
    hit = search(account, "Where do visitors park?").hits[0]
    assert (hit.entry_id, hit.document_id, hit.collection_id) == (entry.id, document.id, entry.collection_id)
    assert (hit.filename, hit.title, hit.language) == ("rules.pdf", "House rules", "en")
    assert (hit.page_number, hit.heading_path, hit.kind) == (7, ("Arrival", "By car"), "table")
    assert entry.text[hit.start : hit.end] == hit.text == PARKING


def test_scores_are_comparable_where_they_say_so(account, library):
    result = search(account, "Where can visitors park?")
    embedder = get_embedder(EmbeddingModel.objects.active())
    for hit in result.hits:
        assert 0 <= hit.score <= 1
        assert hit.similarity == pytest.approx(embedder.similarity(hit.cosine))
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
    assert {"embed", "vector", "text", "fetch", "total"} <= result.timings.keys()


def test_a_stranger_finds_nothing_of_the_account(account, charlie, library):
    stranger = charlie.personal_account
    assert search(stranger, "E-4711").hits == []
    own = add_entry(stranger, "Charlie keeps bees, and the printer code E-4711 means nothing to him.")
    assert {hit.entry_id for hit in search(stranger, "E-4711", limit=50).hits} == {own.id}
    everything = SearchFilters(
        collection_ids=(library[0].collection_id,), entry_ids=tuple(entry.id for entry in library)
    )
    assert search(stranger, "E-4711", filters=everything).hits == []
    assert own.id not in {hit.entry_id for hit in search(account, "bees", limit=50).hits}


def test_what_another_account_has_does_not_change_scores(account, charlie, library):
    before = [(hit.chunk_id, hit.score, hit.lexical_score) for hit in search(account, "printer code").hits]
    for number in range(20):
        add_entry(charlie.personal_account, f"printer code printer code {number}")
    assert [(hit.chunk_id, hit.score, hit.lexical_score) for hit in search(account, "printer code").hits] == before


def test_filters_reach_what_ranks_far_behind_without_them(account):
    collection = Collection.objects.create(account=account, name="Archive")
    archived = [add_entry(account, f"Weather report number {n}.", collection=collection) for n in range(5)]
    for number in range(120):
        add_entry(account, f"Visitors park behind building {number}.")
    question = "Where do visitors park?"
    found = search(account, question, filters=SearchFilters(collection_ids=(collection.id,))).hits
    assert {hit.entry_id for hit in found} == {entry.id for entry in archived}
    one = search(account, question, filters=SearchFilters(entry_ids=(archived[3].id,))).hits
    assert [hit.entry_id for hit in one] == [archived[3].id]


def test_filters_by_document_and_their_combinations(account, library):
    documents = [
        Document.objects.create(
            account=account, collection=entry.collection, entry=entry, filename="f", original_filename="f",
            file_size=1, file_type="txt", media_type="text/plain",
        )
        for entry in library[:2]
    ]  # fmt: skip

    def found(**filters):
        return {hit.entry_id for hit in search(account, "anything", filters=SearchFilters(**filters)).hits}

    assert found(document_ids=(documents[0].id,)) == {library[0].id}
    assert found(document_ids=(documents[0].id, documents[1].id), entry_ids=(library[1].id,)) == {library[1].id}
    assert found(document_ids=(documents[0].id,), entry_ids=(library[3].id,)) == set()
    assert found(document_ids=(uuid.uuid4(),)) == set()
    assert found(collection_ids=(uuid.uuid4(),)) == set()


def test_what_is_deleted_is_gone_from_the_next_search(account, library):
    unindex_entry(account.id, library[2].id)
    Entry.objects.filter(id=library[2].id).delete()
    assert library[2].id not in {hit.entry_id for hit in search(account, "E-4711", limit=50).hits}


def test_a_new_generation_replaces_the_old_one(account, library):
    write_chunks(library[2], ["The scanner now shows the code F-0815 instead."])
    assert PRINTER not in texts(search(account, "E-4711", limit=50))
    assert "F-0815" in search(account, "F-0815").hits[0].text


def test_chunks_of_another_generation_than_the_active_one_are_not_found(account, library):
    Entry.objects.filter(id=library[2].id).update(active_generation=9)
    assert library[2].id not in {hit.entry_id for hit in search(account, "E-4711", limit=50).hits}


def test_each_entry_comes_once_when_asked_for_entries(account):
    entry = add_entry(account, *[f"Visitors park in row {number}." for number in range(6)])
    other = add_entry(account, COFFEE)
    hits = search(account, "Where do visitors park?", limit=10, per_entry=True).hits
    assert [hit.entry_id for hit in hits] == [entry.id, other.id]
    assert len(search(account, "Where do visitors park?", limit=10).hits) == 7


def test_as_many_as_asked_for_are_found(account):
    add_entry(account, *[f"Row {number} of the car park." for number in range(30)])
    assert len(search(account, "car park", limit=20).hits) == 20
    assert len(search(account, "car park", limit=10 * MOST_HITS).hits) == 30
    assert search(account, "car park", limit=0).hits == []


def test_an_empty_account_has_no_hits(account):
    assert search(account, "anything at all").hits == []


@pytest.mark.parametrize("query", ["", "   \n\t", "\0", "\0\0 "])
def test_a_query_without_content_finds_nothing(account, library, query):
    assert search(account, query).hits == []


@pytest.mark.parametrize(
    "query",
    [
        "?!…", "the of and is a", "😀😀", "a\0b", "\ud800 printer", "'; DROP TABLE x; --", "%s %(a)s", "{1:2}/3",
        "word " * 30_000, "x" * 100_000, "\u202eprinter", "🖨️ E-4711", "黑豹", "a" * LONGEST_QUERY + "\0",
    ],
)  # fmt: skip
def test_no_query_breaks_the_search(account, library, query):
    assert len(search(account, query).hits) == len(library)


def test_what_the_active_model_has_not_embedded_is_found_by_its_words(account, library):
    ChunkEmbedding.objects.filter(entry=library[2]).delete()
    [hit] = [hit for hit in search(account, "E-4711").hits if hit.text == PRINTER]
    assert (hit.lexical_rank, hit.vector_rank, hit.cosine, hit.similarity) == (1, None, 0, 0)


def test_equal_scores_have_a_stable_order(account):
    for _ in range(6):
        add_entry(account, "The same words everywhere.")
    first = [hit.chunk_id for hit in search(account, "same words", limit=6).hits]
    assert all([hit.chunk_id for hit in search(account, "same words", limit=6).hits] == first for _ in range(3))


def test_rare_words_weigh_more(account, library):
    weights = weights_for(account, "the printer")
    assert weights["printer"] > weights["the"] > 0
