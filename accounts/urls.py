"""The pages of this app."""

from __future__ import annotations

from django.urls import path

from accounts.views.email import ConfirmEmailView
from accounts.views.registering import RegisterView
from accounts.views.signing_in import SignInView, SignOutView

urlpatterns = [
    path("sign-in", SignInView.as_view(), name="sign-in"),
    path("sign-out", SignOutView.as_view(), name="sign-out"),
    path("register", RegisterView.as_view(), name="register"),
    # The names with underscores are those that allauth looks for.
    path("confirm-email/<str:key>", ConfirmEmailView.as_view(), name="account_confirm_email"),
]
