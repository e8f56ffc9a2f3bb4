"""Having the rows of an uploaded file read, by a child that can be killed; and in which words to say why not."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar, cast

from django.conf import settings
from django.core.files.base import File
from django.utils.translation import gettext_noop as _

from doculume.errors import DoculumeError
from knowledge.importing.records import Row
from knowledge.ingestion.errors import REASONS as OF_DOCUMENTS
from knowledge.ingestion.errors import UnsupportedType
from knowledge.ingestion.limits import MB, ParseLimits
from knowledge.ingestion.parsers.base import Unreadable
from knowledge.ingestion.parsers.detect import detect_kind
from knowledge.ingestion.sandbox import run_confined

REASONS = {code: sentence for code, (sentence, _permanent) in OF_DOCUMENTS.items()} | {
    "corrupt": _("The file is damaged or not what its name says. Open it, save it again, and choose it anew."),
    "too_many_rows": _("The file has more rows than can be taken at once. Split it into several files."),
    "too_many_columns": _("The file has more than 200 columns."),
    "cell_too_long": _("A cell of the file is longer than can be taken. Perhaps a quotation mark is not closed."),
    "no_rows": _("No rows were found in the file."),
    "collection_gone": _("The collection was deleted."),
    "interrupted": _("It could not be finished. What was written stays; import the file once more to go on."),
    "file_gone": _("The uploaded file is no longer there. Choose it again."),
}
ROW_REASONS = {
    "ragged": _("There are more cells than columns. Perhaps a quotation mark or a delimiter is missing."),
    "cell_too_long": _("A cell is longer than can be taken."),
    "not_json": _("The line is not JSON."),
    "not_object": _("It is not an object with names and values."),
    "too_deep": _("It is nested too deeply."),
    "no_number": _("A number in it is too large."),
}
# By these names whatever reads as text is read as what they say.
_TABLES = ("csv", "tsv", "tab", "txt")
_JSONS = ("json", "jsonl", "ndjson")
_TEXTS = frozenset(("csv", "text", "markdown", "html", "xml", "eml", "json"))
SURVEYED = 2_000  # rows
_LONGEST_END = 4 * MB


class RecordsUnreadable(DoculumeError):
    """The file's rows cannot be read; `error_code` is a key of REASONS."""

    code: ClassVar[str] = "invalid_request"
    status_code: ClassVar[int] = 400

    def __init__(self, error_code: str) -> None:
        self.error_code = error_code if error_code in REASONS else "corrupt"
        super().__init__(REASONS[self.error_code])


class NoRecords(UnsupportedType):
    """The file is of no kind that has rows."""

    def __init__(self) -> None:
        super().__init__("unsupported_type", _("Choose a CSV, XLSX, JSON or JSON Lines file."))


@dataclass(frozen=True, slots=True)
class Options:
    """`sheet`: of a workbook, its first one if empty. `named`: whether a row names the columns."""

    sheet: str = ""
    named: bool = True


def format_of(file: BinaryIO, filename: str) -> str:
    """csv, xlsx or json. Raises IngestionError, as NoRecords where it is something else."""
    kind = detect_kind(file, filename).name
    file.seek(0)
    ending = filename.rpartition(".")[2].lower()
    if kind in _TEXTS and ending in _TABLES:
        return "csv"
    if kind in _TEXTS and ending in _JSONS:
        return "json"
    if kind in ("csv", "json", "xlsx"):
        return kind
    raise NoRecords


def survey(path: Path, kind: str, options: Options) -> dict[str, Any]:
    """The columns and first rows of a file, as `records` tells of them. Raises RecordsUnreadable."""
    limits = ParseLimits(wall_seconds=25.0, cpu_seconds=25)
    with _read(path, kind, options, limits, stop=SURVEYED) as (_spool, end):
        if not end["count"]:
            raise RecordsUnreadable("no_rows")
        return end


@contextmanager
def spooled(path: Path, kind: str, options: Options) -> Iterator[tuple[int, Iterator[Row]]]:
    """How many rows there are, and the rows, each as it is asked for. Raises RecordsUnreadable before the first."""
    with _read(path, kind, options, ParseLimits(wall_seconds=100.0), stop=None) as (spool, end):
        spool.seek(0)
        yield end["count"], (Row(*json.loads(line)) for line, _number in zip(spool, range(end["count"]), strict=False))


@contextmanager
def local_copy(stored: File) -> Iterator[Path]:
    """The file on this machine, wherever it is kept. Raises RecordsUnreadable if it is gone."""
    with tempfile.NamedTemporaryFile(prefix="doculume-") as copy:
        try:
            with stored.open("rb") as source:
                shutil.copyfileobj(source, copy, MB)
        except FileNotFoundError as error:
            raise RecordsUnreadable("file_gone") from error
        copy.flush()
        yield Path(copy.name)


@contextmanager
def _read(
    path: Path, kind: str, options: Options, limits: ParseLimits, *, stop: int | None
) -> Iterator[tuple[IO[bytes], dict[str, Any]]]:
    job = {
        "path": str(path),
        "format": kind,
        "sheet": options.sheet,
        "named": options.named,
        "rows": settings.IMPORTS["max_rows"],
        "cell_chars": settings.IMPORTS["max_cell_chars"],
        "stop": stop,
    }
    # Names are repeated in each row, so that it may grow; what is on disk here is bounded all the same.
    most = 8 * settings.IMPORTS["max_bytes"] + 64 * MB
    with tempfile.TemporaryFile(prefix="doculume-") as spool:
        try:
            run_confined("knowledge.importing.records", job, limits, spool.write, most)
        except Unreadable as error:
            raise RecordsUnreadable(error.code) from None
        yield spool, _end_of(spool)


def _end_of(spool: IO[bytes]) -> dict[str, Any]:
    spool.seek(max(0, spool.seek(0, 2) - _LONGEST_END))
    try:
        end = json.loads(spool.read().rstrip(b"\n").rpartition(b"\n")[2])
    except ValueError:
        end = {}
    if isinstance(end, dict) and "end" in end:
        return cast("dict[str, Any]", end["end"])
    raise RecordsUnreadable(end.get("error", "parser_crashed") if isinstance(end, dict) else "parser_crashed")
