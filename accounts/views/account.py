"""An account's own pages: making one, its settings, what it has used, what happened in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from accounts import founding, usage
from accounts.audit import Action
from accounts.models import AuditEvent
from accounts.pages import AccountPage
from accounts.views.event_words import DETAILS, SPOKEN
from accounts.views.refusals import refused
from doculume.errors import Conflict, DoculumeError

EVENTS_ON_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a limit; None is no limit."""

    name: str
    amount: int
    limit: int | None
    are_bytes: bool = False

    @property
    def spoken(self) -> str:
        """`1,900 of 2,000`, `1.5 MB of 200 MB`, `7, no limit`."""
        write = size if self.are_bytes else intcomma
        if self.limit is None:
            return _("%(amount)s, no limit") % {"amount": write(self.amount)}
        return _("%(amount)s of %(limit)s") % {"amount": write(self.amount), "limit": write(self.limit)}

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.amount >= self.limit

    @property
    def is_tight(self) -> bool:
        return self.limit is not None and self.amount >= 0.8 * self.limit


class NameNotRepeated(Conflict):
    message = "Type the account's name exactly as it stands above."


class NewAccountPage(AccountPage, TemplateView):
    template_name = "accounts/new_account.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "")
        try:
            account = founding.found(self.membership.user, name, request=request)
        except DoculumeError as error:
            return refused(self.render_to_response(self.get_context_data(trouble=error, typed=request.POST)), error)
        messages.success(request, _("%(name)s is there. Invite whom you like.") % {"name": account})
        return redirect(f"{reverse('account-members')}?account={account.pk}")


class AccountSettingsPage(AccountPage, TemplateView):
    """Those who manage it rename it; owners delete it."""

    template_name = "accounts/account_settings.html"

    def may_open(self) -> bool:
        return self.membership.may_manage

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.done(lambda: founding.rename(self.membership, request.POST.get("name", ""), request=request))

    def done(self, change: Any, *, said: str = "", leads_to: str = "account-settings") -> HttpResponse:
        before = self.account.name
        try:
            change()
        except DoculumeError as error:
            self.account.name = before
            page = self.get_context_data(trouble=error, typed=self.request.POST)
            return refused(self.render_to_response(page), error)
        messages.success(self.request, said or _("Saved."))
        where = f"?account={self.account.pk}" if leads_to == "account-settings" else ""
        return redirect(f"{reverse(leads_to)}{where}")


class DeleteAccount(AccountSettingsPage):
    http_method_names = ["post", "options"]

    def may_open(self) -> bool:
        return self.membership.is_owner

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.done(self.delete, said=_("%(name)s is deleted.") % {"name": self.account}, leads_to="home")

    def delete(self) -> None:
        if self.request.POST.get("confirmation", "").strip() != self.account.name:
            raise NameNotRepeated
        from accounts import deletion

        deletion.delete_account(self.account, self.membership.user, self.request)


class UsagePage(AccountPage, TemplateView):
    """What the plan allows and what of it is used. Everybody in the account may know."""

    template_name = "accounts/usage.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        allowed = self.account.allowance
        stored = usage.held_by(self.account)
        used = [
            Used(_("AI answers this month"), usage.answers_this_month(self.account.pk), allowed.answers_per_month),
            Used(_("Documents and other entries"), stored.entries, allowed.entries),
            Used(_("Stored files"), stored.stored_bytes, allowed.stored_bytes, are_bytes=True),
        ]
        return super().get_context_data(used=used, allowed=allowed, plan=self.account.plan, **kwargs)


class AuditPage(AccountPage, TemplateView):
    """What happened in the account, for its owners. `?action=` narrows, `?before=<id>` goes on from there."""

    template_name = "accounts/audit.html"

    def may_open(self) -> bool:
        return self.membership.is_owner

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        action = self.request.GET.get("action", "")
        events = AuditEvent.objects.for_account(self.account)
        if action in set(Action):
            events = events.filter(action=action)
        if last := self.last_seen():
            same_moment = Q(created_at=last.created_at, id__lt=last.id)
            events = events.filter(Q(created_at__lt=last.created_at) | same_moment)
        found = list(events.order_by("-created_at", "-id")[: EVENTS_ON_A_PAGE + 1])
        for event in found:
            event.title = spoken(event.action)  # type: ignore[attr-defined]
            event.described = list(described(event.details))  # type: ignore[attr-defined]
        return super().get_context_data(
            events=found[:EVENTS_ON_A_PAGE],
            older=found[EVENTS_ON_A_PAGE - 1].id if len(found) > EVENTS_ON_A_PAGE else None,
            is_first=last is None,
            actions=[(each.value, spoken(each.value)) for each in Action],
            action=action,
            **kwargs,
        )

    def last_seen(self) -> AuditEvent | None:
        try:
            before = UUID(self.request.GET.get("before", ""))
        except ValueError:
            return None
        return AuditEvent.objects.for_account(self.account).filter(id=before).first()


def size(amount: int) -> str:
    """In powers of 1000, as plans count."""
    units, value = [_("bytes"), "KB", "MB", "GB", "TB"], float(amount)
    while value >= 1000 and len(units) > 1:
        units, value = units[1:], value / 1000
    number = floatformat(value, "-1")
    return f"{number} {units[0]}"


def spoken(action: str) -> str:
    """`role_changed` for people."""
    return str(SPOKEN.get(action) or action.replace("_", " ").capitalize())


def described(details: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is known besides, with names that people read."""
    for name, value in details.items():
        yield str(DETAILS.get(name) or name.replace("_", " ").capitalize()), value
