"""Put a user's personal account on a plan."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.management.people import user_by_email
from accounts.models import PLANS


class Command(BaseCommand):
    help = "Puts the personal account of a user on a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("plan", metavar="PLAN", choices=PLANS, help=", ".join(PLANS))

    def handle(self, *args: Any, email: str, plan: str, **options: Any) -> None:
        user = user_by_email(email)
        account = user.personal_account
        account.plan = plan
        account.save(update_fields=["plan"])
        self.stdout.write(f"{user.email} is on the plan {plan} now.")
