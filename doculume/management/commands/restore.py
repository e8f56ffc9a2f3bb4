"""`manage.py restore`: an installation as it was when `manage.py backup` wrote the file."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from doculume.backup import keys
from doculume.backup.archive import End, Header
from doculume.backup.restoring import restore, verify
from doculume.embedded import holding
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand
from doculume.management.servers import embedded_servers


class Command(DescribedCommand):
    help = (
        "Puts a backup back into an empty database: its rows in one transaction, its files, and then whatever this "
        "version has changed since. The platform must be stopped. ENCRYPTION_KEY and SECRET_KEY must be those of the "
        "backup. All of the file is checked before anything is touched; cut off, it may be run again."
    )
    examples = (
        "restore --verify doculume.tar.gz",
        "restore doculume.tar.gz",
        "restore --replace doculume.tar.gz",
    )
    exit_codes = {
        0: "restored; with --verify: the file is whole, and the keys fit",
        1: "not restored; the last line says why",
    }
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", metavar="PATH", type=Path, help="what `backup` wrote")
        parser.add_argument("--verify", action="store_true", help="only read it and check that it is whole")
        parser.add_argument("--replace", action="store_true", help="lose all that is in the database now")
        parser.add_argument(
            "--other-keys",
            action="store_true",
            help="restore under other keys: models' keys and second factors must be set anew, API tokens made anew",
        )

    def handle(self, *args: Any, path: Path, verify: bool, replace: bool, other_keys: bool, **options: Any) -> None:
        try:
            if verify:
                self._verify(path, other_keys)
                return
            with holding.held(settings.VAR, embedded_servers()):
                end = restore(path, self._say, replace=replace, other_keys=other_keys)
        except DoculumeError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"The backup could not be restored: {error}") from error
        self._tell(end)
        self._say("Restored. Start the platform; `manage.py reconcile` looks whether all of it fits together.")

    def _verify(self, path: Path, other_keys: bool) -> None:
        header, end = verify(path, seal=not other_keys)
        if not other_keys:
            keys.require_same(header)
        self._say(f"Made {header.made_at} from PostgreSQL {header.postgres}; migrations: {_newest(header)}")
        if old := keys.unreadable(header):
            self._say(f"{old} of ENCRYPTION_KEYS_OLD of then are not here: what was still under them cannot be read.")
        self._tell(end)
        self._say("The file is whole." if other_keys else "The file is whole, and the keys fit.")

    def _tell(self, end: End) -> None:
        self._say(f"{sum(end.rows.values())} rows of {len(end.rows)} tables, {end.files} files.")
        if end.missing:
            self._say(f"{len(end.missing)} files were not there when the backup was made; `reconcile` tells which.")

    def _say(self, line: str) -> None:
        self.stdout.write(f"{time.strftime('%H:%M:%S')}  {line}")
        self.stdout.flush()


def _newest(header: Header) -> str:
    last = {app: name for app, name in header.migrations if app in ("accounts", "knowledge", "chat", "integrations")}
    return ", ".join(f"{app} {name.partition('_')[0]}" for app, name in last.items())
