"""Sign-ins and tokens: to be looked at and ended. No digest or token is ever shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import TokenFamily


class LiveFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("revoked", "Revoked"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TokenFamily]) -> QuerySet[TokenFamily]:
        now = timezone.now()
        states = {
            "live": Q(revoked_at=None, expires_at__gt=now),
            "revoked": Q(revoked_at__isnull=False),
            "expired": Q(expires_at__lte=now),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


@admin.register(TokenFamily)
class TokenFamilyAdmin(admin.ModelAdmin):
    """Sign-ins by token: to be looked at and ended, not edited."""

    list_display = ("user", "created_at", "last_used_at", "expires_at", "is_live", "revoked_because")
    list_filter = (LiveFilter, "revoked_because", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "=id")
    fields = ("id", "user", "created_at", "last_used_at", "expires_at", "revoked_at", "revoked_because")
    readonly_fields = fields
    ordering = ("-last_used_at",)
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TokenFamily | None = None) -> bool:
        return False

    @admin.display(boolean=True, description="live")
    def is_live(self, family: TokenFamily) -> bool:
        return family.is_live

    @admin.action(description="Revoke (the tokens stop working at once)", permissions=["delete"])
    def revoke(self, request: HttpRequest, families: Any) -> None:
        self.message_user(request, f"{families.revoke('revoked by staff')} sign-ins ended.", messages.SUCCESS)
