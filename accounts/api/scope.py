"""The account a request acts in, decided once for each request."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from accounts.acting import asked_for, membership_for
from accounts.models import Account, Membership, User


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
            known = getattr(request.auth, "membership", None)
            self.membership = known or membership_for(user, asked_for(request.headers))
            self.account = self.membership.account
            request.membership, request.account = self.membership, self.account  # type: ignore[attr-defined]

    def get_queryset(self) -> Any:
        queryset = super().get_queryset()  # type: ignore[misc]
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        return queryset.for_account(self.account)
