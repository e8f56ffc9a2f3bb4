"""Writing and reading the file. What is read was perhaps made by somebody else, so that nothing of it is believed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

from django.core.files.utils import validate_file_name

from doculume.errors import DoculumeError

FORMAT = 1
HEADER, END = "header.json", "end.json"
PIECE = 1024 * 1024
MOST_JSON_BYTES = 64 * 1024 * 1024
UNREADABLE = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError)


class DamagedArchive(DoculumeError):
    """The file is not a backup, or not all of one, or not as it was written."""

    code = "damaged_archive"
    status_code = 400
    message = "This file is not a whole backup."


@dataclass(frozen=True, slots=True)
class Header:
    """What comes first. `tables`: columns by table. `encryption`: something encrypted under each key that was in use,
    the current one first. `secret`: a digest that tells whether SECRET_KEY is the same."""

    made_at: str
    postgres: str
    migrations: list[tuple[str, str]]
    tables: dict[str, list[str]]
    encryption: list[str]
    secret: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class End:
    """What comes last. `rows` by table; `sequences`: the last value given, by table and column; `missing`: names of
    files that were not there; `seal`: `checksum`, encrypted, which nobody without the key can make."""

    rows: dict[str, int]
    sequences: dict[str, dict[str, int]]
    files: int
    file_bytes: int
    missing: list[str]
    checksum: str = ""
    seal: str = ""


@dataclass(slots=True)
class Member:
    """A part of the archive, to be read once, in order. `name` is relative and leads nowhere else."""

    name: str
    size: int
    _source: IO[bytes]
    _running: Any
    _left: int = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.size

    def pieces(self) -> Iterator[bytes]:
        while self._left:
            try:
                piece = self._source.read(min(PIECE, self._left))
            except UNREADABLE as error:
                raise DamagedArchive from error
            if not piece:
                raise DamagedArchive
            self._left -= len(piece)
            self._running.update(piece)
            yield piece

    def json(self) -> Any:
        if self.size > MOST_JSON_BYTES:
            raise DamagedArchive
        return json.loads(b"".join(self.pieces()))


class Writer:
    """Adds to an archive; what it was given so far is in `checksum`."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._running = hashlib.sha256()

    @property
    def checksum(self) -> str:
        return self._running.hexdigest()

    def add(self, name: str, content: bytes) -> None:
        self.add_stream(name, len(content), io.BytesIO(content))

    def add_stream(self, name: str, size: int, content: IO[bytes]) -> None:
        """`size` bytes of `content`. Raises OSError if there are fewer."""
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(time.time())
        self._running.update(_title(name, size))
        self._tar.addfile(info, _Counted(content, self._running))
        self._tar.members = []  # type: ignore[attr-defined]  # or it remembers all of them

    def add_json(self, name: str, content: Any) -> None:
        self.add(name, json.dumps(asdict(content), ensure_ascii=False).encode())


@contextmanager
def written_to(stream: BinaryIO) -> Iterator[Writer]:
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield Writer(tar)


def read(path: Path) -> Iterator[Header | Member | End]:
    """The header, each member, and at last the end, which then has been compared with what came before it.

    A member must be read before the next one is asked for; what is left of it is skipped. Raises DamagedArchive.
    """
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            yield from _read(tar, packed)
    except (*UNREADABLE, ValueError, TypeError, KeyError) as error:
        raise DamagedArchive from error


def _read(tar: tarfile.TarFile, packed: gzip.GzipFile) -> Iterator[Header | Member | End]:
    running = hashlib.sha256()
    yield _header(_next(tar, running))
    while True:
        before = running.hexdigest()
        member = _next(tar, running)
        if member.name == END:
            end = _end(member)
            if end.checksum != before or tar.next() is not None:
                raise DamagedArchive("The backup is not as it was written: its checksum differs.")
            while packed.read(PIECE):  # gzip's own checksum stands behind the last byte
                pass
            yield end
            return
        yield member
        for _ in member.pieces():
            pass


def _next(tar: tarfile.TarFile, running: Any) -> Member:
    info = tar.next()
    tar.members = []  # type: ignore[attr-defined]  # or it remembers all of them
    if info is None:
        raise DamagedArchive("The backup is cut off.")
    if not info.isreg() or info.issparse():
        raise DamagedArchive(f"The backup holds something that is not a plain file: {info.name[:200]!r}.")
    if "\\" in info.name or "\0" in info.name:
        raise DamagedArchive(f"The backup holds a file of an impossible name: {info.name[:200]!r}.")
    try:
        validate_file_name(info.name, allow_relative_path=True)
    except Exception as error:
        raise DamagedArchive(f"The backup holds a file of an impossible name: {info.name[:200]!r}.") from error
    source = tar.extractfile(info)
    assert source is not None
    running.update(_title(info.name, info.size))
    return Member(info.name, info.size, source, running)


def _header(member: Member) -> Header:
    if member.name != HEADER:
        raise DamagedArchive
    found = member.json()
    if found.get("format") != FORMAT:
        raise DamagedArchive(f"The backup is of format {found.get('format')!r}; this version reads {FORMAT}.")
    return Header(**found | {"migrations": [(app, name) for app, name in found["migrations"]]})


def _end(member: Member) -> End:
    return End(**member.json())


def _title(name: str, size: int) -> bytes:
    return f"{name}\0{size}\0".encode()


class _Counted:
    """A stream that is digested as it is read."""

    def __init__(self, source: IO[bytes], running: Any) -> None:
        self._source = source
        self._running = running

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self._running.update(piece)
        return piece
