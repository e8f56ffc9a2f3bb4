"""From a file to clean blocks: tell the kind, run its parser, see that the outcome is fit to be kept."""

from __future__ import annotations

import dataclasses
import sys
import zipfile
from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers import load_parser
from knowledge.ingestion.parsers.base import Block, ParsedDocument, Unreadable
from knowledge.ingestion.parsers.cleaning import clean, one_line
from knowledge.ingestion.parsers.sniffing import sniff


def read_document(path: Path, filename: str, limits: ParseLimits) -> ParsedDocument:
    """Raises Unreadable, with `no_text` for a file without a letter or digit in it. MemoryError is let through."""
    try:
        kind = sniff(path, filename).name
        document = load_parser(kind).parse(path, limits)
    except (Unreadable, MemoryError):
        raise
    except RecursionError as error:
        raise Unreadable("too_large", "The file's content is nested too deeply to be read.") from error
    except Exception as error:
        # Whatever a parser trips over is the file's fault as far as its owner is concerned.
        sys.excepthook(type(error), error, error.__traceback__)
        code = "corrupt" if isinstance(error, (ValueError, LookupError, zipfile.BadZipFile)) else "parser_crashed"
        raise Unreadable(code) from error
    return _checked(document, limits)


def _checked(document: ParsedDocument, limits: ParseLimits) -> ParsedDocument:
    blocks = [tidy for block in document.blocks if (tidy := cleaned(block)).text]
    if sum(len(block.text) for block in blocks) > limits.text_chars:
        raise Unreadable("too_large")
    if not _has_words(blocks):
        raise Unreadable("no_text")
    title = one_line(clean(document.title)) or next((one_line(b.text) for b in blocks if b.kind == "heading"), "")
    metadata = {key: one_line(clean(value))[:1000] for key, value in document.metadata.items() if value}
    return dataclasses.replace(document, blocks=blocks, title=title[:500], metadata=metadata)


def _has_words(blocks: list[Block]) -> bool:
    """Whether there is a letter or digit, and not mostly characters that a font has and nobody can name."""
    letters = nameless = 0
    for block in blocks:
        for char in block.text:
            if char.isalnum():
                letters += 1
            elif char == "\ufffd" or "\ue000" <= char <= "\uf8ff":
                nameless += 1
        if letters > 10_000:
            break
    return letters > nameless


def cleaned(block: Block) -> Block:
    text = clean(block.text).strip("\n").rstrip()
    if block.kind == "heading":
        text = one_line(text)
    elif block.kind == "paragraph":
        text = text.lstrip()
    if text == block.text and not block.header:
        return block
    return dataclasses.replace(block, text=text, header=clean(block.header).strip("\n"))
