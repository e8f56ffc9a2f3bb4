"""Putting a backup back: all of it, or nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction

from doculume.backup import keys, restored, tables
from doculume.backup.archive import DamagedArchive, End, Header, Member, read
from doculume.errors import DoculumeError
from doculume.management.migrating import migrate_one_at_a_time

IN_MEMORY = 8 * 1024 * 1024

Say = Callable[[str], None]


class NotEmpty(DoculumeError):
    """Somebody's data is in the way."""

    code = "not_empty"
    status_code = 409
    message = "The database has users already. To lose all that is in it, say --replace."


class InUse(DoculumeError):
    """The platform runs."""

    code = "in_use"
    status_code = 409
    message = "Others are connected to the database. Stop the web servers and workers first."


@dataclass(slots=True)
class _Put:
    """What of the archive has been put back."""

    rows: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)
    count: int = 0


def verify(path: Path, *, seal: bool = True) -> tuple[Header, End]:
    """Read all of a backup, and compare it with what it says of itself. Raises DamagedArchive.

    `seal`: whether it must have been made with a key of ours.
    """
    rows, files = Counter[str](), 0
    for found in read(path):
        if isinstance(found, Header):
            header = found
        elif isinstance(found, End):
            if seal:
                keys.require_seal(found)
            _compare(rows, files, found)
            return header, found
        elif table := _place(found, header)[0]:
            rows[table] += sum(piece.count(b"\n") for piece in found.pieces())
        else:
            files += 1
    raise DamagedArchive


def header_of(path: Path) -> Header:
    """Raises DamagedArchive."""
    found = next(read(path))
    assert isinstance(found, Header)
    return found


def restore(path: Path, say: Say, *, replace: bool = False, other_keys: bool = False) -> End:
    """Make database and files what they were.

    The backup is read twice: before anything is touched it has been found whole. Rows come back in one transaction,
    into tables as the backup's version had them, and are then brought to this version. Files are put where they were;
    those that are there already stay. Cut off, it leaves a database without rows (or, where the versions are the
    same, as it was), and may be run again. Raises DamagedArchive, OtherKeys, OtherVersion, NotEmpty, InUse.
    """
    say("Reading the backup")
    if not other_keys:
        keys.require_same(header_of(path))
    header, whole = verify(path, seal=not other_keys)
    _require_room(replace)
    if tables.migrations() != header.migrations:
        say("Making the tables as they were")
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
        tables.drop_all()
        tables.migrate_to(header.migrations)
    _put_back(path, header, whole, say)
    say("Bringing the database up to date")
    migrate_one_at_a_time()
    say("Building the indexes of vectors")
    restored.send(None)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return whole


def _require_room(replace: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS)
        if cursor.fetchone()[0]:
            raise InUse
        user = get_user_model()._meta.db_table
        if not replace and user in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {connection.ops.quote_name(user)})")  # noqa: S608
            if cursor.fetchone()[0]:
                raise NotEmpty


def _put_back(path: Path, header: Header, whole: End, say: Say) -> None:
    put = _Put()
    try:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            with tables.bare():
                _put_members(path, header, whole, put, say)
                say("Building the indexes")
            _compare(put.rows, put.count, whole)
            tables.continue_sequences(whole.sequences)
    except BaseException as error:
        for name in put.files:
            default_storage.delete(name)
        if isinstance(error, DatabaseError):
            raise DamagedArchive(f"The database does not take what is in the backup: {error}") from error
        raise


def _put_members(path: Path, header: Header, whole: End, put: _Put, say: Say) -> None:
    last = ""
    for found in read(path):
        if isinstance(found, End) and found != whole:
            raise DamagedArchive("The backup changed while it was read.")
        if not isinstance(found, Member):
            continue
        table, name = _place(found, header)
        if (part := table or "files") != last:
            say(f"Putting back {part}")
            last = part
        if table:
            put.rows[table] += tables.put(table, header.tables[table], found)
        else:
            put.count += 1
            _put_file(name, found, put)


def _put_file(name: str, member: Member, put: _Put) -> None:
    """A name belongs to one content for ever, so what is there whole already needs nothing."""
    if default_storage.exists(name):
        if default_storage.size(name) == member.size:
            return
        default_storage.delete(name)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as content:
        for piece in member.pieces():
            content.write(piece)
        content.seek(0)
        saved = default_storage.save(name, File(content, name))
    put.files.append(saved)
    if saved != name:
        raise DamagedArchive(f"The storage takes no file named {name!r}.")


def _place(member: Member, header: Header) -> tuple[str, str]:
    """The table that the member is a part of, or the name of the file that it is. Raises DamagedArchive."""
    kind, _, rest = member.name.partition("/")
    table, _, number = rest.partition("/")
    if kind == "tables" and number.isdecimal() and table in header.tables:
        return table, ""
    if kind == "files" and rest:
        return "", rest
    raise DamagedArchive(f"The backup holds what belongs nowhere: {member.name[:200]!r}.")


def _compare(rows: Counter[str], files: int, end: End) -> None:
    if files != end.files or {table: rows[table] for table in end.rows} != end.rows or set(rows) - set(end.rows):
        raise DamagedArchive("The backup does not hold what it says it holds.")


_OTHERS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
    AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
