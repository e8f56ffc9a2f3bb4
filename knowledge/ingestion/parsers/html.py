"""HTML, as found in the wild, to blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Block, ParsedDocument, Unreadable
from knowledge.ingestion.parsers.cleaning import one_line, row, tidy_lines
from knowledge.ingestion.parsers.encoding import decode
from knowledge.ingestion.parsers.text import text_blocks

Node = Any  # selectolax has no usable types

_DROPPED = frozenset("script style template head svg math-ml iframe object embed audio video canvas map".split())  # noqa: SIM905
_BLOCKS = frozenset(
    """
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure
    footer form header hgroup hr html legend li main menu nav noscript ol optgroup option p pre search section select
    summary table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6
    """.split()  # noqa: SIM905
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CHARSET = re.compile(
    rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]{0,100}encoding=["']([\w.-]+)""", re.IGNORECASE
)
_SPACES = re.compile(r"[ \t\r\n\f]+")  # a line break of the source is a space; only <br> breaks lines
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>?")
_CLOSED_BY_THEMSELVES = frozenset(
    """
    p li td th tr dt dd option optgroup thead tbody tfoot colgroup area base br col embed hr img input link meta
    param source track wbr
    """.split()  # noqa: SIM905
)
_DEPTH_AT_MOST = 3_000
_NODES_AT_MOST = 3_000_000


class HtmlParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        return html_document(decode_html(path.read_bytes()))


def decode_html(data: bytes, declared: str | None = None) -> str:
    """The text of a page: by its byte order mark, what it declares, or a guess."""
    found = _CHARSET.search(data[:4096].replace(b"\x00", b""))
    named = (found[1] or found[2]).decode("ascii", "replace") if found else None
    return decode(data, declared or named)


def html_document(html: str) -> ParsedDocument:
    if _is_too_deep(html):
        return ParsedDocument("html", "", text_blocks(_stripped(html)))
    tree = LexborHTMLParser(html.replace("\x00", ""))
    root = tree.root
    if root is None:
        raise Unreadable("no_text")
    title = tree.css_first("head > title")
    language = root.attributes.get("lang") or ""
    walker = _Walker()
    walker.walk(tree.body or root)
    name = one_line(title.text()) if title else ""
    return ParsedDocument("html", name, walker.result(), metadata={"language": language} if language else {})


def _is_too_deep(html: str) -> bool:
    """Whether the parser would take time by the square of the depth: thousands of elements within each other."""
    if html.count("<") < _DEPTH_AT_MOST:
        return False
    depth = 0
    for match in _TAG.finditer(html):
        if match[2].lower() not in _CLOSED_BY_THEMSELVES:
            depth += -1 if match[1] else 1
            if depth > _DEPTH_AT_MOST:
                return True
            depth = max(depth, 0)
    return False


def _stripped(html: str) -> str:
    """The text without its tags, for pages that are not worth more."""
    html = re.sub(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", " ", html, flags=re.IGNORECASE | re.DOTALL)
    html = _TAG.sub(lambda match: "\n\n" if match[2].lower() in _BLOCKS else "", html)
    return tidy_lines(unescape(html))


def html_blocks(html: str) -> list[Block]:
    """The blocks of a fragment."""
    return html_document(html).blocks


@dataclass(slots=True)
class _Frame:
    """An element that is being read, and what of its children is still to come."""

    tag: str
    children: Iterator[Node]


@dataclass
class _Walker:
    """Turns a tree into blocks without recursion: pages nested a hundred thousand deep exist."""

    blocks: list[Block] = field(default_factory=list)
    aside: list[Block] = field(default_factory=list)  # navigation: kept, but after the content
    inline: list[str] = field(default_factory=list)
    stack: list[_Frame] = field(default_factory=list)
    lists: list[list[Any]] = field(default_factory=list)  # [ordered, number] of each open list
    marker: str = ""
    preformatted: int = 0
    navigation: int = 0
    heading: int = 0  # the level of the one that is being read
    seen: int = 0

    def walk(self, root: Node) -> None:
        self.stack.append(_Frame("", iter((root,))))
        while self.stack:
            frame = self.stack[-1]
            node = next(frame.children, None)
            if node is None:
                self._close(frame.tag)
                self.stack.pop()
            else:
                self._open(node)
        self._flush()

    def result(self) -> list[Block]:
        return self.blocks + self.aside

    def _open(self, node: Node) -> None:
        self.seen += 1
        if self.seen > _NODES_AT_MOST:
            raise Unreadable("too_large")
        tag = node.tag
        if tag == "-text":
            text = node.text(deep=False) or ""
            self.inline.append(text if self.preformatted else _SPACES.sub(" ", text))
            return
        if tag in _DROPPED or tag.startswith(("-", "_", "!")):
            return
        if tag in _BLOCKS:
            self._flush()
        if tag == "table" and (rows := table_rows(node)) is not None:
            self._add_table(rows, _has_header(node))
            return
        if not self._opened(tag, node):
            return
        self.stack.append(_Frame(tag, _children(node)))

    def _opened(self, tag: str, node: Node) -> bool:
        """Note what the element means; False if its children are of no interest."""
        if tag == "br":
            self.inline.append("\n")
            return False
        if tag == "img":
            self.inline.append(_alternative(node))
            return False
        if tag in ("input", "button", "textarea"):
            value = node.attributes.get("value") if node.attributes.get("type") != "hidden" else ""
            self.inline.append(f" {value} " if value and tag == "input" else "")
        elif tag in ("pre", "listing", "xmp"):
            self.preformatted += 1
        elif tag == "nav":
            self.navigation += 1
        elif tag in ("ul", "ol", "menu", "dir"):
            self.lists.append([tag == "ol", 0])
        elif tag == "li":
            self._mark_item()
        elif tag in _HEADINGS:
            self.heading = _HEADINGS[tag]
        elif tag in ("td", "th"):
            self.inline.append("\t")
        return True

    def _mark_item(self) -> None:
        ordered, number = self.lists[-1] if self.lists else (False, 0)
        if self.lists:
            self.lists[-1][1] = number + 1
        depth = min(max(len(self.lists) - 1, 0), 8)
        self.marker = "  " * depth + (f"{number + 1}. " if ordered else "- ")

    def _close(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._flush()
        if tag in ("pre", "listing", "xmp"):
            self.preformatted -= 1
        elif tag == "nav":
            self.navigation -= 1
        elif tag in ("ul", "ol", "menu", "dir") and self.lists:
            self.lists.pop()
        elif tag == "li":
            self.marker = ""
        elif tag in _HEADINGS:
            self.heading = 0

    def _flush(self) -> None:
        if not self.inline:
            return
        raw = "".join(self.inline)
        self.inline.clear()
        if not raw.strip():
            return
        if self.preformatted:
            self._add(Block("code", raw.strip("\n").expandtabs(4)))
            return
        text = tidy_lines(raw)
        if self.heading:
            self._add(Block("heading", one_line(text), self.heading))
        elif self.marker or self.lists:
            self._add(Block("list", (self.marker or "  " * len(self.lists)) + text))
            self.marker = ""
        else:
            for paragraph in text.split("\n\n"):
                self._add(Block("paragraph", paragraph))

    def _add_table(self, rows: list[list[str]], has_header: bool) -> None:
        lines = [line for cells in rows if (line := row(cells)).strip()]
        if lines:
            self._add(Block("table", "\n".join(lines), header=lines[0] if has_header and len(lines) > 1 else ""))

    def _add(self, block: Block) -> None:
        (self.aside if self.navigation else self.blocks).append(block)


def _children(node: Node) -> Iterator[Node]:
    child = node.child
    while child is not None:
        yield child
        child = child.next


def _alternative(node: Node) -> str:
    alternative = one_line(node.attributes.get("alt") or "")
    return f" {alternative} " if len(alternative) > 3 else ""


def table_rows(table: Node) -> list[list[str]] | None:
    """The cells of a table of data; None for one that lays out a page, whose cells hold blocks of their own."""
    if table.css_first("table table, h1, h2, h3, h4, h5, h6, pre, form") is not None:
        return None
    if table.css_first("ul, ol") is not None and len(table.css("tr")) > 2 * len(table.css("th")):
        return None  # lists are content in a table of names and values, and layout elsewhere
    rows = [
        [_cell_text(cell) for cell in tr.iter() if cell.tag in ("td", "th")] for tr in table.css("tr") if tr is not None
    ]
    if len([cells for cells in rows if sum(map(bool, cells)) > 1]) < 2:
        return None
    if any(len(cell) > 1_500 for cells in rows for cell in cells):
        return None
    caption = table.css_first("caption")
    if caption is not None and (text := one_line(caption.text(separator=" "))):
        rows.insert(0, [text])
    return rows


def _has_header(table: Node) -> bool:
    first = table.css_first("tr")
    cells = [cell.tag for cell in first.iter() if cell.tag in ("td", "th")] if first is not None else []
    return len(cells) > 1 and (set(cells) == {"th"} or first.parent.tag == "thead")


def _cell_text(cell: Node) -> str:
    parts = []
    for node in cell.traverse(include_text=True):
        if node.tag == "-text":
            parent = node.parent
            if parent is None or parent.tag not in _DROPPED:
                parts.append(node.text(deep=False) or "")
        elif node.tag in _BLOCKS or node.tag == "br":
            parts.append(" ")
        elif node.tag == "img":
            parts.append(_alternative(node))
    return one_line("".join(parts))
