"""What of a passage can be quoted as an answer, and how it reads outside its page.

A heading answers nothing by itself, but it says what the sentence below it is about; so the two are judged together
and only the sentence is quoted. A table's header answers nothing either; it names the cells of a row that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chat.citations import MARKER
from knowledge.ingestion.sentences import split_sentences
from knowledge.search import SearchHit

LONGEST_HEADING = 90
UNHEADED = tuple(".!:;,。！；：،…")
LINE = re.compile(r"[^\n]*\S[^\n]*")


@dataclass(frozen=True, slots=True)
class Quote:
    """Offsets in a hit's text: judged from `start`, quoted from `said` on; `header` names the cells of a row."""

    start: int
    said: int
    end: int
    header: str = ""
    is_row: bool = False

    def words(self, text: str) -> str:
        """How it reads in an answer. Numbers in brackets are left out: here they would seem to be citations."""
        said = text[self.said : self.end]
        return " ".join(MARKER.sub("", as_sentence(said, self.header) if "\t" in said else said).split())


def quotes_of(hit: SearchHit) -> list[Quote]:
    if hit.kind == "code":
        return [Quote(match.start(), match.start(), match.end()) for match in LINE.finditer(hit.text)]
    return list(_quotes(hit.text, hit.context, rows_only=hit.kind == "table"))


def _quotes(text: str, context: str, *, rows_only: bool) -> Iterator[Quote]:
    header, heading, paragraph = context, -1, -1
    lines = [match.span() for match in LINE.finditer(text)]
    for index, (start, end) in enumerate(lines):
        follows = lines[index + 1][0] if index + 1 < len(lines) else len(text)
        if _is_heading(text, start, end, follows):
            heading = start if heading < 0 else heading
        elif "\t" in text[start:end] or rows_only:
            below = text[slice(*lines[index + 1])] if index + 1 < len(lines) else ""
            if "\t" in text[start:end] and _opens_table(text, lines, index) and not context and _is_row(below):
                header = text[start:end]
                continue
            yield Quote(start, start, end, header, is_row=True)
        else:
            paragraph = start if paragraph < 0 else paragraph
            if _ends_paragraph(text, end, follows):
                yield from _sentences(text, heading, paragraph, end)
                heading = paragraph = -1


def _sentences(text: str, heading: int, start: int, end: int) -> Iterator[Quote]:
    for number, (first, last) in enumerate(split_sentences(text[start:end])):
        judged = heading if number == 0 and heading >= 0 else start + first
        yield Quote(judged, start + first, start + last)


def _opens_table(text: str, lines: list[tuple[int, int]], index: int) -> bool:
    return index == 0 or not _is_row(text[slice(*lines[index - 1])])


def _is_row(line: str) -> bool:
    """Of a table as chunks write it: cells parted by tabs, or each cell with its column's name."""
    return "\t" in line or ("; " in line and ": " in line.partition("; ")[0])


def _is_heading(text: str, start: int, end: int, follows: int) -> bool:
    line = text[start:end].strip()
    stands_alone = text.count("\n", end, follows) > 1 and follows < len(text)
    return stands_alone and len(line) <= LONGEST_HEADING and not line.endswith(UNHEADED)


def _ends_paragraph(text: str, end: int, follows: int) -> bool:
    tab = text.find("\t", follows, text.find("\n", follows) if "\n" in text[follows:] else len(text))
    return follows >= len(text) or text.count("\n", end, follows) > 1 or tab >= 0


def as_sentence(row: str, header: str) -> str:
    """`Hotel\\t130 EUR` under `Expense\\tDomestic` → `Hotel: Domestic 130 EUR`."""
    cells, names = [cell.strip() for cell in row.split("\t")], [name.strip() for name in header.split("\t")]
    if len(cells) != len(names) or len(cells) < 2:
        return " · ".join(cell for cell in cells if cell)
    rest = [f"{name} {cell}".strip() for name, cell in zip(names[1:], cells[1:], strict=True) if cell]
    return f"{cells[0]}: {'; '.join(rest)}"
