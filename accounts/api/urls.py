"""Below `/api/v1/`."""

from __future__ import annotations

from accounts.api.settings import AdminSettingsView, UserSettingsView
from accounts.api.views import LoginView, LogoutView, MeView, RefreshView, RegisterView
from doculume.routing import both

urlpatterns = [
    both("auth/register", RegisterView.as_view(), "api-register"),
    both("auth/login", LoginView.as_view(), "api-login"),
    both("auth/refresh", RefreshView.as_view(), "api-refresh"),
    both("auth/logout", LogoutView.as_view(), "api-logout"),
    both("users/me", MeView.as_view(), "api-me"),
    both("settings/user", UserSettingsView.as_view(), "api-settings-user"),
    both("settings/admin", AdminSettingsView.as_view(), "api-settings-admin"),
]
