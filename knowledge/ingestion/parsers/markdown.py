"""Markdown to blocks. Inline markup stays: people and models read it, and nobody misses a character."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Block, ParsedDocument
from knowledge.ingestion.parsers.cleaning import clean
from knowledge.ingestion.parsers.encoding import decode
from knowledge.ingestion.parsers.html import html_blocks

_FRONT_MATTER = re.compile(r"\A---\n(.{0,20000}?)\n(?:---|\.\.\.)\n", re.DOTALL)
_RULE = re.compile(r"[\s|:-]+")
_DATA_URI = re.compile(r"\(data:[^)\s]{100,}\)")


class MarkdownParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        return markdown_document(decode(path.read_bytes()))


def markdown_document(text: str) -> ParsedDocument:
    text = _DATA_URI.sub("()", clean(text))
    title = ""
    blocks: list[Block] = []
    if front := _FRONT_MATTER.match(text):
        text = text[front.end() :]
        blocks.append(Block("paragraph", front[1]))
        if named := re.search(r"^title:\s*(.+)$", front[1], re.MULTILINE):
            title = named[1].strip("\"' ")
    return ParsedDocument("markdown", title, blocks + markdown_blocks(text))


def markdown_blocks(text: str) -> list[Block]:
    # Only blocks are parsed: inline rules are where hostile Markdown is slow, and their outcome is not needed.
    parser = MarkdownIt("commonmark").enable("table").disable(["inline", "reference"])
    lines = text.split("\n")
    tokens = parser.parse(text)
    blocks: list[Block] = []
    depth, marker, at = 0, "", 0
    while at < len(tokens):
        token = tokens[at]
        if token.type == "list_item_open":
            depth += 1
            bullet = f"{token.info}{token.markup}" if token.info else "-"
            marker = "  " * min(depth - 1, 8) + bullet + " "
        elif token.type == "list_item_close":
            depth -= 1
            marker = ""
        elif token.type == "table_open" and token.map:
            blocks.append(_table(lines[token.map[0] : token.map[1]]))
            at = _closing(tokens, at)
        elif token.type == "heading_open":
            blocks.append(Block("heading", tokens[at + 1].content, int(token.tag[1])))
            at += 2
        elif token.type == "inline":
            text_of = token.content
            kind = "list" if depth else "paragraph"
            blocks.append(Block(kind, (marker or "  " * min(depth, 8)) + text_of))  # type: ignore[arg-type]
            marker = ""
        elif token.type in ("fence", "code_block"):
            blocks.append(Block("code", token.content.rstrip("\n")))
        elif token.type == "html_block":
            blocks.extend(html_blocks(token.content))
        at += 1
    return blocks


def _closing(tokens: Sequence[Token], at: int) -> int:
    return next(index for index in range(at, len(tokens)) if tokens[index].type == "table_close")


def _table(lines: list[str]) -> Block:
    rows = [line.strip() for line in lines if line.strip() and not _RULE.fullmatch(line)]
    header = rows[0]
    return Block("table", "\n".join(rows), header=header)
