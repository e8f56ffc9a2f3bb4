"""What office documents draw: charts and diagrams. Their words and numbers are in parts of their own."""

from __future__ import annotations

from collections.abc import Iterator

from knowledge.ingestion.parsers.archive import Archive
from knowledge.ingestion.parsers.base import Block
from knowledge.ingestion.parsers.cleaning import one_line, row
from knowledge.ingestion.parsers.markup import Element, attribute, child, descendants, local
from knowledge.ingestion.parsers.opc import read_part, related

_POINTS_AT_MOST = 2_000  # of a chart's series


def drawing_blocks(archive: Archive, part: str, page: int | None = None) -> Iterator[Block]:
    """The charts and diagrams that a part shows."""
    for name in related(archive, part, "chart", "chartEx"):
        if (root := read_part(archive, name)) is not None:
            yield from _chart_blocks(root, page)
    for name in related(archive, part, "diagramData"):
        if (root := read_part(archive, name)) is not None:
            for paragraph in descendants(root, "p"):
                if text := drawn_text(paragraph):
                    yield Block("paragraph", text, page=page)


def drawn_text(paragraph: Element) -> str:
    """The text of a DrawingML paragraph; breaks in it are line breaks."""
    parts: list[str] = []
    for one in paragraph.iter():
        name = local(one)
        if name == "t":
            parts.append(one.text or "")
        elif name == "br":
            parts.append("\n")
        elif name == "tab":
            parts.append("\t")
    return "".join(parts).strip()


def _chart_blocks(root: Element, page: int | None) -> Iterator[Block]:
    titles = [drawn_text(paragraph) for title in descendants(root, "title") for paragraph in descendants(title, "p")]
    if text := "\n".join(filter(None, titles)):
        yield Block("paragraph", text, page=page)
    series = [_series(one) for one in descendants(root, "ser")]
    labels = next((points for _, points, _ in series if points), {})
    rows = [row(["", *(name for name, _, _ in series)])]
    for index in sorted({key for _, points, values in series for key in (*points, *values)})[:_POINTS_AT_MOST]:
        rows.append(row([labels.get(index, ""), *(values.get(index, "") for _, _, values in series)]))
    if text := "\n".join(line for line in rows if line.strip()):
        yield Block("table", text, page=page, header=rows[0])


def _series(element: Element) -> tuple[str, dict[int, str], dict[int, str]]:
    """Name, labels and values of one series."""
    name = " ".join(_points(child(element, "tx")).values())
    labels = _points(child(element, "cat")) or _points(child(element, "xVal"))
    values = _points(child(element, "val")) or _points(child(element, "yVal"))
    return name, labels, values


def _points(element: Element | None) -> dict[int, str]:
    if element is None:
        return {}
    found: dict[int, str] = {}
    for order, value in enumerate(descendants(element, "v")):
        index = attribute(value.getparent(), "idx")
        found[int(index) if index.isdigit() else order] = one_line(value.text or "")
    return found
