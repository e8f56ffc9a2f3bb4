"""Make a chatbot key for an account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from accounts.management.people import personal_or
from accounts.models import Account
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand
from integrations import keys
from integrations.models import Integration
from integrations.origins import NotAnOrigin, normalize_origin


class Command(DescribedCommand):
    help = "Makes a chatbot key for the account of a user and prints it."
    examples = (
        "create_chatbot_key alice@example.com --integration b81d17eb-99c7-408a-8081-09319dff64e0 --origin https://shop.example",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", nargs="?", help="of the user whose own account it is for")
        parser.add_argument("--account", type=int, metavar="ID", help="the account, in place of EMAIL")
        parser.add_argument(
            "--integration",
            action="append",
            default=[],
            type=_uuid,
            metavar="ID",
            help="an integration it opens, any number of times; without, it asks all that the account knows",
        )
        parser.add_argument(
            "--origin",
            action="append",
            default=[],
            type=_origin,
            metavar="URL",
            help="where it may be used, such as https://example.com, any number of times; without, anywhere",
        )
        parser.add_argument("--name", default="Command line", help="what it is for")

    def handle(
        self,
        *args: Any,
        email: str | None,
        account: int | None,
        integration: list[UUID],
        origin: list[str],
        name: str,
        **options: Any,
    ) -> None:
        owner = personal_or(account, email)
        bound, origins = integrations_of(owner, integration), list(dict.fromkeys(origin))
        try:
            key = keys.create(owner, name[:100], integrations=bound, origins=origins, actor_name="manage.py")
        except DoculumeError as error:
            raise CommandError(error.message) from error
        self.stdout.write(keys.text_of(key))


def integrations_of(account: Account, ids: list[UUID]) -> list[Integration]:
    own = {row.id: row for row in Integration.objects.for_account(account).filter(id__in=ids)}
    if unknown := [str(id) for id in ids if id not in own]:
        raise CommandError(f"The account has no integration {', '.join(unknown)}.")
    return list(own.values())


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(f"{text} is no id of an integration.") from error


def _origin(text: str) -> str:
    try:
        return normalize_origin(text)
    except NotAnOrigin as error:
        raise CommandError(f"{text} is no origin such as https://example.com.") from error
