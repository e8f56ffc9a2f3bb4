"""Agree limits with one account, beside what its plan says."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.people import personal_or
from accounts.models import Limits
from accounts.plans import agree
from doculume.management.describing import DescribedCommand

AS_PLANNED = "plan"


class Command(DescribedCommand):
    help = f"Sets limits of one account. A limit is a number, or `{AS_PLANNED}` for what the plan says."
    examples = (
        "set_limits alice@example.com --answers-per-month 100000 --requests-per-minute 1200",
        "set_limits --account 7 --answers-per-month plan",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", nargs="?")
        parser.add_argument("--account", type=int, metavar="ID", help="instead of EMAIL")
        for name in Limits.NAMES:
            parser.add_argument(f"--{name.replace('_', '-')}", type=limit, metavar="N")

    def handle(self, *args: Any, email: str | None, account: int | None, **options: Any) -> None:
        found = personal_or(account, email)
        given = {name: options[name] for name in Limits.NAMES if options.get(name) is not None}
        if not given:
            raise CommandError("Name at least one limit, such as --answers-per-month 100000.")
        limits = {name: None if value == AS_PLANNED else value for name, value in given.items()}
        changes = agree(found, limits, actor_name="manage.py set_limits")
        for name, (before, after) in changes.items():
            self.stdout.write(f"{name}: {shown(before)} -> {shown(after)}")
        if not changes:
            self.stdout.write("Nothing to change.")


def limit(text: str) -> int | str:
    """A whole number that its column can hold, or `AS_PLANNED`."""
    if text == AS_PLANNED:
        return text
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        raise ArgumentTypeError(f"{text} is neither a number nor `{AS_PLANNED}`")
    return int(text)


def shown(value: int | None) -> str:
    return "as the plan says" if value is None else f"{value:,}"
