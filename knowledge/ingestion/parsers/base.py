"""What a parser takes and gives, and how it says that it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from knowledge.ingestion.limits import ParseLimits

BlockKind = Literal["heading", "paragraph", "list", "table", "code"]


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a document that belongs together, in reading order.

    A list block is one item, marker included. A table block holds a row a line; `header` is its first line when
    that names the columns, and is repeated as context where the table is cut.
    """

    kind: BlockKind
    text: str
    level: int = 0  # of a heading, 1 to 6
    page: int | None = None  # PDF page or slide, from 1
    header: str = ""


@dataclass(slots=True)
class ParsedDocument:
    """`title` is the document's own, or its first heading, or empty."""

    kind: str
    title: str
    blocks: list[Block]
    page_count: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class Unreadable(Exception):
    """A file cannot be read; `code` is one of `knowledge.ingestion.errors.REASONS`.

    Parsers run in a process that does not know the rest of the product, hence an exception of their own.
    """

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Parser(Protocol):
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        """Raises Unreadable; anything else it raises means that the file is damaged."""
