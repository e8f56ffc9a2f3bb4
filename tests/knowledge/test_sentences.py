"""Sentences end where a reader would say so."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.ingestion.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "text",
    [
        "James O. McKinsey founded the firm.|He taught at Chicago.",
        "See e.g. No. 5 and Dr. Smith vs. Jones, i.e. both.|Pi is 3.14 today.",
        'The end...|Or not?|"Yes!" he said.|It was (so to speak.)|Over.',
        "The U.S. Senate met.|They lived in the U.S.|The law was new.",
        "Is it 10 a.m. or 5 p.m.?|No.|He left.",
        "Vitamin C.|The end.",
        "Visit www.example.com.|It costs $5.|10 people came.",
        "Am 3. Oktober war es z.B. kalt.|Danach nicht.",
        "Он родился в 1990 г. в Москве.|Потом уехал.",
        "他来了。|她走了！|本当？|「行く。」と言った。",
        "هل هذا صحيح؟|نعم.|ثم ذهب۔",
        "यह है।|वह था॥",
        "1. First thing|2. Second thing",
    ],
)
def test_sentences_end_where_a_reader_says(text):
    expected = text.split("|")
    assert sentences(" ".join(expected)) == expected or sentences("\n".join(expected)) == expected


def test_wrapped_lines_go_on_and_items_do_not():
    wrapped = "This is a long line that an editor has wrapped at some column of\nits own and goes on here. Next."
    assert len(sentences(wrapped)) == 2
    assert sentences("- one\n- two\n\nName\tCity\nAnn\tOslo") == ["- one", "- two", "Name\tCity", "Ann\tOslo"]


@given(st.text(st.sampled_from('aB1 .!?。\n-"”)…\t中'), max_size=200))
def test_all_but_white_space_is_in_some_sentence(text):
    at = 0
    for start, end in split_sentences(text):
        assert text[at:start].strip() == ""
        assert text[start:end] == text[start:end].strip() != ""
        at = end
    assert text[at:].strip() == ""


@pytest.mark.parametrize("piece", ["a", "a. ", ". ", ".", "\n", " ", "。", '"', '."', "x\n", " \n", "! ", "(“", "1. "])
def test_hostile_text_takes_linear_time(piece):
    started = time.perf_counter()
    split_sentences(piece * (400_000 // len(piece)))
    assert time.perf_counter() - started < 8
