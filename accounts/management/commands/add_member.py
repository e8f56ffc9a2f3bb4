"""Put a user into an account, or into another role there."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import members
from accounts.audit import By
from accounts.management.people import account_by_id, user_by_email
from accounts.models import Membership
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand

BY: By = {"actor_name": "manage.py add_member"}


class Command(DescribedCommand):
    help = "Makes a user a member of an account, or gives a member another role."
    examples = ("add_member bob@example.com --account 7 --role member",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--account", metavar="ID", type=int, required=True)
        parser.add_argument("--role", choices=Membership.Role.values, default=Membership.Role.MEMBER)

    def handle(self, *args: Any, email: str, account: int, role: str, **options: Any) -> None:
        user, found = user_by_email(email), account_by_id(account)
        membership = Membership.objects.filter(account=found, user=user).first()
        try:
            if membership:
                members.put_role(membership, role, **BY)
            else:
                members.add(found, user, role, **BY)
        except DoculumeError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{user.email} is in {found} as {role} now.")
