"""`manage.py backup`: a whole installation in one file, while it runs."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.management.base import CommandError

from doculume.backup.archive import End
from doculume.backup.taking import take
from doculume.embedded import holding
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand
from doculume.management.servers import embedded_servers

KEYS = "ENCRYPTION_KEY and SECRET_KEY are not in it, and without them it is of little use: keep them elsewhere."
LATER = 3
SHOWN = 5


class Command(DescribedCommand):
    help = (
        "Writes all rows of the database, as they are at one moment, and all files into one archive, while the "
        f"platform runs and writes. Secrets in it stay encrypted. {KEYS} Nor are local models, which `build_models` "
        "makes anew, nor who is signed in to pages: all sign in once more. Whoever has the file has all documents and "
        "conversations: keep it as you keep those."
    )
    examples = (
        "backup",
        "backup /srv/backups/doculume.tar.gz",
        "backup - | age -r AGE_RECIPIENT > doculume.tar.gz.age",
    )
    exit_codes = {
        0: "the backup is written",
        1: "no backup is written; the last line says why",
        LATER: "the backup is written, but files that rows name are not in the storage: `reconcile` tells which",
    }
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path",
            metavar="PATH",
            nargs="?",
            help="where to; - for the standard output; else a new file in VAR/backups",
        )

    def handle(self, *args: Any, path: str | None, **options: Any) -> None:
        try:
            with holding.held(settings.VAR, embedded_servers()):
                end, lost = self._to_stdout() if path == "-" else self._to_file(Path(path) if path else new_path())
        except DoculumeError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"The backup could not be written: {error}") from error
        gone = len(end.missing) - len(lost)
        self._say(f"{sum(end.rows.values())} rows, {end.files} files." + (f" {gone} went meanwhile." if gone else ""))
        self._say(KEYS)
        if lost:
            raise CommandError(
                f"{len(lost)} files are not in the storage: {', '.join(lost[:SHOWN])}. The backup has all the rest.",
                returncode=LATER,
            )

    def _to_stdout(self) -> tuple[End, list[str]]:
        if sys.stdout.isatty():
            raise CommandError("A terminal is no place for a backup. Give a PATH, or send it on by a pipe.")
        return take(sys.stdout.buffer, self._say)

    def _to_file(self, path: Path) -> tuple[End, list[str]]:
        """Under its name only once it is whole."""
        if path.exists():
            raise CommandError(f"{path} is there already.")
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            found = _written(draft, lambda stream: take(stream, self._say))
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
        self._say(f"Written to {path} ({path.stat().st_size} bytes)")
        return found

    def _say(self, line: str) -> None:
        """Not where the backup itself may go."""
        sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
        sys.stderr.flush()


def new_path() -> Path:
    return settings.VAR / "backups" / f"doculume-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz"


def _written(path: Path, write: Callable[[BinaryIO], tuple[End, list[str]]]) -> tuple[End, list[str]]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        found = write(stream)
        stream.flush()
        os.fsync(stream.fileno())
    return found
