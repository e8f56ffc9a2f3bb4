"""XLSX, streamed: cells as they are shown, sheet by sheet (ECMA-376 part 1, 18)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from lxml import etree

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.archive import Archive
from knowledge.ingestion.parsers.base import Block, ParsedDocument, Unreadable
from knowledge.ingestion.parsers.cleaning import one_line
from knowledge.ingestion.parsers.delimited import table_blocks
from knowledge.ingestion.parsers.drawings import drawing_blocks, drawn_text
from knowledge.ingestion.parsers.markup import Element, attribute, child, descendants, local
from knowledge.ingestion.parsers.opc import core_properties, main_part, read_part, related, relations

Scalar = str | int | float | bool
Cell = TypeVar("Cell", str, Scalar)

_CELLS_AT_MOST = 5_000_000
_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))  # built-in formats of dates
_PERCENT = {9: 0, 10: 2}
_SHOWN_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d{1,3})?")
_QUOTED = re.compile(r'"[^"]*"|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')


@dataclass(slots=True)
class _Workbook:
    strings: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)  # of each cell style: "date", "time", "elapsed", "percent:2" or ""
    since: datetime = datetime(1899, 12, 30)
    cells: int = 0


class XlsxParser:
    def parse(self, path: Path, limits: ParseLimits) -> ParsedDocument:
        with Archive(path, limits) as archive:
            part, root = _opened(archive)
            book = _workbook(archive, part, root)
            blocks: list[Block] = []
            for name, member in _sheets(archive, part, root):
                content = list(_sheet_blocks(archive, member, book))
                if content:
                    blocks += [Block("heading", name, 1), *content]
            properties = core_properties(archive)
        return ParsedDocument("xlsx", properties.pop("title", ""), blocks, None, properties)


def _workbook(archive: Archive, part: str, root: Element) -> _Workbook:
    book = _Workbook()
    for properties in descendants(root, "workbookPr"):
        if attribute(properties, "date1904") in ("1", "true"):
            book.since = datetime(1904, 1, 1)
    for name in related(archive, part, "sharedStrings"):
        book.strings = list(_shared_strings(archive.read(name)))
    for name in related(archive, part, "styles"):
        if (styles := read_part(archive, name)) is not None:
            book.formats = _formats(styles)
    return book


def _sheets(archive: Archive, part: str, root: Element) -> Iterator[tuple[str, str]]:
    """Name and member of each sheet in order, hidden ones too: what is hidden from a reader may still be asked for."""
    known = relations(archive, part)
    for sheet in descendants(root, "sheet"):
        for key, value in sheet.attrib.items():
            if key.endswith("}id") and value in known and known[value].kind in ("worksheet", "chartsheet"):
                yield attribute(sheet, "name"), known[value].target


def _elements(data: bytes, *tags: str) -> Iterator[Element]:
    """Elements of a large part one by one, forgotten once they were seen."""
    events = etree.iterparse(
        io.BytesIO(data),
        events=("end",),
        tag=[f"{{*}}{tag}" for tag in tags],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    for _, element in events:
        yield element
        element.clear(keep_tail=False)
        while element.getprevious() is not None:
            del element.getparent()[0]


def _shared_strings(data: bytes) -> Iterator[str]:
    for item in _elements(data, "si"):
        yield _rich_text(item)


def _rich_text(item: Element) -> str:
    """The runs of a string; phonetic hints (`rPh`) repeat it in another script."""
    return "".join(
        one.text or "" for one in descendants(item, "t") if one.getparent() is None or local(one.getparent()) != "rPh"
    )


def _formats(styles: Element) -> list[str]:
    custom = {attribute(one, "numFmtId"): attribute(one, "formatCode") for one in descendants(styles, "numFmt")}
    cells = child(styles, "cellXfs")
    return [_format(attribute(one, "numFmtId", "0"), custom) for one in ([] if cells is None else cells)]


def _format(number: str, custom: dict[str, str]) -> str:
    if number in custom:
        code = _QUOTED.sub("", custom[number].split(";")[0]).lower()
        if "%" in code:
            return f"percent:{len(code.partition('.')[2].partition('%')[0].strip())}"
        if re.search(r"[dy]|mmm", code):
            return "date"
        return "" if not re.search(r"[hs]", code) else "elapsed" if re.search(r"\[[hms]+\]", code) else "time"
    index = int(number) if number.isdigit() else 0
    if index in _PERCENT:
        return f"percent:{_PERCENT[index]}"
    if index in (18, 19, 20, 21, 45, 46, 47):
        return "time" if index < 22 else "elapsed"
    return "date" if index in _DATES else ""


def _sheet_blocks(archive: Archive, member: str, book: _Workbook) -> Iterator[Block]:
    if member not in archive:
        return
    for part in _regions(_rows(archive.read(member), book, _value)):
        yield from table_blocks(part)
    for name in related(archive, member, "comments", "threadedComment"):
        if (root := read_part(archive, name)) is not None:
            for comment in descendants(root, "comment", "threadedComment"):
                yield Block("paragraph", one_line("".join(t.text or "" for t in descendants(comment, "t", "text"))))
    for name in related(archive, member, "drawing"):
        if (root := read_part(archive, name)) is not None:
            for paragraph in descendants(root, "p"):
                yield Block("paragraph", drawn_text(paragraph))
        yield from drawing_blocks(archive, name)


def _rows(
    data: bytes, book: _Workbook, value_of: Callable[[Element, _Workbook], Cell], lead: int = 50
) -> Iterator[tuple[int, list[Cell]]]:
    """Number and cells of each row that is not empty; columns between are empty strings, and up to `lead` before."""
    number = 0
    for element in _elements(data, "row"):
        given = attribute(element, "r")
        # Each once and in order, whatever the file says: refused rows are kept by their number.
        said = int(given) if given.isdecimal() and len(given) < 10 else 0
        number = max(said, number + 1)
        cells: dict[int, Any] = {}
        column = -1
        for cell in element:
            if local(cell) != "c":
                continue
            column = _column(attribute(cell, "r"), column + 1)
            book.cells += 1
            if book.cells > _CELLS_AT_MOST:
                raise Unreadable("too_large")
            if (value := value_of(cell, book)) != "":
                cells[column] = value
        if cells:
            first, last = min(cells), max(cells)
            if last - first > 2_000:  # two far corners of an inflated range are no reason for all between
                yield number, [cells[at] for at in sorted(cells)]
            else:
                yield number, [""] * min(first, lead) + [cells.get(at, "") for at in range(first, last + 1)]


def _column(reference: str, default: int) -> int:
    index = 0
    for char in reference:
        if not "A" <= char <= "Z":
            break
        index = index * 26 + ord(char) - 64
    return index - 1 if 0 < index <= 20_000 else default


def _regions(rows: Iterator[tuple[int, list[str]]]) -> Iterator[list[list[str]]]:
    """Tables on one sheet, parted by empty rows; columns that are empty all along are left out."""
    region: list[list[str]] = []
    last = 0
    for number, cells in rows:
        if region and number > last + 1 and (len(region) > 1 or _filled(region[0]) > 1):
            yield _narrow(region)
            region = []
        region.append(cells)
        last = number
    if region:
        yield _narrow(region)


def _filled(cells: list[str]) -> int:
    return sum(bool(cell) for cell in cells)


def _narrow(region: list[list[str]]) -> list[list[str]]:
    used = sorted({at for cells in region for at, cell in enumerate(cells) if cell})
    return [[cells[at] if at < len(cells) else "" for at in used] for cells in region]


def _value(cell: Element, book: _Workbook) -> str:
    kind = attribute(cell, "t", "n")
    if kind == "inlineStr":
        inline = child(cell, "is")
        return _rich_text(inline) if inline is not None else ""
    found = child(cell, "v")
    raw = (found.text or "") if found is not None else ""
    if kind == "s":
        return book.strings[int(raw)] if raw.isdigit() and int(raw) < len(book.strings) else ""
    if kind == "b":
        return {"1": "TRUE", "0": "FALSE"}.get(raw, raw)
    if kind != "n" or not raw:
        return raw.replace("T00:00:00", "") if kind == "d" else raw
    style = attribute(cell, "s", "0")
    index = int(style) if style.isdigit() else 0
    return _shown(raw, book.formats[index] if index < len(book.formats) else "", book.since)


def _shown(raw: str, shape: str, since: datetime) -> str:
    """A number as its format shows it: dates in ISO 8601, percentages with their sign, others unrounded."""
    try:
        value = float(raw)
        if shape == "date":
            return _moment(value, since)
        if shape in ("time", "elapsed"):
            return _time(value % 1 if shape == "time" else value)
        if shape.startswith("percent"):
            return f"{value * 100:.{min(int(shape[8:]), 10)}f}%"
    except (ValueError, OverflowError):
        return raw
    return f"{value:.15g}" if abs(value) < 1e15 else raw


def _moment(value: float, since: datetime) -> str:
    if not 0 <= value < 2_958_466:
        return f"{value:.15g}"
    if value < 1:
        return _time(value)
    # The first of January 1900 is day 1, and a 29th of February that never was is day 60.
    days = value + 1 if since.year == 1899 and value < 60 else value
    moment = since + timedelta(seconds=round(days * 86_400))
    return moment.strftime("%Y-%m-%d" if moment.time() == datetime.min.time() else "%Y-%m-%d %H:%M:%S")


def _time(value: float) -> str:
    seconds = round(value * 86_400)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def sheet_names(archive: Archive) -> list[str]:
    """Of those that hold cells, in order. Raises Unreadable where there is no workbook."""
    part, root = _opened(archive)
    return [name for name, member in _sheets(archive, part, root) if member in archive]


def typed_rows(archive: Archive, sheet: str) -> Iterator[tuple[int, list[Scalar]]]:
    """Number and cells of each row of a sheet that is not empty, as what they are: numbers, truth values, dates and
    times in ISO 8601, text. A formula is what it came to; what came to an error is nothing."""
    part, root = _opened(archive)
    book = _workbook(archive, part, root)
    for name, member in _sheets(archive, part, root):
        if name == sheet and member in archive:
            yield from _rows(archive.read(member), book, _typed, lead=2_000)
            return


def _opened(archive: Archive) -> tuple[str, Element]:
    part = main_part(archive, "xl/workbook.xml")
    root = read_part(archive, part)
    if root is None:
        raise Unreadable("corrupt")
    return part, root


def _typed(cell: Element, book: _Workbook) -> Scalar:
    kind = attribute(cell, "t", "n")
    shown = _value(cell, book)
    if kind == "b":
        return {"TRUE": True, "FALSE": False}.get(shown, shown)
    if kind == "e":
        return ""
    if kind == "n" and _SHOWN_NUMBER.fullmatch(shown):
        value = float(shown)
        if not isfinite(value):
            return shown
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return shown
