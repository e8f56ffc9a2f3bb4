"""DOCX. Read straight from its XML (ECMA-376 part 1, 17), so that nothing between paragraphs is missed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.archive import Archive
from knowledge.ingestion.parsers.base import Block, ParsedDocument, Unreadable
from knowledge.ingestion.parsers.cleaning import one_line, row
from knowledge.ingestion.parsers.drawings import drawing_blocks
from knowledge.ingestion.parsers.markup import Element, attribute, child, descendants, local
from knowledge.ingestion.parsers.opc import core_properties, main_part, read_part, related

# What was deleted or moved away, field codes, and markup that repeats what stands elsewhere.
_SKIPPED = frozenset(
    """
    del moveFrom instrText delText delInstrText fldData pPr rPr sectPr tblPr tblGrid trPr tcPr sdtPr sdtEndPr rt
    """.split()  # noqa: SIM905
)
_HEADING_NAME = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|nagłówek|заголовок)\s*([1-9])", re.I)
_EXTRAS = (("footnotes", "footnote"), ("endnotes", "endnote"), ("comments", "comment"))


class DocxParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        with Archive(path, limits) as archive:
            part = main_part(archive, "word/document.xml")
            root = read_part(archive, part)
            body = child(root, "body") if root is not None else None
            if body is None:
                raise Unreadable("corrupt")
            reader = _Reader(_heading_levels(archive, part))
            blocks = list(reader.blocks(body))
            blocks.extend(drawing_blocks(archive, part))
            blocks.extend(_extras(archive, part, reader))
            properties = core_properties(archive)
        return ParsedDocument("docx", properties.pop("title", "") or reader.title, blocks, None, properties)


def _heading_levels(archive: Archive, part: str) -> dict[str, int]:
    """Of each style's id the level of heading it makes; title and subtitle count as headings."""
    names: dict[str, str] = {}
    parents: dict[str, str] = {}
    levels: dict[str, int] = {}
    for name in related(archive, part, "styles"):
        root = read_part(archive, name)
        for style in () if root is None else descendants(root, "style"):
            key = attribute(style, "styleId")
            if (given := child(style, "name")) is not None:
                names[key] = attribute(given, "val").lower()
            if (based := child(style, "basedOn")) is not None:
                parents[key] = attribute(based, "val")
            for outline in descendants(style, "outlineLvl"):
                if (level := attribute(outline, "val")).isdigit() and int(level) < 9:
                    levels[key] = int(level) + 1
    for key, name in names.items():
        if found := _HEADING_NAME.match(name):
            levels.setdefault(key, int(found[1]))
        elif name == "title":
            levels.setdefault(key, 1)
        elif name == "subtitle":
            levels.setdefault(key, 2)
    for key in list(names):
        ancestor, steps = key, 0
        while ancestor not in levels and ancestor in parents and steps < 20:
            ancestor, steps = parents[ancestor], steps + 1
        if ancestor in levels:
            levels[key] = levels[ancestor]
    return levels


def _extras(archive: Archive, part: str, reader: _Reader) -> Iterator[Block]:
    """Footnotes, endnotes, comments, then each different header and footer once."""
    for kind, tag in _EXTRAS:
        for name in related(archive, part, kind):
            root = read_part(archive, name)
            for note in () if root is None else root:
                if local(note) == tag and attribute(note, "type") in ("", "normal"):
                    yield from reader.blocks(note)
    seen: set[str] = set()
    for name in related(archive, part, "header", "footer"):
        root = read_part(archive, name)
        for block in () if root is None else reader.blocks(root):
            if block.text not in seen and any(char.isalpha() for char in block.text):
                seen.add(block.text)
                # A heading up here would claim all that follows; it is the same on every page.
                yield Block("paragraph", block.text) if block.kind == "heading" else block


class _Reader:
    def __init__(self, levels: dict[str, int]) -> None:
        self.levels = levels
        self.title = ""

    def blocks(self, container: Element) -> Iterator[Block]:
        """The blocks in a body, cell, note or text box. Content controls and the like are looked through."""
        for element in container:
            name = local(element)
            if name == "p":
                yield from self._paragraph(element)
            elif name == "tbl":
                yield from self._table(element)
            elif name == "AlternateContent":
                if (chosen := _alternative(element)) is not None:
                    yield from self.blocks(chosen)
            elif name and name not in _SKIPPED:
                yield from self.blocks(element)

    def _paragraph(self, paragraph: Element) -> Iterator[Block]:
        parts: list[str] = []
        boxes: list[Element] = []
        self._run(paragraph, parts, boxes)
        text = "".join(parts).strip()
        properties = child(paragraph, "pPr")
        if text:
            level = self._level(properties)
            if level and len(text) < 500:
                self.title = self.title or one_line(text)
                yield Block("heading", text, min(level, 6))
            elif properties is not None and (numbering := child(properties, "numPr")) is not None:
                depth = child(numbering, "ilvl")
                indent = attribute(depth, "val") if depth is not None else "0"
                yield Block("list", "  " * min(int(indent) if indent.isdigit() else 0, 8) + "- " + text)
            else:
                yield Block("paragraph", text)
        for box in boxes:
            yield from self.blocks(box)

    def _level(self, properties: Element | None) -> int:
        if properties is None:
            return 0
        outline = child(properties, "outlineLvl")
        if outline is not None and (level := attribute(outline, "val")).isdigit():
            return int(level) + 1 if int(level) < 9 else 0
        style = child(properties, "pStyle")
        return self.levels.get(attribute(style, "val"), 0) if style is not None else 0

    def _run(self, element: Element, parts: list[str], boxes: list[Element]) -> None:
        """The text of a paragraph's runs; text boxes anchored in it are set aside."""
        for one in element:
            name = local(one)
            if name == "t":
                parts.append(one.text or "")
            elif name in ("tab", "ptab"):
                parts.append("\t")
            elif name in ("br", "cr"):
                parts.append("\n")
            elif name == "noBreakHyphen":
                parts.append("-")
            elif name == "sym":
                parts.append(_symbol(one))
            elif name == "txbxContent":
                boxes.append(one)
            elif name == "AlternateContent":
                if (chosen := _alternative(one)) is not None:
                    self._run(chosen, parts, boxes)
            elif name and name not in _SKIPPED:
                self._run(one, parts, boxes)

    def _table(self, table: Element) -> Iterator[Block]:
        rows, inner = [], []
        for tr in _rows(table):
            cells = []
            for tc in _cells(tr):
                found = list(self.blocks(tc))
                # What is a table itself cannot be a cell; its place is after the one it stands in.
                inner += [block for block in found if block.kind == "table"]
                cells.append(" ".join(block.text for block in found if block.kind != "table"))
            if line := row(cells):
                rows.append(line)
        if rows:
            yield Block("table", "\n".join(rows), header=rows[0] if len(rows) > 1 else "")
        yield from inner


def _rows(table: Element) -> Iterator[Element]:
    for one in table:
        if local(one) == "tr":
            yield one
        elif local(one) not in _SKIPPED:
            yield from _rows(one)


def _cells(tr: Element) -> Iterator[Element]:
    for one in tr:
        if local(one) == "tc":
            yield one
        elif local(one) not in _SKIPPED:
            yield from _cells(one)


def _alternative(element: Element) -> Element | None:
    """One of the renderings of the same thing: the newer one, which is never poorer in text."""
    choice = child(element, "Choice")
    if choice is not None and any(local(one) in ("t", "txbxContent") for one in choice.iter()):
        return choice
    fallback = child(element, "Fallback")
    return fallback if fallback is not None else choice


def _symbol(element: Element) -> str:
    code = attribute(element, "char")
    try:
        value = int(code, 16)
    except ValueError:
        return ""
    # Symbol fonts live in the private area; only what lies outside means something without the font.
    return "•" if 0xF000 <= value <= 0xF0FF else chr(value) if 0x20 <= value < 0xD800 else ""
