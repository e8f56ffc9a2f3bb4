"""Reading a document: what is shown, where it opens, and what is marked."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from django.db import connection
from django.templatetags.static import static
from django.test.utils import CaptureQueriesContext
from selectolax.lexbor import LexborHTMLParser

from knowledge.models import Document
from knowledge.reading import WINDOW
from tests.pages.conftest import made_ready

pytestmark = pytest.mark.django_db


def read(browser, document, query=""):
    answer = browser.get(f"/documents/{document.id}{query}")
    assert answer.status_code == 200
    return LexborHTMLParser(answer.content.decode())


def marked(page):
    return [node.text() for node in page.css("mark")]


@pytest.fixture
def paged(text_file):
    """Two chunks on each of sixty pages; the first begins with its heading."""
    return made_ready(
        text_file,
        *(
            (
                f"Chapter {page}\n\nThis is part {half} of page {page}.",
                {"page_number": page, "heading_path": [f"Chapter {page}"]},
            )
            for page in range(1, 61)
            for half in (1, 2)
        ),
    )


def test_the_cited_words_are_marked_once_and_exactly(alices, paged):
    text = read_text(paged)
    start = text.index("part 2 of page 30")
    page = read(alices, paged, f"?page=30&start={start}&end={start + len('part 2 of page 30')}")
    assert marked(page) == ["part 2 of page 30"]
    assert [node.attributes["id"] for node in page.css("mark[id]")] == ["cited"]
    assert page.css_first("section#page-30 mark") is not None


def test_a_citation_over_several_paragraphs_is_marked_in_each(alices, paged):
    text = read_text(paged)
    start, end = text.index("part 1 of page 7"), text.index("of page 7", text.index("part 2 of page 7"))
    page = read(alices, paged, f"?start={start}&end={end}")
    assert marked(page) == ["part 1 of page 7.", "Chapter 7", "This is part 2 "]
    assert len(page.css("mark[id]")) == 1


def read_text(document):
    document.entry.refresh_from_db()
    return document.entry.text


def test_it_opens_at_a_page(alices, paged):
    page = read(alices, paged, "?page=42")
    assert page.css_first("section.sheet").attributes["id"] == "page-42"
    assert page.css_first("h2").text() == "Chapter 42"
    assert not marked(page)


def test_walking_through_the_windows_shows_every_word_once(alices, paged):
    seen, query, steps = "", "", 0
    while query is not None:
        page = read(alices, paged, query)
        seen += " ".join(node.text() for node in page.css(".passage")) + " "
        following = page.css_first("a[rel=next]")
        query = following.attributes["href"] if following else None
        steps += 1
    assert steps == 120 // WINDOW
    assert seen.split() == read_text(paged).split()


def test_the_work_for_a_long_document_is_that_for_a_short_one(alices, paged, django_assert_max_num_queries):
    read(alices, paged, "?page=1")  # a session's first page writes down where it is used
    with CaptureQueriesContext(connection) as queries:
        page = read(alices, paged, "?page=42")
    # Session, its use, user, theme, memberships, document, length, window, neighbors.
    assert len(queries) <= 9
    assert len(page.css(".passage")) == 2 * WINDOW
    whole = [
        q["sql"]
        for q in queries
        if re.search(r'"knowledge_entry"\."(raw_)?text"(?!,? ?\d)', q["sql"]) and "SUBSTR" not in q["sql"].upper()
    ]
    assert not whole


def test_tables_are_tables_and_code_is_code(alices, text_file):
    document = made_ready(
        text_file,
        ("Model\tPrice\nFjord\t2,399\nTarn\t3,299", {"kind": "table"}),
        ("if x:\n\n    y()", {"kind": "code"}),
    )
    page = read(alices, document, "?start=12&end=23")
    assert [cell.text() for cell in page.css("th")] == ["Model", "Price"]
    assert [cell.text() for cell in page.css("td")] == ["Fjord", "2,399", "Tarn", "3,299"]
    assert marked(page) == ["Fjord", "2,399"]
    assert page.css_first("pre").text() == "if x:\n\n    y()"


def test_markup_in_a_document_is_shown_and_not_obeyed(alices, text_file):
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    document = made_ready(text_file, (hostile, {}), (f"a\t{hostile}\nb\tc", {"kind": "table"}))
    Document.objects.filter(id=document.id).update(filename=f"{hostile}.txt")
    page = read(alices, document, "?start=0&end=20")
    own = [static("js/areas.js"), static("js/reader.js")]
    assert [node.attributes.get("src") for node in page.css("script")] == own
    assert not page.css("img")
    assert hostile in page.body.text()


@pytest.mark.parametrize(
    "query",
    [
        "?page=0",
        "?page=9999",
        "?page=-1",
        "?page=x",
        "?page=٣",
        "?start=5",
        "?start=9&end=3",
        "?start=999999999&end=999999999",
        "?at=99999",
        "?page=1e9",
        "?start=" + "9" * 40,
        "?page=%00",
        "?at=",
    ],
)
def test_any_place_opens_something(alices, paged, query):
    read(alices, paged, query)


def test_what_is_not_ready_says_so(alices, text_file):
    assert "still being read" in read(alices, text_file).body.text()
    Document.objects.filter(id=text_file.id).update(status="failed", error_message="The file is damaged.")
    assert "The file is damaged." in read(alices, text_file).body.text()


def test_members_read_it_and_strangers_do_not_learn_that_it_exists(alices, bob, bobs, charlies, paged, account):
    unknown = "01900000-0000-7000-8000-000000000000"
    there = f"/documents/{paged.id}"
    assert bobs.get(f"{there}?account={account.id}").status_code == 200
    for browser, address in [
        (bobs, f"{there}?account={bob.personal_account.id}"),
        (bobs, there),
        (charlies, there),
        (charlies, f"{there}?account={account.id}"),
        (alices, f"{there}?account=999999"),
        (alices, f"{there}?account=x"),
        (charlies, f"{there}/file"),
    ]:
        answer = browser.get(address)
        missing = browser.get(address.replace(str(paged.id), unknown))
        assert answer.status_code == missing.status_code == 404
        assert without_request_id(answer) == without_request_id(missing)


def without_request_id(answer):
    return re.sub(rb"<code>\w+</code>", b"", answer.content)


def test_links_keep_the_account(bobs, paged, account):
    page = read(bobs, paged, f"?account={account.id}&page=30")
    for node in page.css(".pager a, .reader-links a, .reader-head a[title]"):
        assert f"account={account.id}" in node.attributes["href"]


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/documents/01900000-0000-7000-8000-000000000000",
        "/c/01900000-0000-7000-8000-000000000000",
        "/documents/01900000-0000-7000-8000-000000000000/file",
    ],
)
def test_whoever_is_signed_out_signs_in_first(client, address):
    answer = client.get(address)
    assert (answer.status_code, answer["Location"]) == (302, f"/sign-in?next={quote(address)}")


def test_chunks_are_shown_with_what_search_knows_of_them(alices, paged):
    page = read(alices, paged, "?view=chunks&page=30")
    first = page.css_first(".chunk")
    text = " ".join(first.text().split())
    assert "Chunk 59 page 30 9 tokens" in text
    assert "Chapter 30" in first.css_first(".chunk-path").text()
    assert first.css_first(".chunk-text").text() == "Chapter 30\n\nThis is part 1 of page 30."
    assert len(page.css(".chunk")) == WINDOW
    there = read(alices, paged, first.css_first(".chunk-head a").attributes["href"].partition("#")[0])
    assert " ".join(marked(there)) == "Chapter 30 This is part 1 of page 30."


def test_from_what_is_cited_to_its_chunk_and_on_through_all_of_them(alices, paged):
    start = read_text(paged).index("part 2 of page 30")
    page = read(alices, paged, f"?view=chunks&start={start}&end={start + 6}")
    assert [chunk.attributes["id"] for chunk in page.css(".chunk.is-here")] == ["chunk-59"]
    seen, query = [], "?view=chunks"
    while query:
        page = read(alices, paged, query)
        seen += [chunk.attributes["id"] for chunk in page.css(".chunk")]
        following = page.css_first("a[rel=next]")
        query = following.attributes["href"] if following else ""
    assert seen == [f"chunk-{number}" for number in range(120)]


def test_a_document_that_failed_says_what_to_do(alices, text_file):
    Document.objects.filter(id=text_file.id).update(status="failed", error_code="timeout")
    page = read(alices, text_file)
    assert "took too long" in page.css_first(".state.bad").text()
    assert page.css_first(".state.bad form").attributes["action"].startswith(f"/documents/{text_file.id}/retry")
    Document.objects.filter(id=text_file.id).update(error_code="encrypted")
    page = read(alices, text_file)
    assert "password" in page.css_first(".state.bad").text()
    assert page.css_first(".state.bad form") is None
