"""Zip containers (office documents, EPUB) read in memory, under limits, without ever unpacking to disk."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import unquote

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Unreadable

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, KeyError)


class Archive:
    """The members of a zip file, by name.

    The central directory is checked first (`Unreadable("too_large")`), and since it may lie, reading counts too.
    Names are keys and nothing else: `../` in one means nothing.
    """

    def __init__(self, file: Path | BinaryIO, limits: ParseLimits) -> None:
        self._limits = limits
        self._left = limits.unpacked_bytes
        try:
            self._zip = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise Unreadable("corrupt") from error
        self._members = {info.filename.replace("\\", "/").lstrip("/"): info for info in self._zip.infolist()}
        self._by_lower = {name.lower(): info for name, info in self._members.items()}
        self._check()

    def _check(self) -> None:
        infos = self._zip.infolist()
        packed = sum(info.compress_size for info in infos)
        unpacked = sum(info.file_size for info in infos)
        too_tight = unpacked > max(self._limits.ratio_floor_bytes, self._limits.ratio * packed)
        if len(infos) > self._limits.members or unpacked > self._limits.unpacked_bytes or too_tight:
            raise Unreadable("too_large", "The file unpacks to far more than it seems to hold and was not opened.")

    @property
    def names(self) -> list[str]:
        return list(self._members)

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def _find(self, name: str) -> zipfile.ZipInfo | None:
        name = name.lstrip("/")
        return self._members.get(name) or self._by_lower.get(name.lower()) or self._by_lower.get(unquote(name).lower())

    def read(self, name: str, at_most: int | None = None) -> bytes:
        """The member's content. Raises KeyError if there is none, Unreadable if it is damaged or over the limits."""
        info = self._find(name)
        if info is None:
            raise KeyError(name)
        if info.flag_bits & 0x1:
            raise Unreadable("encrypted")
        limit = self._left if at_most is None else min(at_most, self._left)
        try:
            with self._zip.open(info) as member:
                data = member.read(limit + 1)
        except _DAMAGE as error:
            raise Unreadable("corrupt") from error
        if len(data) > limit:
            if at_most is not None and at_most < self._left:
                return data[:limit]
            raise Unreadable("too_large", "The file unpacks to far more than it seems to hold and was not opened.")
        self._left -= len(data)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()


def resolve(base: str, target: str) -> str:
    """The member that a relative link in the member `base` points to."""
    if target.startswith("/"):
        return posixpath.normpath(target).lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), target)).lstrip("/")
