"""Accounts, who is in them, and their plans."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.deleting import DeletesForGood
from accounts.admin.members import MembershipInline, by
from accounts.deletion import delete_account
from accounts.models import Account


@admin.register(Account)
class AccountAdmin(DeletesForGood):
    goes_along = "with all that is in it"
    list_display = ("name", "id", "plan", "personal_of", "created_at")
    list_filter = ("plan", "created_at")
    list_select_related = ("personal_of",)
    search_fields = ("name", "=id", "memberships__user__email")
    readonly_fields = ("personal_of", "created_at")
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return super().get_queryset(request).filter(deleted_at=None)

    def delete_for_good(self, request: HttpRequest, row: Account) -> None:
        delete_account(row, by(request)["actor"], request)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """A personal account goes with its user, never before."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.personal_of_id is None)
