"""The page of an account's people: who is in, who was asked, and changing that."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from accounts import invitations, members
from accounts.models import Invitation, Membership
from accounts.pages import AccountPage
from accounts.views.refusals import refused
from doculume.errors import DoculumeError

ON_A_PAGE = 100
ROLES = (
    (Membership.Role.OWNER, gettext_lazy("everything, and may delete the account")),
    (Membership.Role.ADMIN, gettext_lazy("works with documents and looks after members and viewers")),
    (Membership.Role.MEMBER, gettext_lazy("adds, deletes and asks documents")),
    (Membership.Role.VIEWER, gettext_lazy("reads and asks, changes nothing")),
)


class MembersPage(AccountPage, TemplateView):
    """Everybody in the account sees who else is; those who manage it change that here."""

    template_name = "accounts/members.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        people = Paginator(self.everybody(), ON_A_PAGE).get_page(self.request.GET.get("page"))
        for person in people:
            person.account = self.account
            person.can_be_managed = members.may_manage(self.membership, person)  # type: ignore[attr-defined]
        grantable = set(members.grantable(self.membership))
        asked = Invitation.objects.open().filter(account=self.account).select_related("invited_by")
        return super().get_context_data(
            people=people,
            roles=[(role, role.label, what) for role, what in ROLES],
            grantable=[(role, role.label, what) for role, what in ROLES if role in grantable],
            invitations=asked if self.membership.may_manage else (),
            may_leave=self.account.personal_of_id != self.membership.user_id,
            **{"typed": {}, "trouble": None} | kwargs,
        )

    def everybody(self) -> QuerySet[Membership]:
        return Membership.objects.filter(account=self.account).select_related("user").order_by("user__email")


class ChangeOfMembers(MembersPage):
    """A form of that page: does what it is for and goes back, or shows the page again with what went wrong."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            said = self.act(request)
        except DoculumeError as error:
            page = self.get_context_data(trouble=error, typed=request.POST)
            return refused(self.render_to_response(page), error)
        messages.success(request, said)
        return redirect(f"{reverse(self.leads_to)}{self.where()}")

    leads_to = "account-members"

    def act(self, request: HttpRequest) -> str:
        """Do it; what to tell about it."""
        raise NotImplementedError

    def where(self) -> str:
        return f"?account={self.account.pk}"

    def member(self) -> Membership:
        return get_object_or_404(self.everybody(), pk=self.kwargs["pk"])

    def invitation(self) -> Invitation:
        """Only for those who manage: to others there are none."""
        if not self.membership.may_manage:
            raise members.RoleForbids
        return get_object_or_404(Invitation.objects.filter(account=self.account), pk=self.kwargs["pk"])


class InviteMember(ChangeOfMembers):
    def act(self, request: HttpRequest) -> str:
        email, role = request.POST.get("email", ""), request.POST.get("role", Membership.Role.MEMBER)
        return _("%(email)s is invited.") % {"email": invitations.invite(self.membership, email, role, request).email}


class ChangeRole(ChangeOfMembers):
    def act(self, request: HttpRequest) -> str:
        person, role = self.member(), request.POST.get("role", "")
        members.change_role(self.membership, person, role, request=request)
        return _("%(name)s has the role %(role)s now.") % {"name": person.user, "role": Membership.Role(role).label}


class RemoveMember(ChangeOfMembers):
    def act(self, request: HttpRequest) -> str:
        person = self.member()
        members.remove(self.membership, person, request=request)
        return _("%(name)s is no longer in this account.") % {"name": person.user}


class HandOver(ChangeOfMembers):
    def act(self, request: HttpRequest) -> str:
        person = self.member()
        members.hand_over(self.membership, person, request=request)
        return _("%(name)s owns this account now, and you are an admin of it.") % {"name": person.user}


class Leave(ChangeOfMembers):
    leads_to = "home"

    def act(self, request: HttpRequest) -> str:
        members.leave(self.membership, request=request)
        return _("You have left %(name)s.") % {"name": self.account}

    def where(self) -> str:
        return ""


class RevokeInvitation(ChangeOfMembers):
    def act(self, request: HttpRequest) -> str:
        invitation = self.invitation()
        invitations.revoke(self.membership, invitation, request=request)
        return _("The invitation of %(email)s is revoked.") % {"email": invitation.email}


class ResendInvitation(ChangeOfMembers):
    def act(self, request: HttpRequest) -> str:
        old = self.invitation()
        invitations.invite(self.membership, old.email, old.role, request)
        return _("%(email)s gets a new link. The old one has stopped working.") % {"email": old.email}
