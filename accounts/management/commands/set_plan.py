"""Put a user's personal account on a plan."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.people import user_by_email
from accounts.models import Plan


class Command(BaseCommand):
    help = "Puts the personal account of a user on a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("plan", metavar="PLAN", help="free, pro, business, enterprise, or one that staff made")

    def handle(self, *args: Any, email: str, plan: str, **options: Any) -> None:
        user = user_by_email(email)
        account = user.personal_account
        if not Plan.objects.filter(name=plan).exists():
            known = ", ".join(Plan.objects.values_list("name", flat=True))
            raise CommandError(f"There is no plan {plan}. There are: {known}.")
        account.plan_id = plan
        account.save(update_fields=["plan"])
        self.stdout.write(f"{user.email} is on the plan {plan} now.")
