"""Put an account on a plan."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.people import personal_or
from accounts.models import Plan
from accounts.plans import put_on
from doculume.management.describing import DescribedCommand


class Command(DescribedCommand):
    help = "Puts the personal account of a user, or any account, on a plan."
    examples = (
        "set_plan alice@example.com pro",
        "set_plan --account 7 business",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", nargs="?")
        parser.add_argument("plan", metavar="PLAN", help="free, pro, business, enterprise, or one that staff made")
        parser.add_argument("--account", type=int, metavar="ID", help="instead of EMAIL")

    def handle(self, *args: Any, email: str | None, plan: str, account: int | None, **options: Any) -> None:
        found = personal_or(account, email)
        chosen = Plan.objects.filter(name=plan).first()
        if chosen is None:
            known = ", ".join(Plan.objects.values_list("name", flat=True))
            raise CommandError(f"There is no plan {plan}. There are: {known}.")
        put_on(found, chosen, actor_name="manage.py set_plan")
        self.stdout.write(f"{email or f'Account {found.pk}'} is on the plan {plan} now.")
