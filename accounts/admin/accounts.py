"""Accounts, who is in them, and their plans."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.members import MembershipInline
from accounts.models import Account


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ("name", "id", "plan", "personal_of", "created_at")
    list_filter = ("plan", "created_at")
    list_select_related = ("personal_of",)
    search_fields = ("name", "=id", "memberships__user__email")
    readonly_fields = ("personal_of", "created_at")
    inlines = (MembershipInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """A personal account goes with its user, never before."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.personal_of_id is None)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}
