"""The pages of this app."""

from __future__ import annotations

from django.urls import path

from accounts.views import RegisterView, SignInView, SignOutView

urlpatterns = [
    path("sign-in", SignInView.as_view(), name="sign-in"),
    path("sign-out", SignOutView.as_view(), name="sign-out"),
    path("register", RegisterView.as_view(), name="register"),
]
