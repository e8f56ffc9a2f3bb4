"""Taking from a model's words what would make a page that shows them fetch something, or a citation lead elsewhere.

A document can talk a model into writing `![](https://…?what-it-read)`, which a page fetches without anybody's click.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BREAK = "\u200b"  # shows as nothing, and ends the syntax

LOADING = (
    "img|image|picture|source|video|audio|track|iframe|frame|frameset|embed|object|applet|link|script|style|base|meta|"
    "svg|math|input|body|table|td|th|tr|form"
)
# Openings of Markdown's images, of HTML's tags that load, CSS's `url(`, a citation made a link or a link's definition.
UNWANTED = re.compile(rf"!(?=\[)|<(?=(?:{LOADING})\b)|url(?=\s{{0,3}}\()|(?<=\])(?=[(:])", re.IGNORECASE)
CITATION = re.compile(r"\[\d{1,3}\]\Z")
# What may become one of them with the next piece.
UNDECIDED = re.compile(r"(?:!|<[a-z]{0,8}|u(?:r(?:l\s{0,3})?)?|!?\[(?:\d{1,3}\]?)?)\Z", re.IGNORECASE)


@dataclass
class Harmless:
    """Feeds on pieces of text and gives them back, harmless. One an answer."""

    _held: str = ""

    def feed(self, piece: str) -> str:
        text = self._held + piece
        cut = UNDECIDED.search(text)
        keep = cut.start() if cut else len(text)
        self._held = text[keep:]
        return harmless(text[:keep])

    def close(self) -> str:
        text, self._held = self._held, ""
        return harmless(text)


def harmless(text: str) -> str:
    return UNWANTED.sub(lambda found: _broken(text, found), text)


def _broken(text: str, found: re.Match[str]) -> str:
    if found[0]:
        return found[0] + BREAK
    return BREAK if CITATION.search(text, 0, found.start()) else ""
