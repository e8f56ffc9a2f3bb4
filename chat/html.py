"""Markdown that a model wrote, as HTML that can be put into anybody's page: it fetches, runs and styles nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import nh3
from markdown_it import MarkdownIt

from chat.events import Event, Failed, StreamEnd, TextDelta
from chat.harmless import BREAK

TAGS = {
    "p", "br", "hr", "ul", "ol", "li", "strong", "em", "s", "code", "pre", "blockquote", "a", "table", "thead",
    "tbody", "tr", "th", "td", "h1", "h2", "h3", "h4", "h5", "h6",
}  # fmt: skip
# An image is read as a link to it: the "!" before it says no more.
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
IMAGE = re.compile(rf"!{BREAK}?(?=\[)")
# The end of a block, known by the beginning of one that does not go on with a list, a quote or a table.
BOUNDARY = re.compile(r"\n[ \t]*\n+(?=\S)(?![-*+>|\d])")
CODE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)


def as_html(markdown: str) -> str:
    return nh3.clean(
        MARKDOWN.render(IMAGE.sub("", markdown)),
        tags=TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )


@dataclass
class HtmlWriter:
    """Feeds on pieces of Markdown and gives back whole blocks as HTML, as soon as each is complete.

    A block does not lean on those before it: who goes on at the end of one gets the same as who never left.
    """

    _held: str = ""

    def feed(self, piece: str) -> TextDelta | None:
        self._held += piece
        ends = [found.end() for found in BOUNDARY.finditer(self._held) if not self._in_code(found.start())]
        return self._take(ends[-1]) if ends else None

    def close(self) -> TextDelta | None:
        return self._take(len(self._held)) if self._held else None

    def _take(self, end: int) -> TextDelta:
        whole, self._held = self._held[:end], self._held[end:]
        return TextDelta(as_html(whole) if whole.strip() else "", of=end)

    def _in_code(self, place: int) -> bool:
        return len(CODE.findall(self._held, 0, place)) % 2 == 1


async def in_html(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The events of an answer with its words as HTML, a block at a time. Closing this closes `events`."""
    writer = HtmlWriter()
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TextDelta):
                if html := writer.feed(event.text):
                    yield html
                continue
            if isinstance(event, StreamEnd | Failed) and (rest := writer.close()):
                yield rest
            yield event
