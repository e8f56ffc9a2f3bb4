"""The account a page is for, decided once for each request."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic.base import ContextMixin, View

from accounts.api.scope import AccountRefused, membership_for
from accounts.models import Account, Membership, User


@method_decorator(never_cache, name="dispatch")
class AccountPage(LoginRequiredMixin, ContextMixin, View):
    """Mixin for pages of signed-in users: sets `account` and `membership`, from `?account=<id>` where it is given
    and the user belongs to it, else the personal account.

    Whatever else is asked for is a 404, exactly like a page that does not exist.
    """

    account: Account
    membership: Membership

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return self.handle_no_permission()
        try:
            self.membership = membership_for(request.user, request.GET.get("account"))
        except AccountRefused as error:
            raise Http404 from error
        self.account = self.membership.account
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(account=self.account, membership=self.membership, **kwargs)
