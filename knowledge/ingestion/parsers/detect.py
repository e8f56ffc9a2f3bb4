"""What kind an upload is, told while it is uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from knowledge.ingestion.errors import IngestionError
from knowledge.ingestion.parsers.base import Unreadable
from knowledge.ingestion.parsers.sniffing import FileKind, sniff


def detect_kind(file: BinaryIO | Path, filename: str) -> FileKind:
    """The kind of a file, by its content. Its name only decides between kinds of text.

    Reads at most the first 64 KB and a zip's directory. Raises IngestionError: `empty_file`, `unsupported_type`,
    `encrypted`, `corrupt`.
    """
    try:
        return sniff(file, filename)
    except Unreadable as error:
        raise IngestionError.of(error.code, error.message) from None
