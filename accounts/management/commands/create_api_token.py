"""Make a personal API token for a user."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import api_tokens
from accounts.management.people import user_by_email
from accounts.models import Account, User
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand


class Command(DescribedCommand):
    help = "Makes a personal API token for a user and prints it, once."
    examples = ('create_api_token alice@example.com --name "Nightly import"',)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--name", default="Command line", help="what it is for")
        parser.add_argument("--account", type=int, metavar="ID", help="where it is good, if not in their own account")

    def handle(self, *args: Any, email: str, name: str, account: int | None, **options: Any) -> None:
        user = user_by_email(email)
        try:
            _, text = api_tokens.create(user, account_of(user, account), name[:100])
        except DoculumeError as error:
            raise CommandError(error.message) from error
        self.stdout.write(text)


def account_of(user: User, account_id: int | None) -> Account:
    if account_id is None:
        return user.personal_account
    account = Account.objects.filter(pk=account_id, memberships__user=user, deleted_at=None).first()
    if account is None:
        raise CommandError(f"{user.email} belongs to no account with the id {account_id}.")
    return account
