"""Text that can be stored, shown and matched: without what only a terminal or a broken decoder would want."""

from __future__ import annotations

import re
import unicodedata

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)|[@-Z\\-_])")
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x85\u2028]")
_PAGE_ENDS = re.compile(r"[\x0c\u2029]")
# Controls, lone surrogates, non-characters, soft hyphens, zero-width spaces, and the marks that reorder a line.
# Joiners and direction marks stay: Persian, Indic scripts and emoji mean something by them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\u00ad\u200b\u2060\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_SPACES = re.compile(r"[ \t\xa0\u2000-\u200a\u202f\u205f]+")


# Where Unicode has controls that nobody uses, a decoder was given Windows-1252 and took it for Latin-1.
_WINDOWS = {code: bytes((code,)).decode("cp1252", "ignore") for code in range(0x80, 0xA0) if code != 0x85}
_GAPS = re.compile(r"[ \t\xa0]{100,}")  # wider than any column: only ever there to make a file large


def clean(text: str) -> str:
    """In NFC, with `\\n` as the only line break, and without control characters, lone surrogates and ANSI escapes."""
    if text.isascii() and text.isprintable() and len(text) < 100:
        return text
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = _GAPS.sub(" " * 8, text)
    text = _PAGE_ENDS.sub("\n\n", _LINE_ENDS.sub("\n", text))
    return unicodedata.normalize("NFC", _UNWANTED.sub("", text.translate(_WINDOWS)))


def one_line(text: str) -> str:
    """With every run of white space as one space."""
    return " ".join(text.split())


def tidy_lines(text: str) -> str:
    """Runs of blanks as one blank, lines without blanks at their ends, at most one empty line in a row."""
    if "\n" not in text:
        return _SPACES.sub(" ", text).strip()
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def row(cells: list[str]) -> str:
    """A table's row as a line: cells part by tabs, which a cell itself never has."""
    return "\t".join(one_line(cell) for cell in cells).rstrip("\t")
