"""The pages of this app."""

from __future__ import annotations

from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.urls import path

from accounts.views import account, api_tokens, invitation, members, passwords, profile, security
from accounts.views.email import ConfirmEmailView
from accounts.views.foreign import ForeignSignInView
from accounts.views.registering import RegisterView
from accounts.views.signing_in import SecondFactorView, ShowAgainView, SignInView, SignOutView

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
    path("sign-in/second-step", SecondFactorView.as_view(), name="mfa_authenticate"),
    path("sign-in/elsewhere", ForeignSignInView.as_view(), name="foreign-sign-in"),
    path("sign-in/oidc/callback", openid_connect.callback, {"provider_id": "oidc"}, name="openid_connect_callback"),
    path("confirm-email/<str:key>", ConfirmEmailView.as_view(), name="account_confirm_email"),
    path("reset-password", passwords.RequestResetView.as_view(), name="account_reset_password"),
    path("reset-password/<str:uidb64>/<str:token>", passwords.ResetPasswordView.as_view(), name="reset-password-key"),
    path("account", profile.ProfileIndex.as_view(), name="account"),
    path("account/profile", profile.ProfileView.as_view(), name="account-profile"),
    path("account/email", profile.EmailView.as_view(), name="account-email"),
    path("account/email/send", profile.ResendView.as_view(), name="account-email-resend"),
    path("account/profile/delete", profile.DeleteMeView.as_view(), name="account-delete-me"),
    path("account/confirm", ShowAgainView.as_view(), name="account_reauthenticate"),
    path("account/security", security.SecurityView.as_view(), name="account-security"),
    path("account/security/password", passwords.ChangePasswordView.as_view(), name="account-password"),
    path("account/security/two-factor", security.TwoFactorView.as_view(), name="account-two-factor"),
    path("account/security/two-factor/off", security.TwoFactorOffView.as_view(), name="account-two-factor-off"),
    path("account/security/recovery-codes", security.RecoveryCodesView.as_view(), name="account-recovery-codes"),
    path("account/security/sign-ins/end", security.EndSignInView.as_view(), name="account-end-sign-in"),
    path("account/security/sign-ins/end-others", security.EndOthersView.as_view(), name="account-end-others"),
    path("account/tokens", api_tokens.TokensView.as_view(), name="account-tokens"),
    path("account/tokens/<int:pk>/revoke", api_tokens.RevokeTokenView.as_view(), name="account-token-revoke"),
]
