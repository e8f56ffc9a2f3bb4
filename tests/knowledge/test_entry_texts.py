"""What an entry's text is read as, and what of its fields is searched."""

from __future__ import annotations

import time

import pytest

from knowledge.ingestion.chunking import chunk_document
from knowledge.ingestion.texts import READ_HERE, kind_of, read_text, searchable_lines

HTML = [
    "<p>Refunds are available for <b>30 days</b>.</p>",
    "<!DOCTYPE html><html><body>Hi</body></html>",
    "<!-- wp:paragraph -->\n<p>Hello</p>\n<!-- /wp:paragraph -->",
    "<h1>Title</h1><ul><li>One</li><li>Two</li></ul>",
    "Hello there,<br>we ship <strong>worldwide</strong>.<br/>Yours",
    "<div class='x'>\n# not a heading\n<p>a</p><p>b</p><p>c</p><p>d</p></div>",
    "\n  <P>Upper case</P>",
    '<table><tr><td>a</td><td>b</td></tr></table>',
]  # fmt: skip
MARKDOWN = [
    "# Refunds\n\nRefunds are available for 30 days.\n\n## Shipping\n\nWorldwide.",
    "Refunds\n=======\n\nWithin 30 days.",
    "| SKU | Price |\n|-----|------:|\n| A-1 | 10 |\n| A-2 | 20 |",
    "Call it so:\n\n```python\nprint('<p>hi</p>')\n```\n",
    "See [the guide](https://example.com/guide) and [the FAQ](/faq).",
    "**Note:** this is **important**.",
    '<p align="center"><img src="logo.png"></p>\n\n# Project\n\nIt does things.\n\n## Install\n\n```\nmake\n```',
]
PLAIN = [
    "Refunds are available for 30 days...",
    "We ship worldwide - within 5 business days.",
    "if a < b and b > c: return",
    "1 < 2, and <unknown> tags, and 3 > 2",
    "- one\n- two\n- three",
    "# a comment\nport = 80\n# another\n# and another\nhost = x\n# end",
    "#hashtag and #another",
    "C# and F# are languages",
    "Price: 5 * 3 * 2 = 30",
    "Dear all,\n\n    indented\n\nBest",
    "a|b|c\n1|2|3",
    "x" * 1000,
    "SELECT * FROM a WHERE b < 3;",
    "Use `<p>` for paragraphs and `</p>` to close them.",
    "Write to <jane@example.com> or see <https://example.com>.",
]


@pytest.mark.parametrize("text", HTML)
def test_html_is_told_by_its_tags(text):
    assert kind_of(text) == "html"


@pytest.mark.parametrize("text", MARKDOWN)
def test_markdown_is_told_by_its_structures(text):
    assert kind_of(text) == "markdown"


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_neither_is_plain(text):
    assert kind_of(text) == "text"


def words(text: str) -> str:
    return " ".join(block.text for block in read_text(text).blocks)


@pytest.mark.parametrize("size", [1, READ_HERE // 40 + 100])
def test_markup_is_left_out_and_structure_kept(size):
    body = "".join(f"<h2>Part {n}</h2><p>Refunds &amp; returns, <em>{n}</em> days.</p>" for n in range(size))
    document = read_text(f"<h1>Policy</h1><script>evil()</script>{body}<table><tr><th>SKU</th><th>Price</th></tr>"
                         "<tr><td>A-1</td><td>10</td></tr></table>")  # fmt: skip
    kinds = [block.kind for block in document.blocks]
    assert kinds[:3] == ["heading", "heading", "paragraph"]
    assert kinds[-1] == "table"
    assert document.blocks[2].text == "Refunds & returns, 0 days."
    assert document.blocks[-1].header == "SKU\tPrice"
    assert len(document.blocks) == 2 * size + 2
    assert not any("evil" in block.text or "<" in block.text for block in document.blocks)


@pytest.mark.parametrize("size", [2, READ_HERE // 30 + 100])
def test_markdown_becomes_headings_tables_and_code(size):
    body = "\n\n".join(f"## Part {n}\n\nThe part of number {n}." for n in range(size))
    document = read_text(f"# Manual\n\n{body}\n\n```\nmake run\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    kinds = [block.kind for block in document.blocks]
    assert kinds[:3] == ["heading", "heading", "paragraph"]
    assert kinds[-2:] == ["code", "table"]
    chunks = chunk_document(document, lambda text: len(text.split()), max_tokens=60).chunks
    assert all(chunk.heading_path[0] == "Manual" for chunk in chunks)


@pytest.mark.parametrize("text", [*HTML, *MARKDOWN, *PLAIN])
def test_no_word_is_lost(text):
    found = words(text)
    for word in ("Refunds", "worldwide", "return", "comment", "hashtag", "indented", "guide", "important", "Worldwide"):
        if word in text:
            assert word in found


def test_offsets_are_those_of_the_text_that_is_kept():
    document = read_text("<h1>Hours</h1><p>Open &amp; ready at nine.</p><ul><li>Hamburg<li>Bremen</ul>")
    content = chunk_document(document, lambda text: len(text.split()), max_tokens=40)
    assert all(content.text[chunk.start : chunk.end] == chunk.text for chunk in content.chunks)


@pytest.mark.parametrize(
    "text",
    [
        ">" * 49_000 + "# a\n\n# b", "- " * 24_000 + "\n\n# a\n\n# b", "# a\n\n" + "[" * 49_000, "<p>" * 16_000,
        "<div>" * 9_000, "# a\n\n" + "`" * 49_000, "# a\n\n" + "|a" * 12_000 + "\n" + "|-" * 12_000,
        "<p>" + "<" * 49_000, "<!--" * 12_000, "a\n" * 20_000 + "===", "**a" * 16_000, "[a](" * 12_000,
        "# a\n\n" + "* " * 24_000,
        "<p>a</p>" + "&" * 40_000, "```" * 16_000, "~~~\n" * 12_000, "# a\n\n" + "1. " * 16_000,
    ],
)  # fmt: skip
def test_hostile_markup_is_read_in_time(text):
    assert len(text) <= READ_HERE
    started = time.process_time()
    read_text(text)
    assert time.process_time() - started < 2


def test_searchable_meta_is_lines_of_names_and_values():
    meta = {
        "sku": "KX-77",
        "price": 10.5,
        "in_stock": True,
        "nothing": None,
        "empty": [],
        "tags": ["billing", "refunds", 3],
        "size": {"width": {"cm": 40}, "height": "60\ncm"},
        "variants": [{"color": "red"}, {"color": "blue"}],
    }
    assert searchable_lines(meta).splitlines() == [
        "sku: KX-77",
        "price: 10.5",
        "in_stock: true",
        "tags: billing, refunds, 3",
        "size.width.cm: 40",
        "size.height: 60 cm",
        "variants.color: red",
        "variants.color: blue",
    ]
    assert searchable_lines({}) == ""
