"""PPTX. Slides are pages; notes, tables, charts and diagrams belong to their slide (ECMA-376 part 1, 19)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.archive import Archive
from knowledge.ingestion.parsers.base import Block, ParsedDocument, Unreadable
from knowledge.ingestion.parsers.cleaning import one_line, row
from knowledge.ingestion.parsers.drawings import drawing_blocks, drawn_text
from knowledge.ingestion.parsers.markup import Element, attribute, child, descendants, local
from knowledge.ingestion.parsers.opc import core_properties, main_part, read_part, related, relations

_TITLES = ("title", "ctrTitle")
_EMPTY_PLACEHOLDERS = ("sldNum", "dt", "ftr", "hdr", "sldImg")


class PptxParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        with Archive(path, limits) as archive:
            part = main_part(archive, "ppt/presentation.xml")
            slides = _slides(archive, part)
            if len(slides) > limits.pages:
                raise Unreadable("too_large")
            blocks = [
                block for number, slide in enumerate(slides, 1) for block in _slide_blocks(archive, slide, number)
            ]
            properties = core_properties(archive)
        title = properties.pop("title", "")
        if title.lower() in ("powerpoint presentation", "powerpoint-präsentation", "présentation powerpoint"):
            title = ""
        return ParsedDocument("pptx", title, blocks, len(slides), properties)


def _slides(archive: Archive, part: str) -> list[str]:
    """The members that hold the slides, in the order they are shown."""
    root = read_part(archive, part)
    known = relations(archive, part)
    found = []
    for entry in [] if root is None else descendants(root, "sldId"):
        for key, value in entry.attrib.items():
            if key.endswith("}id") and value in known and known[value].target in archive:
                found.append(known[value].target)
    return found


def _slide_blocks(archive: Archive, slide: str, number: int) -> Iterator[Block]:
    root = read_part(archive, slide)
    if root is None:
        return
    shapes = list(_shapes(root))
    for shape in shapes:
        if _placeholder(shape) in _TITLES and (text := one_line(_shape_text(shape))):
            yield Block("heading", text, 1, number)
    for shape in shapes:
        if _placeholder(shape) not in _TITLES:
            yield from _shape_blocks(shape, number)
    yield from drawing_blocks(archive, slide, number)
    for notes in related(archive, slide, "notesSlide"):
        yield from _notes(archive, notes, number)
    for comments in related(archive, slide, "comments", "comment"):
        if (found := read_part(archive, comments)) is not None:
            for text in descendants(found, "text"):
                yield Block("paragraph", text.text or "", page=number)


def _shapes(root: Element) -> Iterator[Element]:
    """The shapes of a slide in its order, groups opened. Of alternative renderings the first."""
    for tree in descendants(root, "spTree")[:1]:
        yield from _shapes_in(tree)


def _shapes_in(container: Element) -> Iterator[Element]:
    for one in container:
        name = local(one)
        if name in ("sp", "graphicFrame", "cxnSp", "pic"):
            yield one
        elif name == "AlternateContent":
            chosen = child(one, "Choice")
            if chosen is None or not any(local(inner) == "t" for inner in chosen.iter()):
                chosen = child(one, "Fallback") if child(one, "Fallback") is not None else chosen
            if chosen is not None:
                yield from _shapes_in(chosen)
        elif name in ("grpSp", "contentPart"):
            yield from _shapes_in(one)


def _placeholder(shape: Element) -> str:
    found = descendants(shape, "ph")
    return attribute(found[0], "type", "body") if found else ""


def _shape_text(shape: Element) -> str:
    return "\n".join(filter(None, (drawn_text(one) for one in descendants(shape, "p"))))


def _shape_blocks(shape: Element, page: int) -> Iterator[Block]:
    tables = descendants(shape, "tbl")
    for table in tables:
        rows = [
            row([" ".join(drawn_text(p) for p in descendants(cell, "p")) for cell in tr if local(cell) == "tc"])
            for tr in descendants(table, "tr")
        ]
        rows = [line for line in rows if line.strip()]
        if rows:
            yield Block("table", "\n".join(rows), page=page, header=rows[0] if len(rows) > 1 else "")
    if tables:
        return
    paragraphs = [one for one in descendants(shape, "p") if drawn_text(one)]
    listed = len(paragraphs) > 1 and _placeholder(shape) not in ("", *_EMPTY_PLACEHOLDERS)
    for paragraph in paragraphs:
        properties = child(paragraph, "pPr")
        level = attribute(properties, "lvl", "0") if properties is not None else "0"
        if listed:
            indent = "  " * min(int(level) if level.isdigit() else 0, 8)
            yield Block("list", f"{indent}- {drawn_text(paragraph)}", page=page)
        else:
            yield Block("paragraph", drawn_text(paragraph), page=page)
    for properties in descendants(shape, "cNvPr")[:1]:
        # What a picture shows, for those who cannot see it.
        if local(shape) == "pic" and len(text := one_line(attribute(properties, "descr"))) > 3:
            yield Block("paragraph", text, page=page)


def _notes(archive: Archive, notes: str, page: int) -> Iterator[Block]:
    root = read_part(archive, notes)
    for shape in () if root is None else _shapes(root):
        if _placeholder(shape) not in _EMPTY_PLACEHOLDERS and (text := _shape_text(shape)):
            yield Block("paragraph", text, page=page)
