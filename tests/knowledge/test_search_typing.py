"""What a search box finds before a word is finished, and when it is misspelled."""

from __future__ import annotations

import pytest

from knowledge.models import TermStatistic, Word
from knowledge.search import search_entries
from knowledge.search._filters import entry_scope
from knowledge.search._running import snapshot
from knowledge.search._text import matching, read_query
from knowledge.search.indexes import unindex_entry
from tests.knowledge.library import add_entry

pytestmark = pytest.mark.django_db

TEXTS = [
    "Bicycle repair shops in the old town",
    "Invoices are paid within thirty days",
    "Replacement filter for the coffee machine, article KX-4711-B",
    "Der Fahrradständer steht hinter dem Haus",
    "Ремонт велосипедов в центре города",
]


@pytest.fixture
def entries(account):
    languages = ["en", "en", "en", "de", "ru"]
    return [add_entry(account, text, language=language) for text, language in zip(TEXTS, languages, strict=True)]


def by_words(account, entries, query, as_you_type=True):
    """The numbers of the entries that the lexical leg finds, best first."""
    with snapshot():
        scope = entry_scope(account.id, [entries[0].collection_id], [])
        found = matching(scope, read_query(scope, query, as_you_type=as_you_type), 10)
    numbers = {str(entry.id): number for number, entry in enumerate(entries)}
    return [numbers[hit.entry_id] for hit in found]


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("bic", 0), ("old bicy", 0), ("invoi", 1), ("kx-47", 2), ("KX4711", 2), ("Fahrradst", 3), ("велос", 4),
        ("repai", 0), ("machi", 2), ("fahrradsta", 3),
    ],
)  # fmt: skip
def test_a_beginning_finds_what_begins_like_it(account, entries, typed, number):
    assert by_words(account, entries, typed)[0] == number
    assert search_entries(
        account, typed, collection_ids=[entries[0].collection_id], threshold=0, as_you_type=True
    ).hits[0].entry_id == entries[number].id  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("bicylce shop", 0), ("bicycel ", 0), ("reppair ", 0), ("invioces ", 1), ("cofee filter", 2), ("mashine ", 2),
        ("Fahradständer ", 3), ("велосипедав ", 4),
    ],
)  # fmt: skip
def test_a_slip_finds_what_was_meant(account, entries, typed, number):
    assert by_words(account, entries, typed)[0] == number


def test_a_finished_word_stands_for_itself(account, entries):
    assert by_words(account, entries, "bic ") == []
    assert by_words(account, entries, "bic", as_you_type=False) == []
    assert by_words(account, entries, "bicylce", as_you_type=False) == []


def test_a_known_word_is_not_corrected(account, entries):
    other = add_entry(account, "The repairs of the pear tree")
    assert by_words(account, [*entries, other], "pear ") == [5]


@pytest.mark.parametrize("typed", ["%", "_", "\\", "a%b_c\\", "b" * 100, "黑", "1", "é" * 40, "'; --", "x\u0301" * 3])
def test_nothing_typed_breaks_it(account, entries, typed):
    search_entries(account, typed, collection_ids=[entries[0].collection_id], threshold=0, as_you_type=True)


def test_the_explanation_says_what_a_word_was_read_as(account, entries):
    hits = search_entries(
        account, "bicylce", collection_ids=[entries[0].collection_id], threshold=0, as_you_type=True, explain=True
    ).hits
    assert hits[0].explain["lexical"]["read_as"] == {"bicylce": ["bicycl"]}


def test_words_go_with_the_last_chunk_that_holds_them(account, entries, charlie):
    assert Word.objects.filter(account=account, word="bicycl").exists()
    unindex_entry(account.id, entries[0].id)
    assert not Word.objects.filter(account=account, word="bicycl").exists()
    kept = set(TermStatistic.objects.filter(account=account).values_list("term", flat=True))
    assert set(Word.objects.filter(account=account).values_list("term", flat=True)) <= kept
    assert not Word.objects.filter(account=charlie.personal_account).exists()
