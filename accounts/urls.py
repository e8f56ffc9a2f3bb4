"""The pages of this app."""

from __future__ import annotations

from django.urls import path

from accounts.views import account, invitation, members
from accounts.views.email import ConfirmEmailView
from accounts.views.registering import RegisterView
from accounts.views.signing_in import SignInView, SignOutView

urlpatterns = [
    path("sign-in", SignInView.as_view(), name="sign-in"),
    path("sign-out", SignOutView.as_view(), name="sign-out"),
    path("register", RegisterView.as_view(), name="register"),
    path("invitations/<str:token>", invitation.InvitationLink.as_view(), name="invitation-link"),
    path("invitation", invitation.InvitationPage.as_view(), name="invitation"),
    path("invitation/sign-out", invitation.LeaveForInvitation.as_view(), name="invitation-sign-out"),
    path("accounts/new", account.NewAccountPage.as_view(), name="account-new"),
    path("account/members", members.MembersPage.as_view(), name="account-members"),
    path("account/members/invite", members.InviteMember.as_view(), name="member-invite"),
    path("account/members/<int:pk>/role", members.ChangeRole.as_view(), name="member-role"),
    path("account/members/<int:pk>/remove", members.RemoveMember.as_view(), name="member-remove"),
    path("account/members/<int:pk>/hand-over", members.HandOver.as_view(), name="member-hand-over"),
    path("account/leave", members.Leave.as_view(), name="account-leave"),
    path("account/invitations/<uuid:pk>/revoke", members.RevokeInvitation.as_view(), name="invitation-revoke"),
    path("account/invitations/<uuid:pk>/resend", members.ResendInvitation.as_view(), name="invitation-resend"),
    path("account/settings", account.AccountSettingsPage.as_view(), name="account-settings"),
    path("account/delete", account.DeleteAccount.as_view(), name="account-delete"),
    path("account/usage", account.UsagePage.as_view(), name="account-usage"),
    path("account/audit", account.AuditPage.as_view(), name="account-audit"),
    # The names with underscores are those that allauth looks for.
    path("confirm-email/<str:key>", ConfirmEmailView.as_view(), name="account_confirm_email"),
]
