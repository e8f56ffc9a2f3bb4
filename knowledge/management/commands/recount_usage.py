"""Set right what is counted of accounts' entries and files."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.models import Account
from doculume.management.describing import DescribedCommand
from knowledge.recounting import recount


class Command(DescribedCommand):
    help = "Counts anew what accounts hold, and shows where it was not what had been counted. Safe at any time."
    examples = (
        "recount_usage",
        "recount_usage --account 7",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", type=int, metavar="ID", help="this account only")

    def handle(self, *args: Any, account: int | None = None, **options: Any) -> None:
        accounts = Account.objects.filter(deleted_at=None).order_by("pk")
        if account is not None:
            accounts = accounts.filter(pk=account)
            if not accounts.exists():
                raise CommandError(f"There is no account {account}.")
        seen = wrong = 0
        for pk in accounts.values_list("pk", flat=True).iterator():
            before, found = recount(pk)
            seen += 1
            if before != found:
                wrong += 1
                self.stdout.write(
                    f"account {pk}: entries {before.entries} -> {found.entries}, "
                    f"bytes {before.stored_bytes} -> {found.stored_bytes}"
                )
        self.stdout.write(f"{seen} accounts counted, {wrong} set right.")
