"""Let a user into the admin."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from accounts import audit
from accounts.management.people import user_by_email
from doculume.management.describing import DescribedCommand


class Command(DescribedCommand):
    help = "Makes a user staff, with every right in the admin."
    examples = ("make_staff alice@example.com",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = user_by_email(email)
        before = {"is_staff": user.is_staff, "is_superuser": user.is_superuser}
        user.is_staff = user.is_superuser = True
        with transaction.atomic():
            user.save(update_fields=list(before))
            after = dict.fromkeys(before, True)
            audit.record(
                audit.Action.ROLE_CHANGED,
                actor_name="manage.py make_staff",
                target=user.email,
                before=before,
                after=after,
            )
        self.stdout.write(f"{user.email} is staff now.")
