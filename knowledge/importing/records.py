"""The rows of a CSV, XLSX, JSON or JSON Lines file, one after another. Runs in the confined child; knows no Django.

What the child writes is a line of JSON for each row, `[number, {column: value, …}]` with empty cells left out, or
`[number, {…}, "code"]` for one that cannot become an entry (a key of `reading.ROW_REASONS`), and at the end one
object: `{"end": Survey}` or `{"error": code}`.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.archive import Archive
from knowledge.ingestion.parsers.base import Unreadable
from knowledge.ingestion.parsers.encoding import detect_encoding
from knowledge.ingestion.parsers.sheets import sheet_names, typed_rows
from knowledge.ingestion.parsers.sniffing import sniff_delimiter
from knowledge.ingestion.sandbox import confine

COLUMNS_AT_MOST = 200
LONGEST_NAME = 100
DEEPEST = 20
HEAD = 50  # rows that are looked at for the names of the columns
SAMPLE_ROWS = 20
SAMPLE_CHARS = 1_000
SAMPLE_ALL = 100_000  # characters of all of them together
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\r\n]*")


class Row(NamedTuple):
    """`problem`, where it is not empty, says why no entry can be made of it."""

    number: int
    cells: dict[str, Any]
    problem: str = ""


class _Refused(Exception):
    """A row, or a value in it, that cannot be kept; the code."""


def child(job: dict[str, Any]) -> None:
    """`path`, `format`, `sheet`, `named`, `rows` (more are refused), `stop` (so many are enough), `cell_chars`."""
    limits = ParseLimits(**job["limits"])
    confine(limits)
    with os.fdopen(os.dup(1), "wb", buffering=1024 * 1024) as out:
        os.dup2(2, 1)  # a library that prints must not garble the answer
        try:
            survey = _Survey()
            for row in _bounded(read(job, limits, survey), job["rows"], job["stop"], survey):
                survey.note(row)
                out.write(_line(row if row.problem else row[:2]))
            end: dict[str, Any] = {"end": survey.told()}
        except Unreadable as error:
            end = {"error": error.code}
        except MemoryError:
            end = {"error": "too_large"}
        except (ValueError, KeyError, IndexError, RecursionError, OSError):
            end = {"error": "corrupt"}
        out.write(_line(end))
    os._exit(0)


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def read(job: dict[str, Any], limits: ParseLimits, survey: _Survey) -> Iterator[Row]:
    path = Path(job["path"])
    if job["format"] == "json":
        return _json_rows(path)
    named = bool(job["named"])
    if job["format"] == "xlsx":
        return _table(_sheet(path, job["sheet"], limits, survey), named, job["cell_chars"], survey)
    return _table(_delimited(path, job["cell_chars"], survey), named, job["cell_chars"], survey)


def _bounded(rows: Iterator[Row], most: int, stop: int | None, survey: _Survey) -> Iterator[Row]:
    for count, row in enumerate(rows, 1):
        if stop is not None and count > stop:
            survey.is_whole = False
            return
        if count > most:
            raise Unreadable("too_many_rows")
        yield row


class _Survey:
    """What is learnt of the columns on the way."""

    def __init__(self) -> None:
        self.columns: dict[str, list[int]] = {}  # name: cells that are filled, characters in them, the longest
        self.sample: list[Row] = []
        self.sampled = 0
        self.count = 0
        self.is_whole = True
        self.sheets: list[str] = []
        self.comma = False

    def note(self, row: Row) -> None:
        self.count += 1
        for name, value in row.cells.items():
            length = len(value) if isinstance(value, str) else len(str(value)) if isinstance(value, (list, dict)) else 8
            known = self.columns.get(name)
            if known is None:
                if len(self.columns) >= COLUMNS_AT_MOST:
                    continue
                known = self.columns[name] = [0, 0, 0]
            known[0] += 1
            known[1] += length
            known[2] = max(known[2], length)
        if len(self.sample) < SAMPLE_ROWS and not row.problem and self.sampled < SAMPLE_ALL:
            cells = {name: _cut(value) for name, value in row.cells.items() if name in self.columns}
            self.sampled += len(json.dumps(cells))
            self.sample.append(Row(row.number, cells))

    def told(self) -> dict[str, Any]:
        columns = [{"name": name, "filled": n[0], "chars": n[1], "longest": n[2]} for name, n in self.columns.items()]
        return {
            "columns": columns,
            "sample": [row[:2] for row in self.sample],
            "count": self.count,
            "is_whole": self.is_whole,
            "sheets": self.sheets[:COLUMNS_AT_MOST],
            "comma": self.comma,
        }


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value[:SAMPLE_CHARS]
    if isinstance(value, (list, dict)) and len(text := json.dumps(value, ensure_ascii=False)) > SAMPLE_CHARS:
        return text[:SAMPLE_CHARS]
    return value


# Tables


def _delimited(path: Path, longest: int, survey: _Survey) -> Iterator[tuple[int, Sequence[Any]]]:
    data = path.read_bytes()
    encoding = detect_encoding(data)
    head = data[:200_000].decode(encoding, "replace").lstrip("\ufeff")[:50_000]
    del data
    delimiter = sniff_delimiter(head)
    # Where fields are parted by semicolons or tabs, it is for the comma in their numbers.
    survey.comma = delimiter != ","
    csv.field_size_limit(longest)
    with path.open("rb") as file:
        text = io.TextIOWrapper(file, "utf-8-sig" if encoding == "utf-8" else encoding, "replace", newline="")
        lines = (line.replace("\0", "") for line in text)
        first = next(lines, "").lstrip("\ufeff")
        if re.fullmatch(r"sep=.\s*", first):  # what Excel writes to tell itself
            delimiter, first = first[4], ""
        try:
            yield from enumerate(csv.reader(chain([first], lines), delimiter=delimiter), 1)
        except csv.Error as error:
            raise Unreadable("cell_too_long" if "limit" in str(error) else "corrupt") from error


def _sheet(path: Path, name: str, limits: ParseLimits, survey: _Survey) -> Iterator[tuple[int, Sequence[Any]]]:
    with Archive(path, limits) as archive:
        survey.sheets = sheet_names(archive)
        chosen = name if name in survey.sheets else next(iter(survey.sheets), "")
        yield from typed_rows(archive, chosen)


def _table(rows: Iterator[tuple[int, Sequence[Any]]], named: bool, longest: int, survey: _Survey) -> Iterator[Row]:
    """Rows as records. Those above the one that names the columns are captions and left out."""
    rows = ((number, cells) for number, cells in rows if any(_is_filled(cell) for cell in cells))
    head = list(islice(rows, HEAD))
    if not head:
        return
    if named:
        at = _names_at([cells for _, cells in head])
        names = _names(head[at][1])
        head = head[at + 1 :]
    else:
        names = _names([""] * max(len(cells) for _, cells in head))
    survey.columns = {name: [0, 0, 0] for name in names}
    for number, cells in chain(head, rows):
        yield _record(number, names, cells, longest)


def _is_filled(cell: Any) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else True


def _names_at(rows: Sequence[Sequence[Any]]) -> int:
    """The first row that is nearly as wide as most are."""
    widths = [sum(map(_is_filled, cells)) for cells in rows]
    counted = Counter(widths)
    usual = max(counted, key=lambda width: (counted[width], width))
    return next(at for at, width in enumerate(widths) if width >= min(2, usual) and width >= 0.6 * usual)


def _names(cells: Sequence[Any]) -> list[str]:
    """Each once. One without a name is called by its number."""
    names: list[str] = []
    used: set[str] = set()
    # What is after the last name is of no column; where none has a name, each is one.
    width = max((at for at, cell in enumerate(cells, 1) if _is_filled(cell)), default=len(cells))
    if width > COLUMNS_AT_MOST:
        raise Unreadable("too_many_columns")
    for at, cell in enumerate(cells[:width], 1):
        base = " ".join(_NOT_STORABLE.sub("", _plain(cell)).split())[:LONGEST_NAME] or f"Column {at}"
        name, again = base, 1
        while name in used:
            again += 1
            name = f"{base} {again}"
        used.add(name)
        names.append(name)
    return names


def _plain(cell: Any) -> str:
    return cell if isinstance(cell, str) else json.dumps(cell)


def _record(number: int, names: Sequence[str], cells: Sequence[Any], longest: int) -> Row:
    problem = ""
    record: dict[str, Any] = {}
    for at, cell in enumerate(cells):
        if not _is_filled(cell):
            continue
        if isinstance(cell, str):
            if len(cell) > longest:
                cell, problem = cell[:longest], "cell_too_long"
            cell = _text(cell)
        if at < len(names):
            record[names[at]] = cell
        else:
            problem = "ragged"
            record[f"Column {at + 1}" if at < COLUMNS_AT_MOST else "…"] = cell
    return Row(number, record, problem)


def _text(value: str) -> str:
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_STORABLE.sub("", value)


# JSON


def _json_rows(path: Path) -> Iterator[Row]:
    data = path.read_bytes()
    text = data.decode(detect_encoding(data), "replace").lstrip("\ufeff")
    del data
    decoder = json.JSONDecoder(parse_constant=_no_number)
    start = _after_space(text, 0)
    if text.startswith("[", start):
        yield from map(_item, *_counted(_array(text, start + 1, decoder)))
    elif (alone := _alone(text, start, decoder)) is not None:
        yield from map(_item, *_counted(alone))
    else:
        yield from _lines(text, decoder)


def _counted(items: Iterable[Any]) -> tuple[Iterator[int], Iterable[Any]]:
    return iter(range(1, 2**31)), items


def _no_number(constant: str) -> None:
    raise ValueError(constant)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _array(text: str, at: int, decoder: json.JSONDecoder) -> Iterator[Any]:
    """Its elements, without all of them being there at once."""
    at = _after_space(text, at)
    if text.startswith("]", at):
        return
    while True:
        value, at = decoder.raw_decode(text, at)
        yield value
        at = _after_space(text, at)
        if text.startswith("]", at):
            return
        if not text.startswith(",", at):
            raise Unreadable("corrupt")
        at = _after_space(text, at + 1)


def _alone(text: str, at: int, decoder: json.JSONDecoder) -> list[Any] | None:
    """The records of a file that is one object: the only list of objects in it, or itself. None if it is not one."""
    try:
        value, end = decoder.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or _after_space(text, end) < len(text):
        return None
    lists = [one for one in value.values() if isinstance(one, list) and one and isinstance(one[0], dict)]
    return lists[0] if len(lists) == 1 else [value]


def _lines(text: str, decoder: json.JSONDecoder) -> Iterator[Row]:
    good = False
    for number, line in enumerate(io.StringIO(text), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError):
            if not good and number > HEAD:
                raise Unreadable("corrupt") from None
            yield Row(number, {"…": _text(line.strip()[:SAMPLE_CHARS])}, "not_json")
        else:
            good = True
            yield _item(number, value)


def _item(number: int, value: Any) -> Row:
    if not isinstance(value, dict):
        return Row(number, {"…": json.dumps(value)[:SAMPLE_CHARS]}, "not_object")
    try:
        kept = {_text(str(key))[:LONGEST_NAME]: _storable(one, 0) for key, one in value.items()}
    except _Refused as error:
        return Row(number, {"…": json.dumps(value)[:SAMPLE_CHARS]}, str(error))
    return Row(number, {name: one for name, one in kept.items() if one not in (None, "", [], {})})


def _storable(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise _Refused("too_deep")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise _Refused("no_number")
    if isinstance(value, int) and abs(value) >= 10**100:
        raise _Refused("no_number")
    if isinstance(value, list):
        return [_storable(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {_text(str(key)): _storable(one, depth + 1) for key, one in value.items()}
    return value
