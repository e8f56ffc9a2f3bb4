"""ODT, ODP and ODS (OASIS OpenDocument 1.3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.archive import Archive
from knowledge.ingestion.parsers.base import Block, ParsedDocument, Unreadable
from knowledge.ingestion.parsers.cleaning import one_line, row
from knowledge.ingestion.parsers.delimited import table_blocks
from knowledge.ingestion.parsers.markup import Element, attribute, child, descendants, local, parse_xml

_SKIPPED = frozenset(
    """
    tracked-changes forms sequence-decls variable-decls user-field-decls automatic-styles scripts font-face-decls
    table-column change change-start change-end note-citation event-listeners settings creator date shapes
    """.split()  # noqa: SIM905
)
_REPEATED_AT_MOST = 64  # a cell that stands for a thousand columns says nothing a thousand times
_CELLS_AT_MOST = 5_000_000


class OpenDocumentParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        with Archive(path, limits) as archive:
            if "META-INF/manifest.xml" in archive and b"encryption-data" in archive.read("META-INF/manifest.xml"):
                raise Unreadable("encrypted")
            try:
                root = parse_xml(archive.read("content.xml"))
            except KeyError as error:
                raise Unreadable("corrupt") from error
            kind, content = _content(root)
            blocks = list(_Reader().read(kind, content))
            blocks += [] if kind == "presentation" else list(_headers(archive))
            properties = _properties(archive)
        pages = max([block.page or 0 for block in blocks], default=0) if kind == "presentation" else None
        if kind == "presentation":
            pages = len(descendants(content, "page"))
        name = {"presentation": "odp", "spreadsheet": "ods"}.get(kind, "odt")
        return ParsedDocument(name, properties.pop("title", ""), blocks, pages, properties)


def _content(root: Element) -> tuple[str, Element]:
    body = child(root, "body")
    for one in () if body is None else body:
        if local(one) in ("text", "presentation", "spreadsheet", "drawing"):
            return ("presentation" if local(one) == "drawing" else local(one)), one
    raise Unreadable("corrupt")


def _properties(archive: Archive) -> dict[str, str]:
    if "meta.xml" not in archive:
        return {}
    wanted = {"title": "title", "creator": "author", "subject": "subject", "creation-date": "created"}
    found = {local(one): one_line(one.text or "")[:500] for one in parse_xml(archive.read("meta.xml")).iter()}
    return {name: found[key] for key, name in wanted.items() if found.get(key)}


def _headers(archive: Archive) -> Iterator[Block]:
    """Each different header and footer once."""
    if "styles.xml" not in archive:
        return
    seen = set()
    for part in descendants(parse_xml(archive.read("styles.xml")), "header", "footer", "header-left", "footer-left"):
        for block in _Reader().blocks(part):
            if block.text not in seen and any(char.isalpha() for char in block.text):
                seen.add(block.text)
                yield Block("paragraph", block.text)


class _Reader:
    def __init__(self) -> None:
        self.page: int | None = None
        self.cells = 0

    def read(self, kind: str, content: Element) -> Iterator[Block]:
        if kind == "presentation":
            for number, page in enumerate(descendants(content, "page"), 1):
                self.page = number
                yield from self.blocks(page)
        elif kind == "spreadsheet":
            for table in descendants(content, "table"):
                found = table_blocks(self._sheet_rows(table))
                if found:
                    yield Block("heading", attribute(table, "name"), 1)
                    yield from found
        else:
            yield from self.blocks(content)

    def blocks(self, container: Element, depth: int = 0) -> Iterator[Block]:
        """The blocks of a container. Frames, sections and text boxes are looked through."""
        for element in container:
            name = local(element)
            if name == "h":
                level = attribute(element, "outline-level", "1")
                yield from self._with_boxes(element, "heading", min(int(level), 6) if level.isdigit() else 1)
            elif name == "p":
                kind = "heading" if self._is_slide_title(element) else "paragraph"
                yield from self._with_boxes(element, kind, 1 if kind == "heading" else 0)
            elif name == "list":
                yield from self._list(element, depth)
            elif name == "table":
                yield from self._table(element)
            elif name and name not in _SKIPPED:
                yield from self.blocks(element, depth)

    def _is_slide_title(self, paragraph: Element) -> bool:
        frame = paragraph.getparent().getparent() if paragraph.getparent() is not None else None
        return self.page is not None and frame is not None and attribute(frame, "class") == "title"

    def _with_boxes(self, paragraph: Element, kind: str, level: int = 0) -> Iterator[Block]:
        parts: list[str] = []
        inner: list[Element] = []
        self._inline(paragraph, parts, inner)
        if text := "".join(parts).strip():
            yield Block(kind, text, level, self.page)  # type: ignore[arg-type]
        for box in inner:
            yield from self.blocks(box)

    def _inline(self, element: Element, parts: list[str], inner: list[Element]) -> None:
        parts.append(element.text or "")
        for one in element:
            name = local(one)
            if name == "s":
                count = attribute(one, "c", "1")
                parts.append(" " * min(int(count) if count.isdigit() else 1, 100))
            elif name == "tab":
                parts.append("\t")
            elif name == "line-break":
                parts.append("\n")
            elif name in ("note-body", "text-box", "annotation", "object", "table"):
                inner.append(one)
            elif name and name not in _SKIPPED:
                self._inline(one, parts, inner)
            parts.append(one.tail or "")

    def _list(self, element: Element, depth: int) -> Iterator[Block]:
        for item in element:
            marked = False
            for block in self.blocks(item, depth + 1):
                if block.kind != "paragraph":
                    yield block
                    continue
                marker = "  " if marked else "- "
                yield Block("list", "  " * min(depth, 8) + marker + block.text, page=self.page)
                marked = True

    def _table(self, table: Element) -> Iterator[Block]:
        rows: list[str] = []
        inner: list[Block] = []
        for tr in _own(table, "table-row"):
            cells = []
            for cell in _own(tr, "table-cell"):
                found = list(self.blocks(cell))
                inner += [block for block in found if block.kind == "table"]
                cells.append(" ".join(block.text for block in found if block.kind != "table"))
            if line := row(cells):
                rows.append(line)
        if rows:
            yield Block("table", "\n".join(rows), page=self.page, header=rows[0] if len(rows) > 1 else "")
        yield from inner

    def _sheet_rows(self, table: Element) -> Iterator[list[str]]:
        for tr in _own(table, "table-row"):
            cells: list[str] = []
            for cell in _own(tr, "table-cell", "covered-table-cell"):
                text = " ".join(block.text for block in self.blocks(cell))
                repeated = attribute(cell, "number-columns-repeated", "1")
                times = min(int(repeated) if repeated.isdigit() else 1, _REPEATED_AT_MOST)
                cells += [text] * times
                self.cells += times
                if self.cells > _CELLS_AT_MOST:
                    raise Unreadable("too_large")
            yield cells


def _own(container: Element, *names: str) -> Iterator[Element]:
    """Rows of a table or cells of a row, through header rows and groups, but not those of tables within."""
    for one in container:
        if local(one) in names:
            yield one
        elif local(one) in ("table-rows", "table-header-rows", "table-row-group", "table-columns"):
            yield from _own(one, *names)
