"""Plain text of any encoding."""

from __future__ import annotations

import re
from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Block, ParsedDocument
from knowledge.ingestion.parsers.cleaning import clean
from knowledge.ingestion.parsers.encoding import decode

_ITEM = re.compile(r"[ \t]{0,12}(?:[-*+•●○▪■◦‣–·]|\d{1,3}[.)])[ \t]+\S")


class TextParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        return plain_text_document(decode(path.read_bytes()))


def plain_text_document(text: str) -> ParsedDocument:
    return ParsedDocument("text", "", text_blocks(text))


def text_blocks(text: str, page: int | None = None) -> list[Block]:
    """Paragraphs as blank lines part them; runs of marked lines as items of a list."""
    blocks: list[Block] = []
    for part in re.split(r"\n[ \t]*\n\s*", clean(text)):
        paragraph = part.strip("\n").rstrip()
        if not paragraph.strip():
            continue
        lines = paragraph.split("\n")
        if len(lines) > 1 and sum(bool(_ITEM.match(line)) for line in lines) * 2 > len(lines):
            blocks.extend(Block("list", item, page=page) for item in _items(lines))
        else:
            blocks.append(Block("paragraph", paragraph, page=page))
    return blocks


def _items(lines: list[str]) -> list[str]:
    """Each marked line with the unmarked ones that follow it."""
    items: list[str] = []
    for line in lines:
        if items and not _ITEM.match(line):
            items[-1] += "\n" + line
        else:
            items.append(line)
    return items
