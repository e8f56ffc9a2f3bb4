"""The text of an entry as it was sent: plain, HTML or Markdown, told by what is in it, to clean blocks."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from knowledge.ingestion.errors import IngestionError
from knowledge.ingestion.parsers.base import ParsedDocument
from knowledge.ingestion.parsers.html import html_document
from knowledge.ingestion.parsers.markdown import markdown_document
from knowledge.ingestion.parsers.reading import cleaned
from knowledge.ingestion.parsers.text import plain_text_document
from knowledge.ingestion.sandbox import parse_file

# Markup above this many characters is read in a process of its own: starting one takes longer than reading less.
READ_HERE = 50_000
LOOKED_AT = 20_000

_ELEMENTS = (
    "p|div|br|h[1-6]|ul|ol|li|table|thead|tbody|tr|td|th|strong|em|b|i|u|a|span|blockquote|pre|code|img|section|article"
    "|header|footer|main|figure|dl|dt|dd|hr|sup|sub|html|body|head|script|style|title|meta|details|summary"
)
_TAG = re.compile(rf"</?(?:{_ELEMENTS})(?:\s[^<>]{{0,500}})?/?>", re.IGNORECASE)
_BEGINS_AS_HTML = re.compile(
    rf"\s*(?:<!--.{{0,2000}}?-->\s*)*(?:<!doctype\s+html|<(?:{_ELEMENTS})[\s/>])", re.IGNORECASE | re.DOTALL
)
_FENCED = re.compile(r"^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
_CODE_SPAN = re.compile(r"`[^`\n]+`")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+\S.*$", re.MULTILINE)
# One that stands apart, as headings do and the comments of settings files do not.
_APART = re.compile(r"(?:\A|\n[ \t]*\n)[ \t]{0,3}#{1,6}[ \t]+\S")
_UNDERLINED = re.compile(r"^(?! {0,3}[-=]).{2,200}\n {0,3}(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)
_TABLE_RULE = re.compile(r"^ {0,3}\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)+\|?[ \t]*$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]\n]{1,300}\]\((?:https?://|/|#|mailto:)[^)\s]{0,1000}\)")
_EMPHASIS = re.compile(r"(?<!\S)\*\*\S[^*\n]{0,200}\*\*")
_ITEM = re.compile(r"^ {0,3}[-*+][ \t]+\S", re.MULTILINE)


def read_text(text: str) -> ParsedDocument:
    """Raises IngestionError for markup that cannot be read in the time and memory that a file may take."""
    kind = kind_of(text)
    if kind == "text":
        return plain_text_document(text)
    if len(text) > READ_HERE:
        return _read_apart(text, kind)
    document = html_document(text) if kind == "html" else markdown_document(text)
    document.blocks = [block for one in document.blocks if (block := cleaned(one)).text]
    return document


def _read_apart(text: str, kind: str) -> ParsedDocument:
    with tempfile.TemporaryDirectory(prefix="doculume-") as folder:
        path = Path(folder) / "content"
        path.write_text(text, encoding="utf-8")
        try:
            return parse_file(path, f"entry.{'md' if kind == 'markdown' else kind}")
        except IngestionError as error:
            if error.error_code != "no_text":
                raise
            return ParsedDocument(kind, "", [])


def kind_of(text: str) -> str:
    """`html`, `markdown` or `text`. What is read as the wrong one of them loses its structure, and no words."""
    sample = text[:LOOKED_AT]
    prose = _CODE_SPAN.sub("", _FENCED.sub("", sample))
    if _is_markdown(sample, prose):
        return "markdown"
    tags = _TAG.findall(prose)
    closed = sum(tag.startswith("</") or tag.lower().startswith("<br") for tag in tags)
    if tags and (_BEGINS_AS_HTML.match(prose) or (closed >= 1 and len(tags) >= 2)):
        return "html"
    return "text"


def _is_markdown(sample: str, prose: str) -> bool:
    """Structures that plain text and HTML rarely have. HTML in Markdown is read there too, but not the other way."""
    if re.match(r"\s*<(?:!doctype\s+html|html|head|body)[\s>]", sample, re.IGNORECASE):
        return False
    inside_html = len(re.findall(r"</(?:p|div|li|td|h[1-6])>", prose, re.IGNORECASE))
    if inside_html > 3 and inside_html > len(_HEADING.findall(prose)):
        return False
    if _FENCED.search(sample) or _TABLE_RULE.search(prose):
        return True
    if apart := len(_APART.findall(prose)):
        return apart * 2 >= len(_HEADING.findall(prose))
    if _UNDERLINED.search(prose):
        return True
    marks = len(_LINK.findall(prose)) + len(_EMPHASIS.findall(prose))
    return marks >= 2 or (marks >= 1 and len(_ITEM.findall(prose)) >= 2)


def searchable_lines(meta: Mapping[str, Any]) -> str:
    """`name: value` a line, nested names with dots, the values of a list beside each other."""
    return "\n".join(f"{name}: {value}" for name, value in _named_values(meta, ""))


def _named_values(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _named_values(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(part, Mapping | list) for part in value):
        for part in value:
            yield from _named_values(part, name)
    elif isinstance(value, list):
        if texts := [text for part in value if (text := _plain(part))]:
            yield name, ", ".join(texts)
    elif text := _plain(value):
        yield name, text


def _plain(value: Any) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return " ".join(text.split())
