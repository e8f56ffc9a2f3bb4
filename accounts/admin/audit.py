"""The audit, to be read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.audit import Action
from accounts.models import AuditEvent


class ActionFilter(admin.SimpleListFilter):
    """The words there are, without reading the whole table for them."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(action.value, action.value.replace("_", " ")) for action in Action]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin):
    list_display = ("created_at", "action", "actor", "address", "target", "account_number")
    list_filter = (ActionFilter, "created_at")
    search_fields = ("actor", "target", "=account__id", "=request_id", "=address")
    search_help_text = "An e-mail or part of one, the number of an account, an address, or a request's id."
    show_full_result_count = False
    fields = (
        "created_at",
        "action",
        "actor",
        "actor_id",
        "address",
        "target",
        "details",
        "account_number",
        "request_id",
    )
    readonly_fields = fields

    @admin.display(description="account", ordering="account_id")
    def account_number(self, event: AuditEvent) -> str:
        """Not the account itself, which may be gone."""
        return "" if event.account_id is None else str(event.account_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False
