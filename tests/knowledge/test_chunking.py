"""Chunks hold all of a document, once, in order, cut where it hurts least."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.ingestion.chunking import ChunkedText, chunk_document
from knowledge.ingestion.parsers.base import Block, ParsedDocument
from knowledge.ingestion.parsers.delimited import table_blocks


def count(text: str) -> int:
    """Words, with the long ones counting for more, as a subword tokenizer has it."""
    return sum(1 + len(word) // 6 for word in text.split())


def document(*blocks: Block, pages: int | None = None) -> ParsedDocument:
    return ParsedDocument("text", "", list(blocks), pages)


def prose(sentences: int, word: str = "word") -> str:
    return " ".join(f"Sentence {n} has the {word} in it." for n in range(sentences))


def check(chunked: ChunkedText, max_tokens: int) -> None:
    at = 0
    for position, chunk in enumerate(chunked.chunks):
        assert chunk.position == position
        assert chunked.text[chunk.start : chunk.end] == chunk.text
        assert chunk.text == chunk.text.strip() != ""
        assert chunked.text[at : chunk.start].strip() == "", "something was lost or told twice"
        assert chunk.start >= at
        at = chunk.end
    assert chunked.text[at:].strip() == ""


blocks = st.lists(
    st.builds(
        Block,
        st.sampled_from(["heading", "paragraph", "list", "table", "code"]),
        st.text(st.sampled_from("aé中ไ .。!\n\t|-,1👩\u200d\u0301"), min_size=1, max_size=300).filter(str.strip),
        st.integers(1, 6),
        st.sampled_from([1, 1, 2, 3]),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(blocks, st.integers(8, 60))
def test_every_character_but_white_space_is_in_exactly_one_chunk(parts, max_tokens):
    parts.sort(key=lambda one: one.page)
    chunked = chunk_document(document(*parts, pages=3), count, max_tokens)
    check(chunked, max_tokens)
    assert chunked.pages is not None
    for chunk in chunked.chunks:
        begin, end = chunked.pages[chunk.page_number - 1]
        assert begin <= chunk.start < chunk.end <= end
        assert chunk.token_count <= max_tokens


def test_nothing_gives_nothing():
    assert chunk_document(document(), count) == ChunkedText("", [], None)


def test_small_neighbors_under_a_heading_share_a_chunk_and_sections_do_not():
    parts = [Block("heading", "One", 1)] + [Block("paragraph", prose(3))] * 3
    parts += [Block("heading", "Two", 1)] + [Block("paragraph", prose(3))] * 3
    chunked = chunk_document(document(*parts), count, max_tokens=100, min_tokens=30)
    check(chunked, 100)
    assert [chunk.heading_path for chunk in chunked.chunks] == [("One",), ("Two",)]
    assert chunked.chunks[0].text.startswith("One\n\nSentence 0")


def test_the_path_names_all_headings_above():
    parts = [Block("heading", "Book", 1), Block("heading", "Chapter", 2), Block("paragraph", prose(12))]
    parts += [Block("heading", "Part", 3), Block("paragraph", prose(12))]
    parts += [Block("heading", "Next", 2), Block("paragraph", prose(12))]
    chunked = chunk_document(document(*parts), count, max_tokens=120)
    assert [chunk.heading_path for chunk in chunked.chunks] == [
        ("Book", "Chapter"),
        ("Book", "Chapter", "Part"),
        ("Book", "Next"),
    ]


def test_tiny_sections_are_put_together_below_what_they_share():
    parts = [Block("heading", "Glossary", 1)]
    for word in ("ant", "bee", "cow"):
        parts += [Block("heading", word, 2), Block("paragraph", f"The {word} is an animal.")]
    chunks = chunk_document(document(*parts), count, max_tokens=200).chunks
    assert len(chunks) == 1
    assert chunks[0].heading_path == ("Glossary",)


def test_long_paragraphs_are_cut_between_sentences_into_even_parts():
    chunked = chunk_document(document(Block("paragraph", prose(40))), count, max_tokens=150)
    check(chunked, 150)
    assert all(chunk.text.endswith(".") and chunk.text.startswith("Sentence") for chunk in chunked.chunks)
    sizes = [chunk.token_count for chunk in chunked.chunks]
    assert max(sizes) <= 150
    assert min(sizes) > 0.5 * max(sizes)


def test_a_sentence_that_is_too_long_is_cut_between_words():
    text = "lorem ipsum dolor " * 2000
    chunked = chunk_document(document(Block("paragraph", text)), count, max_tokens=50)
    check(chunked, 50)
    words = {word for chunk in chunked.chunks for word in chunk.text.split()}
    assert words == {"lorem", "ipsum", "dolor"}


@pytest.mark.parametrize("character", ["x", "中", "ไ", "👩‍👩‍👧", "e\u0301"])
def test_text_without_spaces_is_cut_between_characters(character):
    chunked = chunk_document(document(Block("paragraph", character * 5000)), count, max_tokens=50)
    check(chunked, 50)
    assert len(chunked.chunks) > 10
    assert all(set(re.findall(re.escape(character), chunk.text)) == {character} for chunk in chunked.chunks)
    assert all(chunk.text.replace(character, "") == "" for chunk in chunked.chunks)


def test_chinese_is_cut_after_its_full_stops():
    chunked = chunk_document(document(Block("paragraph", "我们在北京大学学习中文。" * 200)), len, max_tokens=100)
    assert all(chunk.text.endswith("。") for chunk in chunked.chunks)


def test_chunks_never_cross_a_page():
    parts = [Block("paragraph", prose(2), page=page) for page in (1, 1, 2, 4)]
    chunked = chunk_document(document(*parts, pages=5), count, max_tokens=200)
    assert [chunk.page_number for chunk in chunked.chunks] == [1, 2, 4]
    assert chunked.pages is not None
    assert len(chunked.pages) == 5
    assert [chunked.text[start:end].count("Sentence 0") for start, end in chunked.pages] == [2, 1, 0, 1, 0]


def test_tables_are_cut_between_rows_with_their_header_as_context():
    rows = ["Name\tCity"] + [f"Person {n}\tTown {n}" for n in range(100)]
    chunked = chunk_document(document(Block("table", "\n".join(rows), header=rows[0])), count, max_tokens=60)
    check(chunked, 60)
    first, *others = chunked.chunks
    assert (first.kind, first.context) == ("table", "")
    assert first.text.startswith("Name\tCity\nPerson 0\t")
    assert {chunk.context for chunk in others} == {"Name\tCity"}
    assert [line for chunk in chunked.chunks for line in chunk.text.split("\n")] == rows
    assert all(chunk.token_count + count(chunk.context) <= 60 for chunk in others)


def test_a_huge_header_is_not_repeated():
    header = "\t".join(f"column {n}" for n in range(500))
    chunked = chunk_document(document(Block("table", f"{header}\n1\t2\n3\t4", header=header)), count, max_tokens=60)
    check(chunked, 60)
    assert {chunk.context for chunk in chunked.chunks} == {""}


def test_code_is_cut_between_lines():
    code = "\n".join(f"    call_number({n}, 'with. a full. stop.')" for n in range(60))
    chunked = chunk_document(document(Block("code", code)), count, max_tokens=50)
    check(chunked, 50)
    assert {chunk.kind for chunk in chunked.chunks} == {"code"}
    assert all(chunk.text.startswith("call_number(") and chunk.text.endswith(")") for chunk in chunked.chunks)


def test_a_counter_that_knows_no_long_words_does_not_make_giant_chunks():
    chunked = chunk_document(
        document(Block("paragraph", "A" * 100_000)), lambda text: len(text.split()), max_tokens=100
    )
    assert max(len(chunk.text) for chunk in chunked.chunks) <= 800


@pytest.mark.parametrize(
    "part",
    [
        Block("paragraph", "the quick brown fox " * 250_000),
        Block("paragraph", "x" * 2_000_000),
        Block("paragraph", "A sentence. " * 300_000),
        *table_blocks([["id", "name", "notes"]] + [[str(n), f"row {n}", f"note {n}"] for n in range(30_000)]),
    ],
    ids=["one line", "one word", "sentences", "rows"],
)
def test_giants_take_seconds(part):
    started = time.perf_counter()
    chunked = chunk_document(document(part), lambda text: len(text) // 4 + 1, max_tokens=320)
    assert time.perf_counter() - started < 20  # a second or three where nobody else is at work
    assert len(chunked.chunks) > 500
    check(chunked, 320)
