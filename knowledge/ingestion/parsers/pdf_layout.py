"""From the lines of a PDF to paragraphs, lists and headings."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from knowledge.ingestion.parsers.base import Block
from knowledge.ingestion.parsers.cleaning import clean, one_line

JOINT = "\ufffe"  # a hyphen at the end of a line, and the line break after it
_BULLET = re.compile(r"\s*(?:[•●○▪■◦‣∙·➢►✓✔\uf0b7\uf0a7\uf0d8]|[-–—*](?=\s)|\(?(?:\d{1,2}|[a-zA-Z])[.)](?=\s))\s*\S")
_SIGNS = frozenset("•●○▪■◦‣∙·➢►✓✔-–—*")
_NUMBERED = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|[IVX]{1,5}\.|[A-Z]\.|Appendix\s\w+)\s+\S")
_ENDS = tuple(".!?:;…。！？؟।")
_SPACING_ACCENTS = dict(zip("¨´ˆ˜ˇ˘˚", "\u0308\u0301\u0302\u0303\u030c\u0306\u030a", strict=True))
_LABEL = re.compile(r"\s*[^\W\d_][\w /#&.()-]{1,30}:(?=\s|$)")
_NUMBER = re.compile(r"[-+(]?[$€£¥]?\d[\d.,:/%-]*[)%]?")
_ACCENTED = re.compile("([¨´ˆ˜ˇ˘˚])([A-Za-zıȷ])")
_LONGEST_HEADING = 180


@dataclass(slots=True)
class Line:
    """A line of text and where it stands, in points from the lower left; all zero where that is unknown."""

    text: str
    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    top: float = 0.0
    bold: bool = False  # at both ends
    end: float | None = None  # the bottom of its last character, where JOINT made one line of two

    @property
    def size(self) -> float:
        return self.top - self.bottom

    def above(self, other: Line) -> float:
        """How much lower the other line stands."""
        return (self.bottom if self.end is None else self.end) - other.bottom


def resolve_hyphens(pages: list[list[Line]]) -> None:
    """Join the words that were parted at the end of a line, in place.

    The document itself tells how: "re-cent" is "recent" where that is not a compound, and "dual-encoder" stays one
    where it is written so elsewhere or both halves are words of their own.
    """
    if not any(JOINT in line.text for lines in pages for line in lines):
        return
    words: Counter[str] = Counter()
    for lines in pages:
        for line in lines:
            whole = re.sub(rf"\w*{JOINT}\w*", " ", line.text)
            words.update(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", whole.casefold()))
    for lines in pages:
        for line in lines:
            if JOINT in line.text:
                line.text = re.sub(rf"(\w*){JOINT}(\w*)", lambda match: _rejoined(match[1], match[2], words), line.text)


def _rejoined(before: str, after: str, words: Counter[str]) -> str:
    first, second = before.casefold(), after.casefold()
    if not after or not before or not before[-1].isalpha() or not after[0].islower():
        return f"{before}-{after}"
    if words[f"{first}-{second}"]:
        return f"{before}-{after}"
    if words[first + second]:
        return before + after
    both_known = words[first] > 0 and words[second] > 0 and min(len(first), len(second)) > 3
    return f"{before}-{after}" if both_known else before + after


def blocks_of_pages(
    pages: list[list[Line]], extras: list[list[str]], outline: dict[int, dict[str, int]]
) -> Iterator[Block]:
    """`extras` are further paragraphs of each page (fields, remarks); `outline` the headings that are known."""
    body = _body_size(pages)
    sizes = _heading_sizes(pages, body)
    for number, lines in enumerate(pages):
        known = outline.get(number, {})
        for group in _paragraphs(lines, body):
            text = _joined(group)
            if not text.strip():
                continue
            level = _heading_level(group, text, body, sizes, known)
            if level:
                yield Block("heading", text, level, number + 1)
            else:
                yield Block("list" if _BULLET.match(text) else "paragraph", text, 0, number + 1)
        for note in extras[number]:
            yield Block("paragraph", note, 0, number + 1)


def _body_size(pages: list[list[Line]]) -> float:
    """The size that most characters have, to half a point."""
    counts: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            if line.size > 0:
                counts[round(line.size * 2) / 2] += len(line.text)
    return counts.most_common(1)[0][0] if counts else 0.0


def _heading_sizes(pages: list[list[Line]], body: float) -> list[float]:
    """The sizes of headings, the largest first; at most four, as nobody tells more apart."""
    counts = Counter(
        round(line.size * 2) / 2
        for lines in pages
        for line in lines
        if body and line.size > 1.15 * body and len(line.text) <= _LONGEST_HEADING and _has_word(line.text)
    )
    return sorted(counts, reverse=True)


def _has_word(text: str) -> bool:
    return re.search(r"[^\W\d_]{3}|[\u3040-\u9fff\uac00-\ud7a3]", text) is not None


def _heading_level(group: list[Line], text: str, body: float, sizes: list[float], known: dict[str, int]) -> int:
    plain = one_line(text)
    if len(plain) > _LONGEST_HEADING or not _has_word(plain) or plain[0] in _SIGNS:
        return 0
    if level := known.get(plain.casefold(), 0):
        return level
    size = max(line.size for line in group)
    if not size or not body:
        return 0
    if all(line.size > 1.15 * body for line in group) and len(group) <= 4 and not plain.endswith((",", ";")):
        rank = sum(1 for one in sizes if one > size + 0.5)
        return min(rank + 1, 4)
    numbered = _NUMBERED.match(plain) and not plain.endswith(_ENDS)
    if numbered and len(group) <= 2 and len(plain) <= 100 and all(line.bold for line in group) and size > 0.95 * body:
        return 5
    return 0


def _paragraphs(lines: list[Line], body: float) -> Iterator[list[Line]]:
    spacing = _line_spacing(lines)
    group: list[Line] = []
    for line in lines:
        if group and not _same_title(group, line, body) and _begins_anew(group, line, spacing):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _same_title(group: list[Line], line: Line, body: float) -> bool:
    """Whether a heading goes on in the next line; large type is often set with large gaps."""
    last = group[-1]
    large = body > 0 and min(last.size, line.size) > 1.15 * body and abs(last.size - line.size) < 0.05 * line.size
    close = 0.5 * line.size < last.above(line) < 2.0 * line.size
    fits = sum(len(one.text) for one in group) + len(line.text) <= _LONGEST_HEADING and last.bold == line.bold
    return large and close and fits and not _NUMBERED.match(line.text) and not _BULLET.match(line.text)


def _line_spacing(lines: list[Line]) -> float:
    """The usual distance of one line to the next on the page."""
    steps = [
        before.above(after)
        for before, after in pairwise(lines)
        if before.size > 0 and after.size > 0 and 0.5 * before.size < before.above(after) < 2.5 * before.size
    ]
    return statistics.median(steps) if steps else 0.0


def _begins_anew(group: list[Line], line: Line, spacing: float) -> bool:
    last = group[-1]
    if _BULLET.match(line.text):
        return True
    if last.size <= 0 or line.size <= 0:
        return (last.size > 0) != (line.size > 0) or last.text.rstrip().endswith(_ENDS)
    step = last.above(line)
    if abs(step) < 0.6 * max(last.size, line.size):
        return False  # beside it: a superscript, or what stands in the next column of a table
    if abs(last.size - line.size) > 0.15 * max(last.size, line.size):
        return True
    ended = last.text.rstrip().endswith(_ENDS)
    edge = max(one.right for one in group)
    short = last.right < edge - 0.12 * max(edge - last.left, 1.0)
    if last.bold and not line.bold and len(group) <= 2 and not last.text.rstrip().endswith(("-", ",")):
        return True
    if line.bold and not last.bold and (ended or short or step < 0):
        return True
    if step < 0 or step > 4 * line.size:  # another column
        return ended or not line.text.lstrip()[:1].islower()
    if step > max(1.35 * (spacing or line.size * 1.2), 1.25 * line.size):
        return True
    indented = line.left > last.left + 0.8 * line.size and line.left < last.right
    return ended and (short or indented)


def _joined(group: list[Line]) -> str:
    """The lines as one paragraph: where a line was full the break is a space, elsewhere it was meant."""
    edge = max(line.right for line in group)
    parts: list[str] = []
    for before, line in zip([None, *group], group, strict=False):
        text = line.text.strip()
        if before is not None:
            parts.append(_gap(before, line, edge))
        parts.append(text)
    return _composed(clean("".join(parts)))


def _gap(before: Line, line: Line, edge: float) -> str:
    if before.size <= 0 or line.size <= 0:
        return "\n"
    if abs(before.above(line)) < 0.6 * max(before.size, line.size):
        return "" if line.left - before.right < 0.1 * line.size else " "
    full = before.right > edge - 0.15 * max(edge - before.left, 1.0)
    if not full or _LABEL.match(line.text) or _is_row(line.text):
        return "\n"
    end, start = before.text.rstrip()[-1:], line.text.lstrip()[:1]
    if "\u3040" <= end <= "\u9fff" and "\u3040" <= start <= "\u9fff":
        return ""
    return "" if end == "-" and start.isalpha() else " "


def _is_row(text: str) -> bool:
    """Whether a line looks like a row of a table: numbers, mostly."""
    words = text.split()
    numbers = sum(_NUMBER.fullmatch(word) is not None for word in words)
    return numbers >= 3 and numbers * 5 >= 2 * len(words)


def _composed(text: str) -> str:
    """Accents that an old TeX font drew before their letter, put on it."""

    def compose(match: re.Match[str]) -> str:
        letter = {"ı": "i", "ȷ": "j"}.get(match[2], match[2])
        both = unicodedata.normalize("NFC", letter + _SPACING_ACCENTS[match[1]])
        return both if len(both) == 1 else match[0]

    return _ACCENTED.sub(compose, text)
