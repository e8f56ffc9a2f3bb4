"""Embedding models, for staff."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from llm_settings.models import EmbeddingModel


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(admin.ModelAdmin):
    """To look at: making another model the active one would leave what is stored without vectors of it."""

    list_display = ("name", "provider", "dimensions", "status", "created_at")
    list_filter = ("status", "provider")
    search_fields = ("name", "=id")
    fields = ("name", "provider", "dimensions", "status", "created_at", "id")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: EmbeddingModel | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: EmbeddingModel | None = None) -> bool:
        return False
