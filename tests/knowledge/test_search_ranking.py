"""The lexical leg against a textbook's BM25, languages side by side, and how two rankings become one."""

from __future__ import annotations

import math
import uuid
from collections import Counter

import pytest

from knowledge.search import _text
from knowledge.search._filters import SearchFilters, scope_of
from knowledge.search._fusion import FULL_MATCH, WINDOW, fuse
from knowledge.search._text import Found
from knowledge.search._vector import Near
from knowledge.search.terms import terms_of
from tests.knowledge.library import add_entry

ENGLISH = [
    "The wing of an aircraft in a slipstream has more lift.",
    "Lift, lift and again lift: the wing is all about lift.",
    "A heat shield protects the aircraft when it enters the atmosphere.",
    "Boundary layers grow along the surface of a wing; turbulence thickens boundary layers.",
    "Nothing of the kind is said here.",
]
GERMAN = ["Die Tragfläche eines Flugzeugs erzeugt Auftrieb.", "Der Hitzeschild schützt die Häuser nicht."]
CHINESE = ["黑豹队的防守只丢了三百分。", "贾里德在职业生涯中有很多次擒杀。"]


def lexical(account, question, limit=100, filters=None):
    scope = scope_of(account.id, filters or SearchFilters())
    return _text.matching(scope, _text.read_query(scope, question), limit)


def bm25(question: list[str], texts: list[list[str]]) -> list[float]:
    """Straight from the formula, k1 = 1.2, b = 0.75, with the average length.

    A term that stands in a text more than once weighs what it would with an average of 150, times the factor of a
    term that stands there once: see docs/decisions/0020.
    """
    average = sum(map(len, texts)) / len(texts)

    def weight(frequency: int, length: int, ordinary: float) -> float:
        return frequency / (frequency + 1.2 * (0.25 + 0.75 * length / ordinary))

    scores = []
    for text in texts:
        score = 0.0
        for term in question:
            having = sum(term in other for other in texts)
            idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
            frequency = text.count(term)
            factor = weight(1, len(text), average) / weight(1, len(text), 150)
            score += idf * weight(frequency, len(text), 150) * factor
        scores.append(score)
    return scores


@pytest.mark.django_db
@pytest.mark.parametrize(
    "question", ["lift of a wing", "the aircraft's heat shield", "boundary-layer turbulence turbulence", "is it said"]
)
def test_scores_are_those_of_bm25(account, question):
    entries = [add_entry(account, text) for text in ENGLISH]
    expected = bm25(terms_of(question, "en"), [terms_of(text, "en") for text in ENGLISH])
    by_entry = {str(entry.id): score for entry, score in zip(entries, expected, strict=True) if score > 0}
    found = lexical(account, question)
    assert {hit.entry_id: hit.score for hit in found} == pytest.approx(by_entry, rel=1e-4)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


@pytest.mark.django_db
def test_a_title_counts_twice(account):
    entry = add_entry(account, ENGLISH[0], title="Aerodynamics")
    text = terms_of(f"Aerodynamics\nAerodynamics\n{ENGLISH[0]}", "en")
    [hit] = lexical(account, "aerodynamics")
    assert (hit.entry_id, hit.score) == (str(entry.id), pytest.approx(bm25(["aerodynam"], [text])[0], rel=1e-4))


@pytest.mark.django_db
def test_statistics_are_those_of_the_moment(account):
    add_entry(account, ENGLISH[0])
    before = lexical(account, "wing")[0].score
    for text in ENGLISH[1:]:
        add_entry(account, text)
    scores = bm25(["wing"], [terms_of(text, "en") for text in ENGLISH])
    assert lexical(account, "wing")[0].score == pytest.approx(max(scores), rel=1e-4)
    assert before != pytest.approx(scores[0], rel=1e-2)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Flugzeuge", GERMAN[0]),
        ("Haus", GERMAN[1]),
        ("aircrafts and slipstreams", ENGLISH[0]),
        ("擒杀", CHINESE[1]),
        ("丢了多少分", CHINESE[0]),
    ],
)
def test_each_language_is_read_its_own_way_in_one_account(account, question, found):
    for language, texts in (("en", ENGLISH), ("de", GERMAN), ("zh", CHINESE)):
        for text in texts:
            add_entry(account, text, title=text[:1], language=language)
    best = lexical(account, question)[0]
    entry = {hit.entry_id for hit in lexical(account, found, limit=1)}
    assert {str(best.entry_id)} == entry


@pytest.mark.django_db
def test_frequent_words_do_not_crowd_out_the_rarest(account, monkeypatch):
    """With room for few candidates, the chunk with the rare word is still found, and scored by all words."""
    for number in range(40):
        add_entry(account, f"the wing has lift number {number}")
    rare = add_entry(account, "the wing has flutter")
    everything = lexical(account, "the wing has lift or flutter")
    monkeypatch.setattr(_text, "CANDIDATES", 5)
    found = lexical(account, "the wing has lift or flutter")
    assert found[0].entry_id == str(rare.id)
    assert found[0].score == pytest.approx(next(hit.score for hit in everything if hit.entry_id == str(rare.id)))


@pytest.mark.django_db
def test_words_that_only_other_chunks_have_find_nothing_in_a_filtered_scope(account):
    entry, other = add_entry(account, "wing"), add_entry(account, "shield")
    assert lexical(account, "shield", filters=SearchFilters(entry_ids=(entry.id,))) == []
    assert [hit.entry_id for hit in lexical(account, "wing shield", filters=SearchFilters(entry_ids=(other.id,)))] == [
        str(other.id)
    ]


# --- fusion ------------------------------------------------------------------------------------------------------
IDS = [str(uuid.UUID(int=number)) for number in range(300)]


def near(*cosines):
    return [Near(IDS[index], IDS[index], cosine) for index, cosine in enumerate(cosines)]


def found(**scores):
    return [Found(IDS[int(name[1:])], IDS[int(name[1:])], score) for name, score in scores.items()]


def test_best_in_both_legs_is_one_and_missing_in_a_leg_is_none_there():
    ranked = fuse(near(0.9, 0.85, 0.8), found(c0=12.0, c7=6.0), full_weight=10)
    assert (ranked[0].chunk_id, ranked[0].score) == (IDS[0], 1.0)
    only_text = next(hit for hit in ranked if hit.chunk_id == IDS[7])
    assert (only_text.vector_rank, only_text.cosine, only_text.lexical_rank) == (None, None, 2)
    assert only_text.score == pytest.approx(0.25)
    only_vector = next(hit for hit in ranked if hit.chunk_id == IDS[1])
    assert (only_vector.vector_rank, only_vector.lexical_rank, only_vector.lexical_score) == (2, None, None)


def test_a_poor_lexical_match_does_not_drag_the_other_leg_down():
    """A question in another language shares one word of twenty with a chunk."""
    ranked = fuse(near(0.9, 0.85, 0.8), found(c2=1.0), full_weight=100)
    assert [hit.chunk_id for hit in ranked] == [IDS[0], IDS[1], IDS[2]]
    assert ranked[2].score == pytest.approx(1.0 / (FULL_MATCH * 100) / 2)


def test_scores_are_stretched_over_the_window_and_never_below_zero():
    ranked = fuse(near(*[1 - index / 1000 for index in range(200)]), [], full_weight=0)
    assert [hit.chunk_id for hit in ranked] == IDS[:200]
    assert all(0 <= hit.score <= 1 for hit in ranked)
    assert ranked[WINDOW - 1].score == 0
    assert ranked[WINDOW // 2].score == pytest.approx(0.5 * (1 - 50 / 99), abs=1e-6)


def test_equal_scores_are_ordered_by_the_legs_and_then_by_id():
    ranked = fuse(near(0.8, 0.8, 0.8), [], full_weight=0)
    assert [hit.chunk_id for hit in ranked] == IDS[:3]
    assert Counter(hit.score for hit in ranked) == {0.5: 3}


def test_nothing_found_is_nothing_ranked():
    assert fuse([], [], full_weight=0) == []
