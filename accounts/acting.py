"""The account that a user acts in: who they are there, with all that its plan allows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db.models import F, QuerySet, Subquery

from accounts.models import Membership, User
from doculume.errors import PermissionRefused
from doculume.prepared import Prepared

ACCOUNT_ID = re.compile(r"[0-9]{1,18}")
NO_ACCOUNT = 0


class AccountRefused(PermissionRefused):
    """The account that was named is none of the user's; whether it exists does not show."""

    message = "You do not belong to the account that X-Account-Id names."


def asked_for(headers: Mapping[str, str]) -> str | None:
    """The id of the account that a request is for, as text; None where it names none."""
    return headers.get("X-Account-Id")


def number_of(asked: str) -> int:
    """The id that the text holds; one that no account has, where it holds none."""
    return int(asked) if ACCOUNT_ID.fullmatch(asked) else NO_ACCOUNT


def memberships(user: Any) -> QuerySet[Membership]:
    """Of a user, given by id or by a query for it, with what `Account.allowance` reads."""
    if isinstance(user, QuerySet):
        user = Subquery(user)
    return Membership.objects.select_related("account__plan", "account__own_limits").filter(
        user=user, user__deleted_at=None, account__deleted_at=None
    )


_PERSONAL = Prepared(lambda user: memberships(user).filter(account__personal_of=F("user")), 2)
_NAMED = Prepared(lambda user, account: memberships(user).filter(account_id=account), 2, 3)


def membership_for(user: User, asked: str | None) -> Membership:
    """`user` in the account whose id `asked` holds (the `X-Account-Id` header), else in the personal account.

    The account comes along in the one query, with all that `Account.allowance` reads. Raises `AccountRefused`, alike
    for an account of others, of nobody, one that was deleted, and for what is no id at all.
    """
    found = _PERSONAL.first(user.pk) if asked is None else _NAMED.first(user.pk, number_of(asked))
    if found is None:
        raise AccountRefused
    found.user = user
    return found
