"""Models and providers, for staff. No key is ever shown, nor set: that is for whom it belongs to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from doculume.back_office import OF_ACCOUNT, OF_USER, ModelAdmin
from llm_settings import configuring
from llm_settings.models import LLMProvider, UserLLMConfig


class OnlyRead(ModelAdmin):
    """To look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(LLMProvider)
class LLMProviderAdmin(OnlyRead):
    """Where an account's questions go. To look at and to delete, as its owners do."""

    list_display = ("name", "account", "type", "base_url", "model", "is_active", "shown_key", "updated_at")
    list_filter = ("type", "is_active", "created_at")
    list_select_related = ("account",)
    search_fields = ("id", "name__istartswith", *OF_ACCOUNT)
    fields = (
        ("name", "account"),
        ("type", "base_url", "model"),
        ("is_active", "position"),
        ("shown_key",),
        ("created_at", "updated_at", "id"),
    )
    readonly_fields = (
        *("name", "account", "type", "base_url", "model", "is_active", "position"),
        *("shown_key", "created_at", "updated_at", "id"),
    )

    def delete_model(self, request: HttpRequest, obj: LLMProvider) -> None:
        actor = request.user if isinstance(request.user, User) else None
        configuring.delete(obj, request=request, actor=actor)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LLMProvider]) -> None:
        for provider in queryset.select_related("account"):
            self.delete_model(request, provider)


@admin.register(UserLLMConfig)
class UserLLMConfigAdmin(OnlyRead):
    """Keys that users brought. To look at and to delete."""

    list_display = ("user", "provider", "account", "shown_key", "updated_at")
    list_filter = ("created_at",)
    list_select_related = ("user", "provider", "account")
    search_fields = ("id", "provider__name__istartswith", *OF_USER, *OF_ACCOUNT)
    fields = ("user", "provider", "account", "shown_key", "created_at", "updated_at", "id")
    readonly_fields = fields
