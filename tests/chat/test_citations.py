"""Numbers in what a model writes become citations, in the order in which they are first used."""

from __future__ import annotations

import uuid
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.citations import CitationWriter, numbers
from chat.events import CitationFound, CitationPayload, TextDelta
from knowledge.search import SearchHit


def hit(text: str = "The warranty is 42 months.", **changes: Any) -> SearchHit:
    fields: dict[str, Any] = {
        "chunk_id": uuid.uuid4(),
        "entry_id": uuid.uuid4(),
        "document_id": uuid.uuid4(),
        "collection_id": uuid.uuid4(),
        "filename": "warranty.pdf",
        "title": "Warranty",
        "page_number": 3,
        "heading_path": (),
        "kind": "text",
        "text": text,
        "context": "",
        "start": 100,
        "end": 100 + len(text),
        "language": "en",
        "score": 0.9,
        "similarity": 0.8,
        "cosine": 0.9,
        "lexical_score": 1.0,
        "vector_rank": 1,
        "lexical_rank": 1,
        "url": "",
    }
    return SearchHit(**(fields | changes))


def written(writer: CitationWriter, *pieces: str) -> tuple[str, list[CitationPayload]]:
    events = [event for piece in pieces for event in writer.feed(piece)] + writer.close()
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    return text, [event.citation for event in events if isinstance(event, CitationFound)]


def test_numbers_are_given_in_the_order_of_use():
    text, citations = written(CitationWriter([hit(), hit(), hit()]), "One [3]. Two [1]. Again [3].")
    assert text == "One [1]. Two [2]. Again [1]."
    assert [citation["index"] for citation in citations] == [1, 2]


@pytest.mark.parametrize("marker", ["[0]", "[4]", "[99]", "【7】"])
def test_a_number_that_stands_for_nothing_is_dropped(marker):
    text, citations = written(CitationWriter([hit(), hit(), hit()]), f"Said {marker}.")
    assert text == "Said."
    assert citations == []


def test_lists_and_ranges_become_single_markers():
    text, citations = written(CitationWriter([hit() for _ in range(4)]), "Said [1, 3-4] and 【2】.")
    assert text == "Said [1][2][3] and [4]."
    assert len(citations) == 4


def test_what_only_looks_like_a_marker_stays():
    text, _ = written(CitationWriter([hit()]), "a[i] = [x], [link](url), [ ] todo, [12 monkeys]")
    assert text == "a[i] = [x], [link](url), [ ] todo, [12 monkeys]"


@given(st.lists(st.integers(min_value=0, max_value=30), max_size=6))
def test_where_a_stream_is_cut_makes_no_difference(cuts):
    whole = "Covered for 42 months [2], worldwide [1, 2]. See [9]."
    hits = [hit(), hit()]
    bounds = [0, *sorted(cuts), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(bounds)]
    assert written(CitationWriter(hits), *pieces)[0] == written(CitationWriter(hits), whole)[0]


def test_a_citation_quotes_exactly_its_span():
    source = hit("First. The warranty is 42 months. Last.")
    _, [citation] = written(CitationWriter([source], {1: (107, 133)}), "It is 42 months [1].")
    assert citation["snippet"] == "The warranty is 42 months."
    assert (citation["start"], citation["end"]) == (107, 133)
    assert citation["source"] == f"/documents/{source.document_id}?page=3&start=107&end=133"
    assert (citation["fileName"], citation["pageNumber"]) == ("warranty.pdf", 3)


def test_huge_ranges_are_not_expanded():
    assert numbers("1-999") == [1, 999]
    assert numbers("2-4; 9") == [2, 3, 4, 9]
