"""What allauth keeps of signing in: to be looked at and ended.

Its own pages of the admin show the keys of sessions and the secrets of second factors, and let both be edited.
"""

from __future__ import annotations

from typing import Any

# Before ours, which take back what these register.
import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin
import allauth.usersessions.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts import audit
from accounts.admin.credentials import OnlyEnded
from accounts.notices import notify
from doculume.back_office import OF_USER, ModelAdmin

# An issuer is named by the environment, and its tokens are not kept. Addresses are kept in step with their users.
admin.site.unregister([Authenticator, UserSession, SocialAccount, SocialApp, SocialToken, EmailAddress])


class Ended(OnlyEnded):
    """Each is ended by itself, also where many are chosen: ending is more than a row that goes."""

    def end(self, request: HttpRequest, row: Any) -> None:
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.end(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.end(request, row)


@admin.register(UserSession)
class UserSessionAdmin(Ended):
    """Sign-ins on pages. The key is what a browser shows to be that person, so nobody sees it."""

    list_display = ("user", "created_at", "last_seen_at", "ip", "user_agent")
    list_select_related = ("user",)
    search_fields = OF_USER
    fields = list_display
    readonly_fields = fields
    ordering = ("-id",)

    def end(self, request: HttpRequest, row: UserSession) -> None:
        row.end()


@admin.register(EmailAddress)
class EmailAddressAdmin(ModelAdmin):
    """Which addresses were confirmed. They change with their user, and by the links that are mailed."""

    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified",)
    list_select_related = ("user",)
    search_fields = ("email__startswith", *OF_USER)
    fields = list_display
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: EmailAddress | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: EmailAddress | None = None) -> bool:
        return False


@admin.register(SocialAccount)
class SocialAccountAdmin(OnlyEnded):
    """Who signs in at another site. What that site told of them is not shown."""

    list_display = ("user", "provider", "uid", "last_login", "date_joined")
    list_select_related = ("user",)
    search_fields = OF_USER
    fields = list_display
    readonly_fields = fields
    ordering = ("-id",)


@admin.register(Authenticator)
class AuthenticatorAdmin(Ended):
    """Second factors. A superuser removes one for a person who has lost their phone and their recovery codes."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = OF_USER
    fields = list_display
    readonly_fields = fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    @transaction.atomic
    def end(self, request: HttpRequest, row: Authenticator) -> None:
        row.delete()
        if row.type == Authenticator.Type.TOTP:
            audit.record(audit.Action.TWO_FACTOR_DISABLED, request=request, actor=request.user, target=row.user.email)  # type: ignore[arg-type]
            notify(row.user, _("Two-factor authentication was turned off."))
