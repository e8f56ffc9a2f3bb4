"""Naming a user on the command line."""

from __future__ import annotations

from django.core.management.base import CommandError

from accounts.models import User


def user_by_email(email: str) -> User:
    """The user of that address, in any case. Raises `CommandError` if there is none."""
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist as error:
        raise CommandError(f"No user has the email {email}.") from error
