"""Cutting a document into chunks: what is embedded, searched and cited.

The blocks are joined to one text, and every chunk is a stretch of it. Cuts are made at headings before paragraphs,
paragraphs before sentences, sentences before words; small neighbours are put together up to the target.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from knowledge.ingestion.parsers.base import Block, ParsedDocument
from knowledge.ingestion.sentences import split_sentences

CHARS_A_TOKEN = 8  # more characters than this for each token are not put in a chunk, whatever the counter says
PIECE = 1  # a sentence that is too long is cut to pieces of this many characters for each token, then put together


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """`document.text[start:end] == text`. `context` is what a reader needs besides: a table's header row."""

    position: int
    text: str
    start: int
    end: int
    page_number: int | None
    heading_path: tuple[str, ...]
    kind: str  # "text", "table" or "code"
    context: str
    token_count: int


@dataclass
class ChunkedText:
    """`pages` holds the start and end of each page in `text`, page 1 first; None where there are no pages."""

    text: str
    chunks: list[ChunkDraft]
    pages: list[tuple[int, int]] | None


@dataclass(slots=True)
class _Piece:
    """A stretch that is not cut any further."""

    start: int
    end: int
    tokens: int
    kind: str
    page: int | None
    path: tuple[str, ...]
    heading: bool = False
    context: str = ""  # needed when a chunk begins with this piece
    reserved: int = 0  # the tokens of that
    table: int = -1  # which table it is of
    joint: int = 0  # tokens of the line break before it, where it is not the first of a chunk


@dataclass(slots=True)
class _Chunk:
    pieces: list[_Piece] = field(default_factory=list)
    tokens: int = 0

    def add(self, piece: _Piece) -> None:
        self.tokens += piece.tokens + (piece.joint if self.pieces else 0)
        self.pieces.append(piece)


def chunk_document(
    document: ParsedDocument, count_tokens: Callable[[str], int], max_tokens: int = 400, min_tokens: int = 60
) -> ChunkedText:
    """Chunks of at most `max_tokens`, in order, that together hold everything in the text but white space.

    No chunk crosses a page. A chunk below `min_tokens` is put together with the sections after it, if they fit.
    Token counts are sums over the parts of a chunk, each counted once: linear in the length of the text.
    """
    text, spans = _join(document.blocks)
    cutter = _Cutter(text, count_tokens, max(max_tokens, 8))
    pieces = cutter.pieces(document.blocks, spans)
    chunks = list(_merged(pieces, cutter.max_tokens, min(min_tokens, max_tokens // 2)))
    drafts = [_draft(text, position, chunk) for position, chunk in enumerate(chunks)]
    return ChunkedText(text, drafts, _pages(document, spans))


def _join(blocks: list[Block]) -> tuple[str, list[tuple[int, int]]]:
    """The text of the document, and where each block is in it."""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for before, block in zip([None, *blocks], blocks, strict=False):
        if before is not None:
            together = before.kind == block.kind == "list" and before.page == block.page
            gap = "\n" if together else "\n\n"
            parts.append(gap)
            at += len(gap)
        parts.append(block.text)
        spans.append((at, at + len(block.text)))
        at += len(block.text)
    return "".join(parts), spans


def _pages(document: ParsedDocument, spans: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
    if document.page_count is None:
        return None
    bounds: dict[int, tuple[int, int]] = {}
    for block, (start, end) in zip(document.blocks, spans, strict=True):
        if block.page is not None:
            bounds[block.page] = (bounds.get(block.page, (start, end))[0], end)
    pages: list[tuple[int, int]] = []
    at = 0
    for number in range(1, max([document.page_count, *bounds]) + 1):
        start, at = bounds.get(number, (at, at))
        pages.append((start, at))
    return pages


class _Cutter:
    """Cuts blocks into pieces of at most `max_tokens`."""

    def __init__(self, text: str, count_tokens: Callable[[str], int], max_tokens: int) -> None:
        self.text = text
        self.count_tokens = count_tokens
        self.max_tokens = max_tokens
        # Some tokenizers count line breaks, others take them for spaces.
        self.line_break = max(0, count_tokens("a\n\nb") - count_tokens("a") - count_tokens("b"))

    def pieces(self, blocks: list[Block], spans: list[tuple[int, int]]) -> list[_Piece]:
        found: list[_Piece] = []
        path: list[tuple[int, str]] = []
        for number, (block, (start, end)) in enumerate(zip(blocks, spans, strict=True)):
            if block.kind == "heading":
                path = [entry for entry in path if entry[0] < block.level] + [(block.level, block.text)]
            names = tuple(name for _, name in path)
            for piece in self._cut_block(block, start, end, number):
                piece.path, piece.page = names, block.page
                if found and "\n" in self.text[found[-1].end : piece.start]:
                    piece.joint = self.line_break
                found.append(piece)
        return found

    def _cut_block(self, block: Block, start: int, end: int, number: int) -> Iterator[_Piece]:
        kind = block.kind if block.kind in ("table", "code") else "text"
        context = self._context(block) if kind == "table" else ""
        reserved = self._count(context) if context else 0
        budget = self.max_tokens - reserved
        for first, (begin, stop, tokens) in enumerate(self._cut(kind, start, end, budget)):
            piece = _Piece(begin, stop, tokens, kind, None, (), heading=block.kind == "heading")
            if kind == "table":
                piece.table = number
                if first:
                    piece.context, piece.reserved = context, reserved
            yield piece

    def _context(self, block: Block) -> str:
        """The header of a table, if it leaves most of a chunk to the rows."""
        header = block.header
        if not header or not block.text.startswith(header) or len(header) > self.max_tokens * CHARS_A_TOKEN:
            return ""
        return header if self._count(header) * 3 <= self.max_tokens else ""

    def _count(self, text: str) -> int:
        return max(1, self.count_tokens(text))

    def _fits(self, start: int, end: int, budget: int) -> int:
        """The number of tokens if the stretch may stay whole, else 0. Does not count what is surely too long."""
        if end - start > budget * CHARS_A_TOKEN:
            return 0
        tokens = self._count(self.text[start:end])
        return tokens if tokens <= budget else 0

    def _cut(self, kind: str, start: int, end: int, budget: int) -> Iterator[tuple[int, int, int]]:
        """Stretches without white space around them, and their tokens."""
        start, end = _trim(self.text, start, end)
        if start == end:
            return
        if kind != "table" and (tokens := self._fits(start, end, budget)):
            yield start, end, tokens
            return
        parts = self._lines(start, end) if kind in ("table", "code") else self._sentences(start, end)
        for begin, stop in parts:
            if tokens := self._fits(begin, stop, budget):
                yield begin, stop, tokens
            else:
                yield from self._words(begin, stop, budget)

    def _lines(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        for match in re.compile(r"[^\n]+").finditer(self.text, start, end):
            begin, stop = _trim(self.text, *match.span())
            if begin < stop:
                yield begin, stop

    def _sentences(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        for begin, stop in split_sentences(self.text[start:end]):
            yield start + begin, start + stop

    def _words(self, start: int, end: int, budget: int) -> Iterator[tuple[int, int, int]]:
        """A sentence that is too long, cut where it hurts least."""
        pending = [(start, end)]
        while pending:
            begin, stop = _trim(self.text, *pending.pop())
            if begin == stop:
                continue
            long = stop - begin > budget * PIECE
            if not long and (tokens := self._fits(begin, stop, budget)):
                yield begin, stop, tokens
            elif stop - begin == 1:
                yield begin, stop, budget
            else:
                middle = begin + budget * PIECE if long else begin + (stop - begin + 1) // 2
                cut = _best_cut(self.text, begin, stop, middle)
                pending += [(cut, stop), (begin, cut)]


_CLAUSE_ENDS = frozenset(",;:)]}，、；：。！？）」』】،؛।|")


def _best_cut(text: str, start: int, end: int, near: int) -> int:
    """Where to cut `text[start:end]` in two, at or before `near`: after a line, a clause, a word, a character."""
    floor = start + max(1, (near - start) // 2)
    window = range(min(near, end - 1), floor - 1, -1)
    for is_good in (_after_line, _after_clause, _after_space):
        if (found := next((at for at in window if is_good(text, at)), None)) is not None:
            return found
    # No word ends in the window: look wider for a space before cutting one in two.
    for at in range(floor - 1, start, -1):
        if text[at].isspace():
            return at
    space = re.compile(r"\s").search(text, near, min(end, near + 200))
    if space and space.start() < end - 1:
        return space.start()
    return next((at for at in window if not _inside_grapheme(text, at)), min(max(near, start + 1), end - 1))


def _after_line(text: str, at: int) -> bool:
    return text[at - 1] == "\n"


def _after_clause(text: str, at: int) -> bool:
    before = text[at - 1]
    return before in _CLAUSE_ENDS and (text[at].isspace() or before > "\u2000")


def _after_space(text: str, at: int) -> bool:
    return text[at - 1].isspace()


def _inside_grapheme(text: str, at: int) -> bool:
    """Whether a cut before `text[at]` would part what is seen as one character. A digest of UAX #29."""
    here, before = text[at], text[at - 1]
    if here < "\u0300":
        return False
    if unicodedata.combining(here) or unicodedata.category(here)[0] == "M" or here in "\u200c\u200d\u0e33":
        return True
    return before == "\u200d" or "\U0001f3fb" <= here <= "\U0001f3ff" or "\U0001f1e6" <= here <= "\U0001f1ff"


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _merged(pieces: list[_Piece], max_tokens: int, min_tokens: int) -> Iterator[_Chunk]:
    """Neighbouring pieces put together."""
    chunk = _Chunk()
    for run in _runs(pieces):
        target = _even_share(run, max_tokens)
        for piece in run:
            full = len(run) > 1 and chunk.tokens >= target
            if chunk.pieces and (full or not _may_join(chunk, piece, max_tokens, min_tokens)):
                yield chunk
                chunk = _Chunk()
            chunk.add(piece)
    if chunk.pieces:
        yield chunk


def _runs(pieces: list[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces that follow each other in the same section of the same page and are of one kind."""
    run: list[_Piece] = []
    for piece in pieces:
        if run and (_place(run[-1]) != _place(piece)):
            yield run
            run = []
        run.append(piece)
    if run:
        yield run


def _place(piece: _Piece) -> tuple[object, ...]:
    return (piece.page, piece.path, piece.kind, piece.table)


def _even_share(run: list[_Piece], max_tokens: int) -> float:
    """So many tokens a chunk that the last one of a section is not a mere rest."""
    total = sum(piece.tokens for piece in run)
    needed = -(-total // max_tokens)
    return max(total / max(needed, 1), 0.6 * max_tokens)


def _may_join(chunk: _Chunk, piece: _Piece, max_tokens: int, min_tokens: int) -> bool:
    last = chunk.pieces[-1]
    room = max_tokens - chunk.pieces[0].reserved - chunk.tokens - piece.joint
    if piece.tokens > room or piece.end - chunk.pieces[0].start > max_tokens * CHARS_A_TOKEN:
        return False
    if last.page != piece.page:
        return False
    if last.heading and all(one.heading for one in chunk.pieces):
        return True  # a heading belongs to what follows it
    small = chunk.tokens < min_tokens or (piece.tokens < min_tokens and not piece.heading and piece.table < 0)
    if last.kind != piece.kind or last.table != piece.table:
        return last.path == piece.path and small and not _opens_table(piece, min_tokens)
    if piece.heading or last.path != piece.path:
        return chunk.tokens < min_tokens
    return True


def _opens_table(piece: _Piece, min_tokens: int) -> bool:
    """A table is a chunk of its own unless its first row is put to a small chunk; then it would lose its header."""
    return piece.table >= 0 and bool(piece.context)


def _draft(text: str, position: int, chunk: _Chunk) -> ChunkDraft:
    first, last = chunk.pieces[0], chunk.pieces[-1]
    kinds = {piece.kind for piece in chunk.pieces if not piece.heading}
    kind = kinds.pop() if len(kinds) == 1 else "text"
    return ChunkDraft(
        position=position,
        text=text[first.start : last.end],
        start=first.start,
        end=last.end,
        page_number=first.page,
        heading_path=_common_path([piece.path for piece in chunk.pieces]),
        kind=kind,
        context=first.context if kind == "table" else "",
        token_count=chunk.tokens,
    )


def _common_path(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings above all of a chunk; of a chunk that begins with its headings, those of its end."""
    longest = max(paths, key=len)
    if all(longest[: len(path)] == path for path in paths) and all(
        len(before) <= len(after) for before, after in pairwise(paths)
    ):
        return longest
    common = paths[0]
    for path in paths[1:]:
        common = tuple(one for one, other in zip(common, path, strict=False) if one == other)
    return common
