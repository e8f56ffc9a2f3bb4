"""Making a backup while the platform runs and writes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, BinaryIO

from django.apps import apps
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.utils import timezone

from doculume.backup import keys, tables
from doculume.backup.archive import END, HEADER, End, Header, Writer, written_to

ROWS = 2000
SAY_EVERY_FILES = 500
# The key of a row is the cookie of whoever is signed in. They sign in anew after a restore.
SIGN_INS = frozenset(("django_session", "usersessions_usersession"))

Say = Callable[[str], None]


class Changed(OSError):
    """A file is not as long as the storage said: it is written at this very moment, or damaged."""


def take(stream: BinaryIO, say: Say) -> tuple[End, list[str]]:
    """Write a backup into `stream`; what is in it, and the files that rows still name though they are gone.

    All rows are of one moment. Files are never changed once they are written, and are read after the rows: those of
    rows that were deleted meanwhile may be missing, which `End.missing` tells. Raises OtherVersion.
    """
    tables.require_newest()
    with written_to(stream) as archive, tempfile.TemporaryFile("w+", encoding="utf-8") as names:
        with _at_one_moment():
            header = _header()
            archive.add_json(HEADER, header)
            rows = {table: _add_table(archive, table, columns, say) for table, columns in header.tables.items()}
            _note_files(names)
        end = _add_files(archive, names, End(rows, tables.sequences(header.tables), 0, 0, []), say)
        end = replace(end, checksum=archive.checksum, seal=keys.sealed(archive.checksum))
        archive.add_json(END, end)
    return end, [name for name in end.missing if _is_named(name)]


@contextmanager
def _at_one_moment() -> Iterator[None]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def _header() -> Header:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
    return Header(
        made_at=timezone.now().isoformat(timespec="seconds"),
        postgres=version,
        migrations=tables.migrations(),
        tables=tables.columns(),
        encryption=keys.proofs(),
        secret=keys.proof_of_secret(),
    )


def _add_table(archive: Writer, table: str, columns: list[str], say: Say) -> int:
    rows = 0
    for number, part in enumerate(tables.parts(table, columns) if table not in SIGN_INS else ()):
        archive.add(f"tables/{table}/{number}", part)
        # A row is a line: COPY writes newlines of its values as \\n.
        rows += part.count(b"\n")
    if rows:
        say(f"{table}: {rows} rows")
    return rows


def _file_fields() -> list[tuple[type[models.Model], str]]:
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.FileField)
    ]


def _note_files(names: IO[str]) -> None:
    for model, field in _file_fields():
        held = model._base_manager.exclude(**{field: ""}).order_by().values_list(field, flat=True)
        for name in held.iterator(chunk_size=ROWS):
            names.write(json.dumps(name) + "\n")


def _add_files(archive: Writer, names: IO[str], end: End, say: Say) -> End:
    names.seek(0)
    files, size, missing = 0, 0, []
    for line in names:
        name = json.loads(line)
        added = _add_file(archive, name)
        if added is None:
            missing.append(name)
        else:
            files, size = files + 1, size + added
        if files and files % SAY_EVERY_FILES == 0:
            say(f"{files} files")
    say(f"{files} files, {size} bytes")
    return replace(end, files=files, file_bytes=size, missing=missing)


def _add_file(archive: Writer, name: str) -> int | None:
    """Its size, or None if it is not there. Raises Changed."""
    try:
        size, content = default_storage.size(name), default_storage.open(name)
    except FileNotFoundError:
        return None
    with content:
        try:
            archive.add_stream(f"files/{name}", size, content)
        except OSError as error:
            raise Changed(f"{name} is not as long as the storage says") from error
    return size


def _is_named(name: str) -> bool:
    return any(model._base_manager.filter(**{field: name}).exists() for model, field in _file_fields())
