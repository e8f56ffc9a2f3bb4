"""The account a request acts in, decided once for each request."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from accounts.models import Account, ApiToken, Membership, User
from doculume.errors import PermissionRefused
from doculume.prepared import Prepared

ACCOUNT_ID = re.compile(r"[0-9]{1,18}")


class AccountRefused(PermissionRefused):
    """The account that was named is none of the user's; whether it exists does not show."""

    message = "You do not belong to the account that X-Account-Id names."


def _memberships(user: int) -> QuerySet[Membership]:
    return Membership.objects.select_related("account__plan", "account__own_limits").filter(
        user=user, user__deleted_at=None, account__deleted_at=None
    )


_PERSONAL = Prepared(lambda user, same: _memberships(user).filter(account__personal_of=same), 2, 3)
_NAMED = Prepared(lambda user, account: _memberships(user).filter(account_id=account), 2, 3)


def membership_for(user: User, asked: str | None) -> Membership:
    """`user` in the account whose id `asked` holds (the `X-Account-Id` header), else in the personal account.

    The account comes along in the one query, with all that `Account.allowance` reads. Raises `AccountRefused`, alike
    for an account of others, of nobody, one that was deleted, and for what is no id at all.
    """
    if asked is None:
        found = _PERSONAL.first(user.pk, user.pk)
    elif ACCOUNT_ID.fullmatch(asked):
        found = _NAMED.first(user.pk, int(asked))
    else:
        found = None
    if found is None:
        raise AccountRefused
    found.user = user
    return found


def asked_for(request: Request) -> str | None:
    """The id of the account that the request is for, as text; None where it names none."""
    if isinstance(request.auth, ApiToken):
        return str(request.auth.account_id)
    return request.headers.get("X-Account-Id")


class AccountScoped:
    """Mixin for API views, left of REST framework's: sets `request.account` and `request.membership`, and narrows
    the view's queryset to that account by its own `for_account()`.

    Both are set before permissions are checked, and only where somebody is signed in. An API token acts in its own
    account, whatever else is asked for.
    """

    account: Account
    membership: Membership

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)  # type: ignore[misc]
        user = request.user
        if isinstance(user, User):
            self.membership = membership_for(user, asked_for(request))
            self.account = self.membership.account
            request.membership, request.account = self.membership, self.account  # type: ignore[attr-defined]

    def get_queryset(self) -> Any:
        queryset = super().get_queryset()  # type: ignore[misc]
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        return queryset.for_account(self.account)
