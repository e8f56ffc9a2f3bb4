"""The account a page is for, decided once for each request, and the choice between several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import never_cache
from django.views.generic.base import ContextMixin, TemplateView, View

from accounts.acting import AccountRefused, number_of
from accounts.models import Account, Membership, User
from accounts.preferences import speak_to
from accounts.views.refusals import refused
from doculume.errors import DoculumeError

SESSION_KEY = "account"


@dataclass(frozen=True, slots=True)
class Choice:
    """The accounts that a user belongs to, their own first, and the one that is shown."""

    memberships: list[Membership]
    membership: Membership

    @property
    def are_several(self) -> bool:
        return len(self.memberships) > 1

    @property
    def parameter(self) -> str:
        """For links: which account they are about, where it could be another. Tabs share one session."""
        return f"account={self.membership.account_id}" if self.are_several else ""


def chosen(request: HttpRequest, user: User) -> Choice:
    """`?account=<id>`, kept in the session from then on; else what the session keeps, if the user still belongs to
    it; else the personal account.

    Raises `AccountRefused` for a parameter that names none of theirs.
    """
    memberships = memberships_of(user)
    mine = {membership.account_id: membership for membership in memberships}
    personal = memberships[0]
    asked = request.GET.get("account")
    if asked is None:
        found = mine.get(request.session.get(SESSION_KEY, personal.account_id), personal)
    elif number_of(asked) not in mine:
        raise AccountRefused
    else:
        found = mine[number_of(asked)]
    _keep(request, None if found is personal else found.account_id)
    return Choice(memberships, found)


def memberships_of(user: User) -> list[Membership]:
    """All of them with their accounts, plans and limits, the personal one first. Raises `AccountRefused` if none."""
    rows = Membership.objects.select_related("account__plan", "account__own_limits")
    memberships = list(rows.filter(user=user, account__deleted_at=None))
    for membership in memberships:
        membership.user = user
    memberships.sort(key=lambda one: (one.account.personal_of_id != user.pk, one.account.name.casefold(), one.pk))
    if not memberships or memberships[0].account.personal_of_id != user.pk:
        raise AccountRefused
    return memberships


def _keep(request: HttpRequest, account_id: int | None) -> None:
    """Touches the session only where something changes: what is not touched is not written."""
    if request.session.get(SESSION_KEY) != account_id:
        if account_id is None:
            del request.session[SESSION_KEY]
        else:
            request.session[SESSION_KEY] = account_id


def choice_of_page(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `choice`, for the header. Costs nothing on pages that do not show it, or chose already."""

    def choice() -> Choice | None:
        if (made := getattr(request, "account_choice", None)) is not None:
            return made
        user = getattr(request, "user", None)
        if not isinstance(user, User):
            return None
        try:
            return chosen(request, user)
        except AccountRefused:
            return None

    return {"choice": SimpleLazyObject(choice)}


@method_decorator(never_cache, name="dispatch")
class AccountPage(LoginRequiredMixin, ContextMixin, View):
    """Mixin for pages of signed-in users: sets `account` and `membership`; see `chosen`.

    Whatever else is asked for is a 404, exactly like a page that does not exist. Pages that are not for every role
    say so by `may_open`.
    """

    account: Account
    membership: Membership

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return self.handle_no_permission()
        try:
            choice = chosen(request, request.user)
        except AccountRefused as error:
            raise Http404 from error
        request.account_choice = choice  # type: ignore[attr-defined]
        self.membership, self.account = choice.membership, choice.membership.account
        speak_to(request)
        if not self.may_open():
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def may_open(self) -> bool:
        return True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(account=self.account, membership=self.membership, **kwargs)


class AreaPage(AccountPage, TemplateView):
    """Mixin for the pages of one area of the product (`area`, as the navigation has it): whoever may only read sees
    everything and changes nothing."""

    area: ClassVar[str] = ""

    def must_write(self) -> None:
        if not self.membership.may_write:
            raise PermissionDenied

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(area=self.area, **{"trouble": None} | kwargs)

    def goes_to(self, name: str, *ids: UUID) -> HttpResponse:
        return redirect(f"{reverse(name, args=ids)}?account={self.account.pk}")

    def again(self, error: DoculumeError, **shown: Any) -> HttpResponse:
        """The page once more, with what went wrong."""
        return refused(self.render_to_response(self.get_context_data(trouble=error, **shown)), error)
