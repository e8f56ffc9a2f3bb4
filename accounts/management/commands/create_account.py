"""Make a shared account."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import founding
from accounts.management.people import user_by_email
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand


class Command(DescribedCommand):
    help = "Makes a shared account and prints its id."
    examples = ('create_account "Acme support" --owner alice@example.com',)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--owner", metavar="EMAIL", required=True)

    def handle(self, *args: Any, name: str, owner: str, **options: Any) -> None:
        try:
            account = founding.establish(user_by_email(owner), name, actor_name="manage.py create_account")
        except DoculumeError as error:
            raise CommandError(error.message) from error
        self.stdout.write(str(account.pk))
