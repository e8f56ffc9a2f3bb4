"""Naming users and accounts on the command line."""

from __future__ import annotations

from django.core.management.base import CommandError

from accounts.models import Account, User


def user_by_email(email: str) -> User:
    """The user of that address, in any case. Raises `CommandError` if there is none."""
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist as error:
        raise CommandError(f"No user has the email {email}.") from error


def account_by_id(account_id: int) -> Account:
    """Raises `CommandError` if there is none, or if it was deleted."""
    account = Account.objects.filter(pk=account_id, deleted_at=None).first()
    if account is None:
        raise CommandError(f"No account has the id {account_id}.")
    return account


def personal_or(account_id: int | None, email: str | None) -> Account:
    """The account of that id, or the personal one of the user with that address.

    Raises `CommandError` unless exactly one of them is given and stands for an account that is there.
    """
    if email is not None and account_id is None:
        return user_by_email(email).personal_account
    if email is not None or account_id is None:
        raise CommandError("Give either the EMAIL of a user or --account ID.")
    return account_by_id(account_id)
