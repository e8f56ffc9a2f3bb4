"""E-mail messages (RFC 5322, MIME): headers people read, texts, messages within, and the names of attachments."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.header import decode_header
from email.message import Message
from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Block, ParsedDocument
from knowledge.ingestion.parsers.cleaning import clean, one_line
from knowledge.ingestion.parsers.encoding import decode
from knowledge.ingestion.parsers.html import decode_html, html_document
from knowledge.ingestion.parsers.text import text_blocks

_SHOWN = ("Subject", "From", "To", "Cc", "Date")
_PARTS_AT_MOST = 500


class MailParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        data = path.read_bytes()
        if data[:4].count(0) or data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
            data = decode(data).encode("utf-8", "replace")
        # This policy keeps what it cannot parse; the newer one raises on malformed headers when they are read.
        message = email.message_from_bytes(data, policy=email.policy.compat32)
        blocks = list(_message_blocks(message, limits.nesting))
        metadata = {"author": _header(message, "From"), "created": _header(message, "Date")}
        return ParsedDocument("eml", _header(message, "Subject"), blocks, None, metadata)


def _message_blocks(message: Message, depth: int) -> Iterator[Block]:
    headers = [f"{name}: {value}" for name in _SHOWN if (value := _header(message, name))]
    if headers:
        yield Block("paragraph", "\n".join(headers))
    yield from _part_blocks(message, depth)


def _header(message: Message, name: str) -> str:
    """A header as text. Encoded words may name any charset, or lie about it."""
    raw = message.get(name)
    if raw is None:
        return ""
    try:
        pieces = decode_header(raw)
    except (email.errors.HeaderParseError, ValueError):
        return one_line(clean(str(raw)))
    text = "".join(
        piece if isinstance(piece, str) else decode(piece, charset if charset != "unknown-8bit" else None)
        for piece, charset in pieces
    )
    return one_line(clean(text))


def _part_blocks(message: Message, depth: int) -> Iterator[Block]:
    if message.get_content_type() == "message/rfc822":
        for inner in _inner(message):
            if depth > 0:
                yield from _message_blocks(inner, depth - 1)
        return
    if message.is_multipart():
        parts = _inner(message)
        if message.get_content_type() == "multipart/alternative":
            yield from _alternative_blocks(parts, depth)
        else:
            for part in parts:
                if depth > -20:
                    yield from _part_blocks(part, depth - (part.get_content_maintype() == "multipart"))
        return
    yield from _leaf_blocks(message)


def _inner(message: Message) -> list[Message]:
    payload = message.get_payload()
    return [one for one in payload if isinstance(one, Message)][:_PARTS_AT_MOST] if isinstance(payload, list) else []


def _alternative_blocks(parts: list[Message], depth: int) -> Iterator[Block]:
    """The renderings of the same text: each that says something which those before it do not."""
    said = ""
    for part in parts:
        blocks = list(_part_blocks(part, depth - 1)) if depth > -20 else []
        words = _essence(" ".join(block.text for block in blocks))
        fresh = [block for block in blocks if _essence(block.text) not in said]
        new = sum(len(block.text) for block in fresh)
        if not said or new * 20 > len(words):
            yield from (blocks if not said else fresh)
        said += words


def _essence(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _leaf_blocks(message: Message) -> Iterator[Block]:
    kind = message.get_content_type()
    name = _filename(message)
    if message.get_content_disposition() == "attachment" or message.get_content_maintype() != "text":
        if name:
            yield Block("paragraph", f"Attachment: {name}")
        if kind not in ("text/plain", "text/html", "text/csv", "text/markdown"):
            return
    data = message.get_payload(decode=True)
    if not isinstance(data, bytes) or not data.strip():
        return
    charset = message.get_content_charset()
    if kind == "text/html":
        yield from html_document(decode_html(data, charset)).blocks
    else:
        yield from text_blocks(decode(data, charset))


def _filename(message: Message) -> str:
    try:
        return one_line(clean(message.get_filename() or ""))
    except (ValueError, LookupError):
        return ""
