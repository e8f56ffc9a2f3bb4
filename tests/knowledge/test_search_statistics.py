"""Term and language statistics equal what a recount would give, whatever happens at the same time."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from knowledge.models import ChunkEmbedding, ChunkTerms, Collection, Entry, LanguageStatistic, TermStatistic
from knowledge.search import search
from knowledge.search.indexes import unindex_entry
from tests.knowledge.library import add_entry, write_chunks


def assert_exact(account):
    rows = list(ChunkTerms.objects.filter(account=account))
    terms = Counter(term for row in rows for term in row.terms)
    assert dict(TermStatistic.objects.filter(account=account).values_list("term", "chunk_count")) == terms
    languages = Counter((row.collection_id, row.language) for row in rows)
    known = LanguageStatistic.objects.filter(account=account).values_list("collection_id", "language", "chunk_count")
    assert {(collection, language): count for collection, language, count in known} == languages


@pytest.mark.django_db
def test_adding_replacing_and_removing_keep_the_counts_exact(account, charlie):
    archive = Collection.objects.create(account=account, name="Archive")
    first = add_entry(account, "one two two three", "two three four", title="Numbers")
    second = add_entry(account, "vier fünf sechs", language="de", collection=archive)
    add_entry(charlie.personal_account, "one two three")
    assert_exact(account)
    write_chunks(first, ["three four five", "six", "seven one"])
    assert_exact(account)
    unindex_entry(account.id, second.id)
    assert_exact(account)
    unindex_entry(account.id, first.id)
    assert not TermStatistic.objects.filter(account=account).exists()
    assert not LanguageStatistic.objects.filter(account=account).exists()
    assert_exact(charlie.personal_account)


@pytest.mark.django_db
def test_removing_twice_changes_nothing(account):
    keep, gone = add_entry(account, "one two"), add_entry(account, "two three")
    for _ in range(2):
        unindex_entry(account.id, gone.id)
    assert_exact(account)
    assert ChunkTerms.objects.get(account=account).entry_id == keep.id


@pytest.mark.django_db
def test_another_accounts_entry_cannot_be_removed(account, charlie):
    entry = add_entry(account, "one two")
    unindex_entry(charlie.personal_account.id, entry.id)
    assert ChunkTerms.objects.filter(entry=entry).exists()
    assert_exact(account)


@pytest.mark.django_db
def test_whatever_is_deleted_takes_its_counts_with_it(account):
    archive = Collection.objects.create(account=account, name="Archive")
    for collection in (None, archive, archive):
        add_entry(account, "one two three", "two three four", collection=collection)
    lone = add_entry(account, "four five")
    Entry.objects.filter(id=lone.id).delete()
    assert_exact(account)
    archive.delete()
    assert_exact(account)
    assert ChunkTerms.objects.count() == ChunkEmbedding.objects.count() == 2
    account.delete()
    assert not ChunkTerms.objects.exists()
    assert not ChunkEmbedding.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_writers_of_one_account_neither_miscount_nor_block_each_other_for_ever(account):
    """Entries that replace each other's terms in opposite order would deadlock if rows were locked as they come."""
    words = [" ".join(f"w{(start + step) % 40}" for step in range(12)) for start in range(40)]
    entries = [add_entry(account, words[number]) for number in range(6)]

    def rewrite(number):
        try:
            entry = Entry.objects.get(id=entries[number].id)
            for turn in range(6):
                write_chunks(entry, [words[(number * 7 + turn * (number + 3)) % 40], words[turn]])
        finally:
            connection.close()

    with ThreadPoolExecutor(len(entries)) as pool:
        list(pool.map(rewrite, range(len(entries))))
    assert_exact(account)


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_was_never_counted(account):
    entry = add_entry(account, "one two")
    with transaction.atomic():
        write_chunks(entry, ["three four"])
        transaction.set_rollback(True)
    assert_exact(account)
    assert ChunkTerms.objects.count() == 1


def test_lengths_are_counted_in_and_out(account):
    def counted():
        known = LanguageStatistic.objects.filter(account=account).values_list("chunk_count", "term_count")
        return [sum(column) for column in zip(*known, strict=True)] or [0, 0]

    first = add_entry(account, "one two three", "one one one one")
    second = add_entry(account, "five words in this one")
    assert counted() == [3, 12]
    write_chunks(first, ["only four words now"])
    assert counted() == [2, 9]
    unindex_entry(account.id, second.id)
    assert counted() == [1, 4]


def test_a_chunk_that_is_long_for_its_collection_counts_less(account):
    short = add_entry(account, "printer toner")
    long = add_entry(account, "printer toner " + " ".join(f"word{letter}" for letter in "abcdefghijkl"))
    add_entry(account, "something else")
    scores = {hit.entry_id: hit.lexical_score for hit in search(account, "printer").hits}
    # BM25 with the true average, six terms: the word is in each of the texts once.
    factor = (1 + 1.2 * (0.25 + 0.75 * 14 / 6)) / (1 + 1.2 * (0.25 + 0.75 * 2 / 6))
    assert scores[short.id] / scores[long.id] == pytest.approx(factor, rel=0.01)
