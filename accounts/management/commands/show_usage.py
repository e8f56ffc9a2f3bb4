"""Show what an account may do, and what it has used of it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from accounts.management.people import personal_or
from accounts.models import Limits
from accounts.usage import answers_this_month, held_by
from doculume.management.describing import DescribedCommand


class Command(DescribedCommand):
    help = "Shows the plan, the limits and the usage of a user's personal account, or of any account."
    examples = (
        "show_usage alice@example.com",
        "show_usage --account 7",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", nargs="?")
        parser.add_argument("--account", type=int, metavar="ID", help="instead of EMAIL")

    def handle(self, *args: Any, email: str | None, account: int | None, **options: Any) -> None:
        found = personal_or(account, email)
        held = held_by(found)
        used = {
            "answers_per_month": answers_this_month(found.pk),
            "entries": held.entries,
            "stored_bytes": held.stored_bytes,
        }
        own = getattr(found, "own_limits", None)
        self.stdout.write(f"Account {found.pk}, {found}, on the plan {found.plan_id}")
        for name in Limits.NAMES:
            limit = getattr(found.allowance, name)
            of = "no limit" if limit is None else f"{limit:,}"
            agreed = " (agreed with this account)" if getattr(own, name, None) is not None else ""
            amount = f"{used[name]:,} of " if name in used else ""
            self.stdout.write(f"  {name}: {amount}{of}{agreed}")
