"""CSV and its relatives, and how rows become text: `Column: value; Column: value` where the columns have names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Block, ParsedDocument, Unreadable
from knowledge.ingestion.parsers.cleaning import clean, one_line, row
from knowledge.ingestion.parsers.encoding import decode
from knowledge.ingestion.parsers.sniffing import sniff_delimiter

_NUMBER = re.compile(r"[-+(]?[$€£¥]?\s*[\d.,' ]*\d[\d.,' ]*\s*[%€)]?")
_LONGEST_NAME = 60  # characters that a column's name has at most
_ROWS_LOOKED_AT = 50


class CsvParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        text = clean(decode(path.read_bytes()))
        if len(text) > limits.text_chars:
            raise Unreadable("too_large")
        csv.field_size_limit(limits.text_chars)
        # Rows may be of any kind of raggedness; the module's strict mode is for machines.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=sniff_delimiter(text[:50_000]))
        return ParsedDocument("csv", "", table_blocks(list(reader)))


def table_blocks(rows: Iterable[Sequence[str]]) -> list[Block]:
    """A sheet of cells as table blocks.

    Where a row names the columns, every row after it says which value is which, so that it can be understood and
    found wherever the table is cut. What stands above that row (a caption) is kept as it is.
    """
    cells = [[one_line(cell) for cell in one] for one in rows]
    cells = [one for one in cells if any(one)]
    at = header_row(cells)
    if at is None:
        return _block([row(one) for one in cells])
    names = cells[at]
    lines = [row(one) for one in cells[: at + 1]]
    lines += [labelled(names, one) for one in cells[at + 1 :]]
    return _block(lines)


def _block(lines: list[str]) -> list[Block]:
    text = "\n".join(line for line in lines if line.strip())
    return [Block("table", text)] if text else []


def labelled(names: Sequence[str], values: Sequence[str]) -> str:
    pairs = []
    for index, value in enumerate(values):
        name = names[index] if index < len(names) else ""
        if value:
            pairs.append(f"{name}: {value}" if name and name != value else value)
    return "; ".join(pairs)


def header_row(cells: Sequence[Sequence[str]]) -> int | None:
    """Which row names the columns: the first one as wide as the table, if it is all short, different words."""
    head = cells[:_ROWS_LOOKED_AT]
    width = max((_filled(one) for one in head), default=0)
    if len(cells) < 2 or width < 2:
        return None
    for at, names in enumerate(head[:10]):
        if _filled(names) < max(2, 0.7 * width):
            continue
        return at if at + 1 < len(cells) and _are_names(names, head[at + 1 :]) else None
    return None


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell) for cell in cells)


def _are_names(names: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    given = [name for name in names if name]
    if len(set(given)) < len(given) or any(len(name) > _LONGEST_NAME or _NUMBER.fullmatch(name) for name in given):
        return False
    # Where no row below has numbers, a header cannot be told by its kind; then it must at least be full.
    return _filled(names) == len(names) or any(_NUMBER.fullmatch(cell) for one in below for cell in one if cell)
