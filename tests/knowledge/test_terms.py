"""Which words of a chunk and of a question are the same word."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.models import TERM_SPACE
from knowledge.search.terms import LONGEST_TERM, term_key, terms_of


def found_by(question: str, text: str, language: str) -> bool:
    """Whether all terms of the question are terms of the text."""
    return set(terms_of(question, language)) <= set(terms_of(text, language))


@pytest.mark.parametrize(
    ("question", "text", "language"),
    [
        ("warranties", "The warranty covers", "en"),
        ("Häuser", "ein Haus am See", "de"),
        ("STRASSE", "die Straße", "de"),
        ("économies", "une économie", "fr"),
        ("economie", "l'économie de la France", "fr"),
        ("cafe", "Café Müller", ""),
        ("книги", "интересная книга", "ru"),
        ("ＡＢＣ", "abc", "en"),
        ("ısık", "IŞIK", "tr"),
        ("Jared Allen", "Jared Allen's record", "en"),
        ("US", "the U.S. Congress", "en"),
    ],
)
def test_forms_of_a_word_are_the_same_term(question, text, language):
    assert found_by(question, text, language)


def test_stemming_follows_the_language():
    assert terms_of("running", "en") == ["run"]
    assert terms_of("running", "de") == ["running"]
    assert terms_of("running", "") == ["running"]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("AB-123/x", "the part AB-123/x is"),
        ("AB123", "order AB-123 now"),
        ("AB-123", "order AB123 now"),
        ("ab 123", "order AB-123 now"),
        ("ERR_CONN_RESET", "failed: ERR_CONN_RESET."),
        ("conn reset", "failed: ERR_CONN_RESET."),
        ("v1.2.3", "since v1.2.3, the"),
        ("user.name@example.com", "write to <user.name@example.com>!"),
        ("example.com", "see https://example.com/a/b?c=d for"),
        ("maxRetries", "set maxRetries to"),
        ("max retries", "set maxRetries to"),
        ("http server", "class HTTPServer:"),
        ("C++", "written in C++, not"),
        ("1000000", "1,000,000 people"),
        ("1.000.000", "1,000,000 people"),
        ("email", "an e-mail"),
        ("boundary layer", "the boundary-layer effect"),
    ],
)
def test_codes_are_found_whole_and_by_their_parts(question, text):
    assert found_by(question, text, "en")


def test_a_code_is_a_term_of_its_own_so_that_it_outranks_its_parts():
    assert "ab123/x" in terms_of("AB-123/x", "en")
    assert "ab123/x" not in terms_of("AB 123 x", "en")
    assert "c++" not in terms_of("C and ++", "en")


@pytest.mark.parametrize(
    ("question", "text", "language"),
    [
        ("防守", "黑豹队的防守只丢了分", "zh"),
        ("検索", "全文検索システム", "ja"),
        ("문장", "한국어 문장을 찾기", "ko"),
        ("สวัสดี", "เขาพูดว่าสวัสดีครับ", "th"),
    ],
)
def test_scripts_without_spaces_are_found_within_their_runs(question, text, language):
    assert found_by(question, text, language)


def test_a_single_character_is_a_term_when_it_stands_alone():
    assert terms_of("猫 and 犬", "zh") == ["猫", "and", "犬"]


def test_vowel_signs_do_not_split_words():
    assert len(terms_of("नमस्ते दुनिया", "hi")) == 2


@pytest.mark.parametrize("text", ["", " \n", "!!! … — ()", "😀👍🏽", "\0", "\ud800"])
def test_text_without_words_has_no_terms(text):
    assert terms_of(text, "en") == []


@given(st.text(), st.sampled_from(["en", "de", "tr", "vi", "zh", "ar", "hi", "", "xx"]))
def test_any_text_has_terms_of_bounded_length_that_can_be_keyed(text, language):
    for term in terms_of(text, language):
        assert 0 < len(term) <= 2 * LONGEST_TERM
        assert 0 < term_key(1, term) < TERM_SPACE


@pytest.mark.parametrize("text", ["a" * 500_000, "a-" * 250_000, "a'" * 250_000, "1,000" * 100_000, "-" * 500_000])
def test_hostile_text_costs_no_more_than_its_length(text):
    started = time.perf_counter()
    terms_of(text, "en")
    assert time.perf_counter() - started < 5


def test_accounts_share_no_keys():
    words = [f"word{number}" for number in range(1000)]
    assert len({term_key(1, word) for word in words} & {term_key(2, word) for word in words}) <= 1
    assert term_key(1, "word") == term_key(1, "word")


def test_threads_do_not_disturb_each_other():
    words = [f"running{number} houses flies" for number in range(200)]
    expected = [terms_of(word, "en") for word in words]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda word: terms_of(word + " ", "en"), words)) == expected
