"""The audit, to be read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.audit import Action
from accounts.models import AuditEvent, User
from doculume.back_office import ModelAdmin


class ActionFilter(admin.SimpleListFilter):
    """The words there are, without reading the whole table for them."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(action.value, action.value.replace("_", " ")) for action in Action]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ModelAdmin):
    list_display = ("created_at", "action", "actor", "address", "target", "account_number")
    list_filter = (ActionFilter, "created_at")
    sortable_by = ("created_at",)
    search_fields = ("actor", "target", "account_id", "request_id", "address")
    search_help_text = "How a user's e-mail begins, a target, the number of an account, an address, or a request's id."
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """By who did it too, while they are there."""
        found, repeats = super().get_search_results(request, queryset, search_term)
        if search_term:
            people = list(User.objects.filter(email__startswith=search_term.lower()).values_list("pk", flat=True)[:50])
            found |= queryset.filter(actor_id__in=people)
        return found, repeats

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
