"""Reading golden sets from files: CSV with a header, or JSON, one object a line.

A row has `question` and names one expected entry by `entry_id`, or by `source_id` with `source_type` where that is
needed; `gain` is 1 and `language` empty unless given. Rows with the same question belong together. A line of JSON may
instead have `expected: [{…}, …]` with several entries.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO
from uuid import UUID

from django.db import transaction

from doculume.errors import InvalidRequest
from doculume.text import storable
from knowledge.models import Collection, Entry, GoldenEntry, GoldenQuestion
from knowledge.models.golden import LONGEST_QUESTION

MOST_GAIN = 1_000
LONGEST_LANGUAGE = 12


class UnreadableGoldenSet(InvalidRequest):
    """Says which line, and why."""

    message = "The golden set could not be read."


@dataclass(frozen=True, slots=True)
class Judgment:
    line: int
    question: str
    language: str
    entry_id: str
    source_type: str
    source_id: str
    gain: int


def read(lines: TextIO, kind: str) -> list[Judgment]:
    """The rows of a file of `kind` "csv" or "jsonl". Raises UnreadableGoldenSet."""
    rows = _csv_rows(lines) if kind == "csv" else _json_rows(lines)
    try:
        return [_judgment(line, row) for line, row in rows]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnreadableGoldenSet(f"The file is no {kind} in UTF-8: {error}") from error


@transaction.atomic
def replace(collection: Collection, judgments: Iterable[Judgment], *, keep: bool = False) -> tuple[int, int]:
    """Make these the collection's golden set, or with `keep` add them to it; how many questions and entries.

    A question that is there already keeps its row, and with it its place in earlier runs. Raises UnreadableGoldenSet
    when an entry is not in the collection: all or nothing is written.
    """
    rows = list(judgments)
    entries = _entries_of(collection, rows)
    own = GoldenQuestion.objects.filter(account_id=collection.account_id, collection=collection)
    known = {question.question: question for question in own}
    wanted = {row.question: row for row in rows}
    for text, row in wanted.items():
        _write_question(collection, known, text, row.language)
    if not keep:
        own.exclude(id__in=[known[text].id for text in wanted]).delete()
    asked = {known[text].id for text in wanted}
    expected = GoldenEntry.objects.filter(account_id=collection.account_id, question_id__in=asked)
    if not keep:
        expected.delete()
    new = {(known[row.question].id, entry): row.gain for row, entry in zip(rows, entries, strict=True)}
    GoldenEntry.objects.bulk_create(
        (
            GoldenEntry(account_id=collection.account_id, question_id=question, entry_id=entry, gain=gain)
            for (question, entry), gain in new.items()
        ),
        batch_size=1_000,
        update_conflicts=True,
        unique_fields=["question", "entry", "account"],
        update_fields=["gain"],
    )
    return len(wanted), len(new)


def _write_question(collection: Collection, known: dict[str, GoldenQuestion], text: str, language: str) -> None:
    question = known.get(text)
    if question is None:
        known[text] = GoldenQuestion.objects.create(
            account_id=collection.account_id, collection=collection, question=text, language=language
        )
    elif language and question.language != language:
        own = GoldenQuestion.objects.filter(account_id=collection.account_id, id=question.id)
        own.update(language=language)


def _entries_of(collection: Collection, rows: list[Judgment]) -> list[UUID]:
    """The entry of each row."""
    own = Entry.objects.filter(account_id=collection.account_id, collection=collection)
    ids = {str(ident): ident for ident in own.filter(id__in=_uuids(rows)).values_list("id", flat=True)}
    sources: dict[tuple[str, str], UUID] = {}
    by_source: dict[str, list[UUID]] = {}
    wanted = {row.source_id for row in rows if not row.entry_id}
    for ident, kind, source in own.filter(source_id__in=wanted).values_list("id", "source_type", "source_id"):
        sources[kind or "", source] = ident
        by_source.setdefault(source, []).append(ident)
    return [_entry_of(row, ids, sources, by_source) for row in rows]


def _entry_of(
    row: Judgment, ids: dict[str, UUID], sources: dict[tuple[str, str], UUID], by_source: dict[str, list[UUID]]
) -> UUID:
    if row.entry_id:
        found = [ids[row.entry_id]] if row.entry_id in ids else []
    elif row.source_type:
        found = [sources[row.source_type, row.source_id]] if (row.source_type, row.source_id) in sources else []
    else:
        found = by_source.get(row.source_id, [])
    if len(found) != 1:
        how_many = "more than one entry" if found else "no entry"
        name = row.entry_id or "/".join(filter(None, (row.source_type, row.source_id)))
        raise UnreadableGoldenSet(f"Line {row.line}: the collection has {how_many} {name}.")
    return found[0]


def _uuids(rows: list[Judgment]) -> list[UUID]:
    return [UUID(row.entry_id) for row in rows if row.entry_id]


def _csv_rows(lines: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(lines, strict=True)
    for row in reader:
        yield reader.line_num, {name: value for name, value in row.items() if name}


def _json_rows(lines: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each with its line's number; a line with `expected` is a row for each."""
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UnreadableGoldenSet(f"Line {number}: not JSON.") from error
        parts = row.get("expected", [{}]) if isinstance(row, dict) else None
        if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
            raise UnreadableGoldenSet(f"Line {number}: not an object with a question and what it should find.")
        for part in parts:
            yield number, row | part


def _judgment(line: int, row: dict[str, Any]) -> Judgment:
    texts = {name: str(row.get(name) or "").strip() for name in ("question", "language", "entry_id", "source_type")}
    source_id = str(row["source_id"]) if row.get("source_id") is not None else ""
    if any(storable(text) != text for text in (*texts.values(), source_id)):
        raise UnreadableGoldenSet(f"Line {line}: text that cannot be stored.")
    if not 0 < len(texts["question"]) <= LONGEST_QUESTION:
        raise UnreadableGoldenSet(f"Line {line}: a question of 1 to {LONGEST_QUESTION} characters is needed.")
    if len(texts["language"]) > LONGEST_LANGUAGE:
        raise UnreadableGoldenSet(f"Line {line}: {texts['language'][:40]} is no language.")
    if not (texts["entry_id"] or source_id):
        raise UnreadableGoldenSet(f"Line {line}: an entry_id or a source_id is needed.")
    if texts["entry_id"]:
        try:
            texts["entry_id"] = str(UUID(texts["entry_id"]))
        except ValueError as error:
            raise UnreadableGoldenSet(f"Line {line}: {texts['entry_id'][:40]} is no id.") from error
    return Judgment(line=line, source_id=source_id, gain=_gain(line, row.get("gain")), **texts)


def _gain(line: int, value: Any) -> int:
    try:
        gain = 1 if value in (None, "") else int(str(value))
    except ValueError:
        gain = -1
    if not 0 <= gain <= MOST_GAIN:
        raise UnreadableGoldenSet(f"Line {line}: a gain is a whole number from 0 to {MOST_GAIN}.")
    return gain
