"""What a reader sees of a document: a window of its text, sheet by sheet, with the cited words marked.

A window is a bounded number of chunks, however long the document is: two short queries for where it lies, and one
for the part of the text that it shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, pairwise
from typing import Any, NamedTuple

from django.db.models.functions import Substr

from knowledge.models import Chunk, Document, Entry

WINDOW = 24  # chunks, about ten printed pages
LEAD = 4  # chunks of a window that stand before the cited one
LONGEST_HEADING = 80
BLANK_LINE = re.compile(r"\n(?:[^\S\n]*\n)+")
LINE = re.compile(r"[^\n]+")
CELL = re.compile(r"(?<![^\t\n])[^\t\n]*")
NUMBER = re.compile(r"[\s\d.,%€$£¥+()/-]*")


@dataclass(frozen=True, slots=True)
class Place:
    """What to open a document at: the cited offsets, else a page, else the chunk at a position."""

    page: int | None = None
    start: int | None = None
    end: int | None = None
    at: int | None = None

    @property
    def cited(self) -> tuple[int, int]:
        start, end = self.start or 0, self.end or 0
        return (start, end) if start < end else (0, 0)


class Span(NamedTuple):
    """Text, cited or not; `is_first` where the first cited word is."""

    text: str
    is_cited: bool
    is_first: bool


@dataclass(slots=True)
class Part:
    """A paragraph, heading, code or table. A table has rows of cells instead of spans."""

    kind: str
    spans: list[Span] = field(default_factory=list)
    rows: list[list[list[Span]]] = field(default_factory=list)
    has_header: bool = False

    @property
    def is_cited(self) -> bool:
        return any(span.is_cited for spans in (self.spans, *chain.from_iterable(self.rows)) for span in spans)


@dataclass(slots=True)
class Sheet:
    """What stands on one page or slide; of documents without pages, all of the window."""

    page: int | None
    parts: list[Part]


@dataclass(slots=True)
class Window:
    """Chunks `first` to `last` of `total`, positions from 0; empty for a document without text."""

    sheets: list[Sheet]
    first: int = 0
    last: int = -1
    total: int = 0

    @property
    def previous(self) -> int | None:
        return max(0, self.first - WINDOW) if self.first else None

    @property
    def next(self) -> int | None:
        return self.last + 1 if self.last + 1 < self.total else None

    @property
    def page(self) -> int | None:
        return self.sheets[0].page if self.sheets else None

    @property
    def cited_page(self) -> int | None:
        """Where the first cited word stands; without one, the first page that is shown."""
        cited = (sheet.page for sheet in self.sheets if any(part.is_cited for part in sheet.parts))
        return next(cited, self.page)


@dataclass(slots=True)
class Pieces:
    """Chunks as search finds them, a window of them; `here` is the position of the one that was asked for."""

    chunks: list[Chunk]
    total: int = 0
    here: int | None = None

    @property
    def first(self) -> int:
        return self.chunks[0].position if self.chunks else 0

    @property
    def previous(self) -> int | None:
        return max(0, self.first - WINDOW) if self.first else None

    @property
    def next(self) -> int | None:
        following = self.chunks[-1].position + 1 if self.chunks else self.total
        return following if following < self.total else None

    @property
    def page(self) -> int | None:
        return self.chunks[0].page_number if self.chunks else None

    cited_page = page


def open_pieces(document: Document, place: Place) -> Pieces:
    """As `open_window`, but chunk by chunk."""
    chunks = Chunk.objects.for_account(document.account).filter(entry_id=document.entry_id).order_by("position")
    first = max(0, _first_position(chunks, place))
    shown = list(chunks.filter(position__gte=first)[:WINDOW])
    cited = (chunk.position for chunk in shown if place.start is not None and chunk.start <= place.start < chunk.end)
    return Pieces(shown, document.chunk_count, next(cited, None))


def open_window(document: Document, place: Place) -> Window:
    chunks = Chunk.objects.for_account(document.account).filter(entry_id=document.entry_id).order_by("position")
    first = max(0, _first_position(chunks, place))
    shown = list(chunks.filter(position__gte=first).defer("text")[:WINDOW])
    if not shown:
        return Window([], total=document.chunk_count)
    low, high = shown[0].start, max(chunk.end for chunk in shown)
    cutter = Cutter(_text_between(document, low, high), low, place.cited)
    runs = list(_runs(shown, high))
    sheets = [
        Sheet(page, [part for run in of_page for part in cutter.parts(run)])
        for page, of_page in groupby(runs, key=lambda run: run.page)
    ]
    return Window(sheets, first, shown[-1].position, document.chunk_count)


def _first_position(chunks: Any, place: Place) -> int:
    """Where the window begins: a little before what is cited, or where the page begins."""
    positions = chunks.values_list("position", flat=True)
    if place.start is not None:
        return (positions.filter(start__lte=place.start).order_by("-start").first() or 0) - LEAD
    if place.page is not None:
        return positions.filter(page_number__gte=place.page).first() or 0
    return place.at or 0


def _text_between(document: Document, low: int, high: int) -> str:
    entries = Entry.objects.for_account(document.account).filter(id=document.entry_id)
    return entries.values_list(Substr("text", low + 1, high - low), flat=True).get()


class Run(NamedTuple):
    """Neighboring chunks of one kind on one page, as the offsets of their text and of what lies behind it."""

    page: int | None
    kind: str
    start: int
    end: int
    headings: frozenset[str]


def _runs(chunks: Sequence[Chunk], high: int) -> Iterator[Run]:
    """Runs that follow each other without gap or overlap, whatever chunks do, so that no word is lost or doubled."""
    groups = [list(group) for _, group in groupby(chunks, key=lambda chunk: (chunk.page_number, chunk.kind))]
    ends = [*(group[0].start for group in groups[1:]), high]
    for group, end in zip(groups, ends, strict=True):
        headings = frozenset(heading.strip() for chunk in group for heading in chunk.heading_path)
        yield Run(group[0].page_number, group[0].kind, group[0].start, end, headings)


class Cutter:
    """Cuts `text`, which begins at offset `low` of the whole, into parts and these into spans."""

    def __init__(self, text: str, low: int, cited: tuple[int, int]) -> None:
        self.text, self.low = text, low
        self.cited = cited
        self.has_marked = False

    def parts(self, run: Run) -> Iterator[Part]:
        """The run's text, cut at empty lines; code stays whole."""
        blank = [] if run.kind == Chunk.Kind.CODE else self._matches(BLANK_LINE, run.start, run.end)
        starts = [run.start, *(end for _, end in blank)]
        ends = [*(start for start, _ in blank), run.end]
        found = [(start, end, self._between(start, end).strip()) for start, end in zip(starts, ends, strict=True)]
        found = [part for part in found if part[2]]
        for (start, end, words), (*_, following) in zip(found, [*found[1:], (0, 0, "")], strict=True):
            is_heading = words in run.headings or reads_like_heading(words, following)
            yield self._part(run, start, end, words, "heading" if is_heading else "paragraph")

    def _part(self, run: Run, start: int, end: int, words: str, kind: str) -> Part:
        if run.kind == Chunk.Kind.CODE:
            return Part("code", self._spans(start, end))
        if all("\t" in line for line in words.splitlines()):
            return self._table(start, end)
        return Part(kind, self._spans(start, end))

    def _table(self, start: int, end: int) -> Part:
        """Rows are lines, their cells part by tabs. A first row of nothing but words is taken for a header."""
        rows = [[self._spans(*cell) for cell in self._matches(CELL, *line)] for line in self._matches(LINE, start, end)]
        names = ["".join(span.text for span in cell).strip() for cell in rows[0]]
        is_header = len(rows) > 1 and len(names) > 1 and not any(NUMBER.fullmatch(name) for name in names)
        return Part("table", rows=rows, has_header=is_header)

    def _spans(self, start: int, end: int) -> list[Span]:
        """In up to three: before, within and after what is cited."""
        cuts = [start, *(cut for cut in self.cited if start < cut < end), end]
        return [self._span(left, right) for left, right in pairwise(cuts)]

    def _span(self, left: int, right: int) -> Span:
        text = self._between(left, right)
        is_cited = self.cited[0] <= left and right <= self.cited[1] and bool(text.strip())
        is_first = is_cited and not self.has_marked
        self.has_marked = self.has_marked or is_cited
        return Span(text, is_cited, is_first)

    def _between(self, start: int, end: int) -> str:
        return self.text[start - self.low : end - self.low]

    def _matches(self, pattern: re.Pattern[str], start: int, end: int) -> list[tuple[int, int]]:
        """Where `pattern` is found between two offsets, as offsets into the whole."""
        found = pattern.finditer(self.text, start - self.low, end - self.low)
        return [(match.start() + self.low, match.end() + self.low) for match in found]


def reads_like_heading(words: str, following: str) -> bool:
    """Whether a short line stands over a paragraph. Chunks name the heading they begin under, not those within."""
    is_line = len(words) <= LONGEST_HEADING < len(following) and words[-1].isalnum() and "\n" not in words
    return is_line and "\t" not in words + following and (words[0].isupper() or words[0].isdigit())
