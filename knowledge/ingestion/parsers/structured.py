"""JSON (also one value a line) and XML: data that says by paths and tags what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Block, ParsedDocument
from knowledge.ingestion.parsers.cleaning import clean, one_line, row
from knowledge.ingestion.parsers.encoding import decode
from knowledge.ingestion.parsers.markup import Element, descendants, local, parse_xml
from knowledge.ingestion.parsers.text import text_blocks

_TITLES = ("title", "name", "headline", "subject")
_ALONE = 400  # characters from which a string stands as a paragraph


class JsonParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        text = decode(path.read_bytes()).strip()
        values = _values(text)
        if values is None:
            # Whatever it is, it has words in it.
            return ParsedDocument("json", "", text_blocks(text))
        title = ""
        if len(values) == 1 and isinstance(values[0], dict):
            title = next((str(values[0][key]) for key in _TITLES if isinstance(values[0].get(key), str)), "")
        lines: list[Block] = []
        for value in values:
            lines.extend(_json_blocks(value))
        return ParsedDocument("json", title, lines)


def _values(text: str) -> list[Any] | None:
    """One value, or one a line; None if it is neither."""
    try:
        return [json.loads(text, parse_int=str, parse_float=str)]
    except ValueError:
        pass
    values = []
    for line in text.split("\n"):
        if line.strip():
            try:
                values.append(json.loads(line, parse_int=str, parse_float=str))
            except ValueError:
                return None
    return values or None


def _json_blocks(value: Any) -> Iterator[Block]:
    """A paragraph for each record; records are the objects of a list, however deep that is."""
    lines: list[str] = []
    for path, leaf, begins in _leaves(value):
        if begins and lines:
            yield Block("paragraph", "\n".join(lines))
            lines = []
        if leaf is not None:
            lines.append(f"{path}: {leaf}" if path else leaf)
    if lines:
        yield Block("paragraph", "\n".join(lines))


def _leaves(value: Any) -> Iterator[tuple[str, str | None, bool]]:
    """`(path, text, False)` for each scalar in order; `("", None, True)` where a record begins. Not recursive."""
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        path, one = pending.pop()
        if isinstance(one, dict):
            prefix = f"{path}." if path else ""
            pending.extend((prefix + str(key), inner) for key, inner in reversed(one.items()))
        elif isinstance(one, list):
            if all(not isinstance(inner, (dict, list)) for inner in one):
                if one:
                    yield path, ", ".join(_scalar(inner) for inner in one), False
                continue
            pending.extend((path, _Record(inner)) for inner in reversed(one))
        elif isinstance(one, _Record):
            yield "", None, True
            pending.append((path, one.value))
        else:
            text = _scalar(one)
            yield path, text, False


class _Record:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return clean(value).strip()
    return json.dumps(value)


class XmlParser:
    """Any XML as the text of its elements; articles in JATS by their sections."""

    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        root = parse_xml(path.read_bytes(), forgiving=False)
        if local(root) == "html":
            from knowledge.ingestion.parsers.html import decode_html, html_document

            return html_document(decode_html(path.read_bytes()))
        title = next((inner_text(one) for one in descendants(root, "article-title", "title")), "")
        return ParsedDocument("xml", title, list(_xml_blocks(root)))


_INLINE = frozenset(
    """
    italic bold sup sub xref ext-link underline sc monospace named-content styled-content i b em strong a span code
    emph hi ref u abbr inline-formula tt math mml
    """.split()  # noqa: SIM905
)
_PROSE = frozenset(("p", "para", "li", "td", "th", "title", "text", "line", "verse", "l", "quote", "body", "caption"))
_SECTIONS = frozenset(("sec", "section", "chapter", "appendix", "app", "body", "back"))


def inner_text(element: Element) -> str:
    return one_line("".join(element.itertext()))


def _xml_blocks(root: Element) -> Iterator[Block]:
    """Elements with text of their own are paragraphs, titles of sections are headings, `tr` are rows.

    Short elements side by side are the fields of one thing, and are kept together with their names.
    """
    fields: list[str] = []
    last = ""
    for name, text, level, apart in _xml_texts(root):
        short = not level and name not in _PROSE and len(text) < 200
        again = short and name == last and bool(fields) and len(fields[-1]) < 2_000
        last = name if short else ""
        if again:
            fields[-1] += f", {text}"
            continue
        if fields and (apart or not short):
            yield Block("paragraph", "\n".join(fields))
            fields = []
        if name == "tr":
            yield Block("table", text, header=text.partition("\n")[0] if "\n" in text else "")
        elif short:
            fields.append(f"{name}: {text}")
        elif text:
            yield Block("heading" if level else "paragraph", text, level)
    if fields:
        yield Block("paragraph", "\n".join(fields))


def _xml_texts(root: Element) -> Iterator[tuple[str, str, int, bool]]:
    """Tag, text, level of heading (0 for none), and whether it belongs to another thing than the one before."""
    pending: list[tuple[Element, int]] = [(root, 1)]
    family: object = None
    while pending:
        element, level = pending.pop()
        name, parent = local(element), element.getparent()
        if not name:
            continue
        if name == "table" and descendants(element, "tr"):
            rows = [row([inner_text(cell) for cell in tr]) for tr in descendants(element, "tr")]
            yield "tr", "\n".join(line for line in rows if line.strip()), 0, True
        elif name in ("title", "article-title") and parent is not None:
            yield name, inner_text(element), min(level if local(parent) in _SECTIONS else 1, 6), True
        elif _has_own_text(element) or not len(element):
            if text := inner_text(element):
                # Brothers, and cousins such as the names of several authors.
                above = parent.getparent() if parent is not None else None
                yield name, text, 0, family is None or (family is not parent and family is not above)
                family = above if above is not None else parent
        else:
            deeper = level + (name in ("sec", "section", "chapter"))
            pending.extend((one, deeper) for one in reversed(element))


def _has_own_text(element: Element) -> bool:
    if (element.text or "").strip() or any((one.tail or "").strip() for one in element):
        return not any(local(one) in ("p", "sec", "table", "list") for one in element)
    return len(element) > 0 and all(local(one) in _INLINE for one in element)
