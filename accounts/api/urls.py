"""Below `/api/v1/`."""

from __future__ import annotations

from accounts.api.flat_views import AccountsView, AuthView, CurrentUserView, PasswordView, UsersView
from accounts.api.settings import AdminSettingsView, UserSettingsView
from accounts.api.sign_in_views import LoginView, LogoutView, RefreshView, RegisterView
from accounts.api.user_views import ApiKeyView, MeView
from doculume.routing import both

urlpatterns = [
    both("auth/register", RegisterView.as_view(), "api-register"),
    both("auth/login", LoginView.as_view(), "api-login"),
    both("auth/refresh", RefreshView.as_view(), "api-refresh"),
    both("auth/logout", LogoutView.as_view(), "api-logout"),
    both("users/me", MeView.as_view(), "api-me"),
    both("users/api-key", ApiKeyView.as_view(), "api-key"),
    both("users", UsersView.as_view(), "api-users"),
    both("auth", AuthView.as_view(), "api-auth"),
    both("me", CurrentUserView.as_view(), "api-current-user"),
    both("password", PasswordView.as_view(), "api-password"),
    both("accounts", AccountsView.as_view(), "api-accounts"),
    both("settings/user", UserSettingsView.as_view(), "api-settings-user"),
    both("settings/admin", AdminSettingsView.as_view(), "api-settings-admin"),
]
