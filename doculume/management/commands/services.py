"""`manage.py services …`: the embedded PostgreSQL and Valkey without the rest of the platform."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from doculume.embedded import database_url, holding, postgres, valkey
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand
from doculume.management.servers import embedded_servers


class Command(DescribedCommand):
    help = "Starts, stops or shows the embedded PostgreSQL and Valkey. Started here, they stay up until stopped here."
    examples = (
        "services start",
        "services status",
        "services stop",
    )
    exit_codes = {
        0: "done; with status: all are up",
        1: "not done; with status: one is down",
    }
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status", "url"])
        parser.add_argument("--force", action="store_true", help="stop them even while a platform uses them")

    def handle(self, *args: Any, action: str, force: bool, **options: Any) -> None:
        if not embedded_servers():
            raise CommandError("DATABASE_URL and REDIS_URL are set: there is no embedded server to speak of.")
        if action == "url":
            self.stdout.write(database_url(settings.VAR))  # with its password, for psql and pg_dump
            return
        try:
            if action == "start":
                holding.keep(settings.VAR, embedded_servers())
            elif action == "stop":
                self.stdout.write("stopped" if holding.end(settings.VAR, force=force) else "were not running")
                return
        except DoculumeError as error:
            raise CommandError(error.message) from error
        self._show()

    def _show(self) -> None:
        """One line a server; the exit code is 0 if all that this configuration uses are up."""
        known = {"postgres": postgres, "valkey": valkey}
        found = {name: known[name].status(settings.VAR) for name in sorted(embedded_servers())}
        for name, state in found.items():
            self.stdout.write(f"{name:<9} {'up  ' if state.running else 'down'}  {state.url}  ({state.folder})")
        if not all(state.running for state in found.values()):
            raise SystemExit(1)
