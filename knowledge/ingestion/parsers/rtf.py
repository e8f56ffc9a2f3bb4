"""RTF (specification 1.9.1): text, tables, notes and text boxes, in the code page of each font."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Block, ParsedDocument
from knowledge.ingestion.parsers.cleaning import one_line, row

_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})?[ ]?"
    r"|\\'(?P<hex>[0-9a-fA-F]{2})"
    r"|\\(?P<symbol>[^a-zA-Z])"
    r"|(?P<brace>[{}])"
    r"|(?P<line>[\r\n\x00]+)"
    r"|(?P<text>[^\\{}\r\n\x00]+)"
    r"|(?P<rest>.)",
    re.DOTALL,
)
_SKIPPED = frozenset(
    """
    colortbl filetbl revtbl pict objdata themedata colorschememapping latentstyles datastore listtable
    listoverridetable rsidtbl generator fldinst xe tc template nonshppict bkmkstart bkmkend sp sn sv shprslt
    pgptbl mmathPr xmlnstbl wgrffmtfilter pnseclvl listpicture blipuid blipupi objclass objname password
    passwordhash protusertbl userprops docvar xmlopen atnid atnauthor atndate atnref atnicn atrfstart atrfend
    datafield formfield ffname ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn factoidname oldcprops oldpprops
    """.split()  # noqa: SIM905
)
_ENTERED = frozenset("shpinst shptxt shp annotation footnote header footer listtext pntext falt upr ud".split())  # noqa: SIM905
_ASIDE = frozenset(
    "header headerl headerr headerf footer footerl footerr footerf footnote annotation shptxt".split()  # noqa: SIM905
)
_CHARSETS = {
    0: "cp1252", 2: "cp1252", 77: "mac-roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "big5",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp437",
}  # fmt: skip
_SYMBOLS = {
    "tab": "\t", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
    "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ", "line": "\n", "softline": "\n", "zwj": "\u200d",
    "zwnj": "\u200c", "ltrmark": "\u200e", "rtlmark": "\u200f", "zwbo": "",
}  # fmt: skip


class RtfParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        reader = _Reader(path.read_bytes().decode("latin-1"))
        reader.run()
        return ParsedDocument("rtf", one_line(reader.title), reader.blocks + reader.aside_blocks())


@dataclass(slots=True)
class _State:
    """What a group inherits and forgets at its end."""

    skipped: bool = False
    destination: str = ""
    codec: str = ""
    fallback: int = 1  # characters that stand in for a \u, to be passed over
    hidden: bool = False


@dataclass
class _Output:
    """A stream of text of its own: the body, or one footnote, header or text box."""

    parts: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    level: int = 0
    item: str = ""
    in_table: bool = False

    def end_paragraph(self) -> None:
        if self.in_table:
            self.parts.append("\n")
            return
        self.end_table()
        text = "".join(self.parts).strip()
        self.parts.clear()
        if text and self.level and len(text) < 300:
            self.blocks.append(Block("heading", text, min(self.level, 6)))
        elif text:
            marker = one_line(self.item)
            self.blocks.append(Block("list", f"{marker} {text}") if marker else Block("paragraph", text))
        self.item = ""

    def end_cell(self) -> None:
        self.cells.append("".join(self.parts))
        self.parts.clear()

    def end_row(self) -> None:
        if any(part.strip() for part in self.parts):
            self.end_cell()
        if line := row(self.cells):
            self.rows.append(line)
        self.cells.clear()
        self.parts.clear()
        self.in_table = False

    def end_table(self) -> None:
        if self.cells:
            pending, self.parts = self.parts, []
            self.end_row()
            self.parts = pending
        if self.rows:
            header = self.rows[0] if len(self.rows) > 1 else ""
            self.blocks.append(Block("table", "\n".join(self.rows), header=header))
            self.rows.clear()

    def finish(self) -> list[Block]:
        self.in_table = False
        self.end_paragraph()
        self.end_table()
        return self.blocks


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.state = _State(codec="cp1252")
        self.stack: list[tuple[_State, _Output]] = []
        self.out = _Output()
        self.body = self.out
        self.aside: list[_Output] = []
        self.default_codec = "cp1252"
        self.default_font = ""
        self.fonts: dict[str, str] = {}
        self.font = ""
        self.styles: dict[str, int] = {}
        self.style = ""
        self.pending = bytearray()
        self.high = ""  # the first half of a surrogate pair
        self.starred = False
        self.to_pass = 0
        self.title = ""

    @property
    def blocks(self) -> list[Block]:
        return self.body.blocks

    def aside_blocks(self) -> list[Block]:
        seen: set[str] = set()
        found = []
        for out in self.aside:
            for block in out.finish():
                if block.text not in seen:
                    seen.add(block.text)
                    found.append(block)
        return found

    def run(self) -> None:
        at, end = 0, len(self.source)
        while at < end:
            match = _TOKEN.match(self.source, at)
            if match is None:
                break
            at = match.end()
            if match["word"]:
                at += self._word(match["word"], match["number"])
            elif match["hex"]:
                self._byte(int(match["hex"], 16))
            elif match["text"]:
                self._text(match["text"])
            elif match["symbol"]:
                self._symbol(match["symbol"])
            elif match["brace"] == "{":
                self._flush()
                self.stack.append((self.state, self.out))
                self.state = replace(self.state)
                self.starred, self.to_pass = False, 0
            elif match["brace"]:
                self._close()
        self._flush()
        self.body.finish()

    def _close(self) -> None:
        self._flush()
        self.to_pass = 0
        if self.stack:
            self.state, out = self.stack.pop()
            if out is not self.out:
                self.out = out

    def _word(self, word: str, number: str | None) -> int:
        """Obey a control word; the number of characters after it that are binary data."""
        self._flush()
        starred, self.starred = self.starred, False
        value = int(number) if number else None
        if word == "bin":
            return max(value or 0, 0)
        if word in _SKIPPED or (starred and word not in _ENTERED):
            self.state.skipped = True
        elif word in ("fonttbl", "stylesheet", "info", "title", "listtext", "pntext"):
            self.state.destination = word
        elif word in _ASIDE and not self.state.skipped:
            self.out = _Output()
            self.aside.append(self.out)
            self.state.destination = ""
        elif word == "u" and value is not None:
            self._unicode(value)
        elif word in _SYMBOLS:
            self._write(_SYMBOLS[word])
        else:
            self._property(word, value)
        return 0

    def _property(self, word: str, value: int | None) -> None:
        state = self.state
        if word == "uc":
            state.fallback = max(value or 0, 0)
        elif word in ("v", "deleted"):
            state.hidden = value != 0
        elif word == "plain":
            state.hidden = False
            state.codec = self.fonts.get(self.default_font, self.default_codec)
        elif word == "f":
            self.font = str(value)
            state.codec = self.fonts.get(self.font, self.default_codec)
        elif word == "deff":
            self.default_font = str(value)
        elif word in ("fcharset", "cpg"):
            self._font_codec(word, value or 0)
        elif word in ("ansicpg", "mac", "pc", "pca"):
            self._document_codec({"mac": "mac-roman", "pc": "cp437", "pca": "cp850"}.get(word, f"cp{value}"))
        elif word == "s" and state.destination == "stylesheet":
            self.style = str(value)
        elif not state.skipped and state.destination in ("", "listtext", "pntext"):
            self._layout(word, value)
        elif word == "outlinelevel" and state.destination == "stylesheet":
            self.styles[self.style] = (value or 0) + 1

    def _layout(self, word: str, value: int | None) -> None:
        out = self.out
        if word in ("par", "sect", "page"):
            out.end_paragraph()
        elif word == "pard":
            out.level, out.in_table = 0, False
        elif word == "intbl":
            out.in_table = True
        elif word in ("cell", "nestcell"):
            out.end_cell()
            out.in_table = True
        elif word in ("row", "nestrow"):
            out.end_row()
        elif word == "trowd" and not out.in_table:
            out.in_table = bool(out.cells)
        elif word == "s":
            out.level = self.styles.get(str(value), 0)
        elif word == "outlinelevel":
            out.level = (value or 0) + 1 if (value or 0) < 9 else 0

    def _font_codec(self, word: str, value: int) -> None:
        if self.state.destination == "fonttbl":
            codec = _CHARSETS.get(value) if word == "fcharset" else f"cp{value}"
            if codec and value != 1 and _exists(codec):
                self.fonts[self.font] = codec
            elif value == 1:
                self.fonts[self.font] = self.default_codec

    def _document_codec(self, codec: str) -> None:
        if _exists(codec):
            self.default_codec = self.state.codec = codec

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self.starred = True
            return
        self._flush()
        if symbol in "\r\n":
            if not self.state.skipped and not self.state.destination:
                self.out.end_paragraph()
            return
        self._write({"~": "\xa0", "_": "-", "-": ""}.get(symbol, symbol if symbol in "\\{}" else ""))

    def _unicode(self, value: int) -> None:
        code = value % 65_536
        char = chr(code)
        if 0xD800 <= code < 0xDC00:
            self.high = char
        elif 0xDC00 <= code < 0xE000 and self.high:
            pair = (self.high + char).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            self.high = ""
            self._write(pair)
        else:
            self._write("•" if 0xF000 <= code <= 0xF0FF else char)
        self.to_pass = self.state.fallback

    def _byte(self, value: int) -> None:
        if self.to_pass:
            self.to_pass -= 1
        else:
            self.pending.append(value)

    def _text(self, text: str) -> None:
        if self.to_pass:
            passed = min(self.to_pass, len(text))
            self.to_pass -= passed
            text = text[passed:]
        if self.pending and text and self._half_a_character():
            self.pending.append(ord(text[0]) & 0xFF)
            text = text[1:]
        self._flush()
        if text:
            # Unescaped bytes above 127 are against the specification, and common.
            self._write(text if text.isascii() else text.encode("latin-1", "replace").decode(self._codec(), "replace"))

    def _half_a_character(self) -> bool:
        """Whether the bytes so far end within a character, whose second byte may be a plain letter."""
        if self._codec() not in ("cp932", "cp949", "johab", "gbk", "big5"):
            return False
        decoder = codecs.getincrementaldecoder(self._codec())("replace")
        decoder.decode(bytes(self.pending))
        return bool(decoder.getstate()[0])

    def _codec(self) -> str:
        return self.state.codec or self.default_codec

    def _flush(self) -> None:
        if self.pending:
            data, self.pending = bytes(self.pending), bytearray()
            self._write(data.decode(self._codec(), "replace"))

    def _write(self, text: str) -> None:
        state = self.state
        if state.skipped or state.hidden:
            return
        if state.destination == "title":
            self.title += text
        elif state.destination == "stylesheet":
            if named := re.match(r"heading (\d)", text.strip(), re.IGNORECASE):
                self.styles.setdefault(self.style, int(named[1]))
        elif state.destination in ("listtext", "pntext"):
            self.out.item += text
        elif not state.destination:
            self.out.parts.append(text)


def _exists(codec: str) -> bool:
    try:
        codecs.lookup(codec)
    except LookupError:
        return False
    return True
