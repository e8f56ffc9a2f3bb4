"""The page that an invitation's link leads to.

The token leaves the address at once: it is kept, encrypted, in the session, so that no history, referrer or log of a
crash gets it, and so that signing in or registering comes back to it.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView, View

from accounts import invitations
from accounts.invitations import InvitationGone
from accounts.models import Invitation, User
from accounts.views.refusals import refused
from accounts.views.signing_in import SignOutView
from doculume.crypto import UnreadableSecret, decrypt, encrypt
from doculume.errors import DoculumeError

SESSION_KEY = "invitation"
GONE = "accounts/invitation_gone.html"
# For crashes are logged with the path.
WITHOUT_TOKEN = "/invitations/-"  # noqa: S105


def followed_token(request: HttpRequest) -> str | None:
    """The token of the link that was followed in this session, whatever became of the invitation."""
    try:
        return decrypt(request.session.get(SESSION_KEY, ""))
    except UnreadableSecret:
        return None


def followed_invitation(request: HttpRequest) -> Invitation | None:
    """The invitation that this session came by, if it is still open."""
    token = followed_token(request)
    try:
        return invitations.find(token) if token else None
    except InvitationGone:
        return None


def forget_link(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)


@method_decorator(never_cache, name="dispatch")
class InvitationLink(View):
    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        request.path = request.path_info = WITHOUT_TOKEN
        try:
            invitations.find(token)
        except InvitationGone as error:
            response = refused(render(request, GONE), error)
        else:
            request.session[SESSION_KEY] = encrypt(token)
            response = redirect("invitation")
        response["Referrer-Policy"] = "strict-origin"
        return response


@method_decorator(never_cache, name="dispatch")
class InvitationPage(TemplateView):
    """Who invites to what, and the way on: accept, or sign in as the right person first."""

    template_name = "accounts/invitation.html"
    http_method_names = ["get", "head", "post", "options"]
    invitation: Invitation

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = followed_invitation(request)
        if found is None:
            return refused(render(request, GONE), InvitationGone())
        self.invitation = found
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        is_theirs = isinstance(user, User) and user.email == self.invitation.email
        return super().get_context_data(invitation=self.invitation, is_theirs=is_theirs, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, User):
            return redirect(f"{reverse('sign-in')}?next={reverse('invitation')}")
        try:
            membership = invitations.accept(self.invitation, request.user, request=request)
        except DoculumeError as error:
            return refused(self.render_to_response(self.get_context_data(trouble=error)), error)
        forget_link(request)
        messages.success(request, f"You are in {membership.account} now.")
        return redirect(f"{reverse('home')}?account={membership.account_id}")


class LeaveForInvitation(View):
    """Signs out whoever is signed in, and comes back to the invitation."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        kept = request.session.get(SESSION_KEY)
        response = SignOutView.as_view()(request)
        if kept:
            request.session[SESSION_KEY] = kept
        response["Location"] = reverse("invitation")
        return response
