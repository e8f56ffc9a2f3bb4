from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.deletion import delete_user
from accounts.management.people import user_by_email
from accounts.models import Account
from doculume.management.describing import DescribedCommand


class Command(DescribedCommand):
    help = "Deletes a user for good, with the accounts that they alone own and all that is in them."
    examples = ("delete_user bob@example.com --yes",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--yes", action="store_true", help="needed, since there is no way back")

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_by_email(options["email"])
        if not options["yes"]:
            raise CommandError("Nothing was deleted. There is no way back; say --yes if you mean it.")
        delete_user(user, actor_name="manage.py delete_user")
        waiting = Account.objects.filter(deleted_at__isnull=False).exists()
        rest = " What is large is removed by the workers." if waiting else ""
        self.stdout.write(f"{options['email']} is deleted.{rest}")
